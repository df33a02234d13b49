"""One process at a time for work that two must not do at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from python_ingest.errors import BusyError


@contextmanager
def only_one(lakehouse: Path, work: str) -> Iterator[None]:
    """Hold the lakehouse's lock for `work`; raises BusyError at once if another process holds it.

    The operating system lets go of the lock when its holder dies, however it dies.
    """
    lakehouse.mkdir(parents=True, exist_ok=True)
    path = lakehouse / f".{work}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"Another {work} (process {holder}) is at work on {lakehouse}: "
                "wait until it has finished, or stop it."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
