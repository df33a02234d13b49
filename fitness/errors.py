"""Errors of the command `fitness`, in addition to those of the ingest."""

from python_ingest.errors import FitnessError

MORE_MEMORY = "set FITNESS_DRIVER_MEMORY to more, such as 4g"


class JavaError(FitnessError):
    """Java is missing or of a version that Spark does not run on."""


class HeapError(FitnessError):
    """Spark's heap is too full to continue: Spark must be restarted."""


class BuildError(FitnessError):
    """dbt finished with failures; it has printed them."""
