"""Errors that a person can do something about; their messages say what."""


class FitnessError(Exception):
    """Base of all; a command prints its message and exits with 1."""


class SettingError(FitnessError):
    """A flag, an environment variable, a profile or a contract has a value that cannot work."""


class BusyError(FitnessError):
    """Another process is doing the same work on this lakehouse."""


class IngestError(FitnessError):
    """A stream stopped; what has landed stays, and the next ingest continues from there.

    `is_permanent`: trying again would fail too.
    """

    def __init__(self, message: str, *, is_permanent: bool) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
