"""The errors that a person can do something about; their messages say what."""

MORE_MEMORY = "set FITNESS_DRIVER_MEMORY to more, such as 4g"


class FitnessError(Exception):
    """Base of all; the command line prints its message and exits with 1."""


class SettingError(FitnessError):
    """A flag, an environment variable or a profile has a value that cannot work."""


class BusyError(FitnessError):
    """Another process is doing the same work on this lakehouse."""


class JavaError(FitnessError):
    """Java is missing or of a version that Spark does not run on."""


class HeapError(FitnessError):
    """Spark's heap is too full to go on with: a new Spark is needed."""


class BuildError(FitnessError):
    """dbt finished with failures; it has printed them."""


class IngestError(FitnessError):
    """A stream stopped; what had landed stays, and the next ingest goes on from there.

    `is_permanent`: whether trying again would be in vain.
    """

    def __init__(self, message: str, *, is_permanent: bool) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
