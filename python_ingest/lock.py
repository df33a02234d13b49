"""One process at a time for work that two must not do at once."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from python_ingest.errors import BusyError

POLL = 0.2  # seconds
MAINTENANCE = "maintenance"
LONGEST_MAINTENANCE = timedelta(minutes=30)  # of a table


@contextmanager
def only_one(lakehouse: Path, work: str, patience: timedelta = timedelta()) -> Iterator[None]:
    """Hold the lakehouse's lock for `work`.

    Raises BusyError if another process holds it for longer than `patience`. The operating system
    lets go of the lock when its holder dies, however it dies. A volume of Databricks has no locks:
    there the job sees to it that one run is at work at a time.
    """
    if is_volume(lakehouse):
        yield
        return
    lakehouse.mkdir(parents=True, exist_ok=True)
    # Twice at least: holder() has the lock for a moment to see whether anybody has.
    until = time.monotonic() + max(patience.total_seconds(), POLL)
    with lock_file(lakehouse, work).open("a+") as file:
        while not lock(file, fcntl.LOCK_EX):
            if time.monotonic() >= until:
                raise BusyError(
                    f"Another {work} (process {said_by(file)}) is at work on {lakehouse}: "
                    "wait until it has finished, or stop it."
                )
            time.sleep(POLL)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def writing(lakehouse: Path, work: str) -> Iterator[None]:
    """Hold the lakehouse's lock for `work` that writes tables; waits for the maintenance of one.

    Raises BusyError if another process is at the same work.
    """
    is_maintained = holder(lakehouse, MAINTENANCE) is not None
    with only_one(lakehouse, work, LONGEST_MAINTENANCE if is_maintained else timedelta()):
        yield


def is_volume(path: Path) -> bool:
    """Tell whether a path is in a volume of Databricks; elsewhere a Mac has its disks there."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ and Path("/Volumes") in path.parents


def lock_file(lakehouse: Path, work: str) -> Path:
    """Give the file of the lock."""
    return lakehouse / f".{work}.lock"


def lock(file: TextIO, kind: int) -> bool:
    """Lock a file for this process, unless another has; tell whether it is locked now."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def said_by(file: TextIO) -> str:
    """Give the process that has written itself into a lock's file."""
    file.seek(0)
    return file.read().strip() or "unknown"


def holder(lakehouse: Path, work: str) -> str | None:
    """Give the process that holds the lakehouse's lock for `work`, if one does."""
    path = lock_file(lakehouse, work)
    if not path.exists():
        return None
    with path.open() as file:
        return None if lock(file, fcntl.LOCK_SH) else said_by(file)
