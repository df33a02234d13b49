"""Locks for work that only one process may do at a time."""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TextIO, cast

from py4j.protocol import Py4JError

from python_ingest.errors import BusyError
from python_ingest.settings import Settings

if TYPE_CHECKING:  # To ask for the holder of a lock takes no Spark.
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

POLL = 0.2  # seconds
MAINTENANCE = "maintenance"
FORGET = "forget"  # held also while `fitness forget` waits: continuous runs then pause
LONGEST_MAINTENANCE = timedelta(minutes=30)  # of a table
SECONDS_TO_DIE = 60.0  # for the JVM of a process that was killed


@contextmanager
def writing(spark: "SparkSession | None", settings: Settings, work: str) -> Iterator[None]:
    """Hold the lakehouse's lock for `work` that writes tables; wait for maintenance of a table.

    Raises BusyError if another process is at the same work. `spark` is that of this process, None
    if a server or a warehouse does the work.
    """
    is_maintained = holder(settings.lakehouse, MAINTENANCE) is not None
    patience = LONGEST_MAINTENANCE if is_maintained else timedelta()
    with only_one(settings.lakehouse, work, patience), held_by_jvm(spark, settings, work):
        yield


@contextmanager
def only_one(lakehouse: Path, work: str, patience: timedelta = timedelta()) -> Iterator[None]:
    """Hold the lakehouse's lock for `work`.

    Raises BusyError if another process holds it for longer than `patience`. The operating system
    releases the lock when its holder dies, however it dies.
    """
    lakehouse.mkdir(parents=True, exist_ok=True)

    def find_holder() -> str | None:
        if lock(file, fcntl.LOCK_EX):
            return None
        return f"Another {work} (process {read_holder_pid(file)}) is at work on {lakehouse}"

    with lock_file(lakehouse, work).open("a+") as file:
        wait_while(find_holder, patience)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def held_by_jvm(spark: "SparkSession | None", settings: Settings, work: str) -> Iterator[None]:
    """Let the JVM hold the lakehouse's lock for `work` too.

    The JVM of a process that was killed outlives it for a moment, and may still commit. Raises
    BusyError if that JVM does not end in time.
    """
    if spark is None:
        yield
        return
    jvm = cast(Any, spark)._jvm
    file = jvm.java.io.RandomAccessFile(str(settings.lakehouse / f".{work}.jvm.lock"), "rw")
    what = f"The Java process of another {work}, which has ended, is still at work on"

    def find_holder() -> str | None:
        is_free = file.getChannel().tryLock() is not None
        return None if is_free else f"{what} {settings.lakehouse}"

    try:
        wait_while(find_holder, timedelta(seconds=SECONDS_TO_DIE))
        yield
    finally:
        # If the JVM has ended, its lock is released.
        with suppress(Py4JError, ConnectionError):
            file.close()


def wait_while(find_holder: Callable[[], str | None], patience: timedelta) -> None:
    """Wait until `find_holder` returns None instead of a text that says who is at work.

    The text is logged once. Raises BusyError with it after `patience`.
    """
    # At least two tries: holder() takes a lock for a moment to see whether it is free.
    until = time.monotonic() + max(patience.total_seconds(), POLL)
    for tries in count(1):
        found = find_holder()
        if found is None:
            return
        if time.monotonic() >= until:
            raise BusyError(f"{found}: wait until it has finished, or stop it.")
        if tries == 2:
            log.info("Waiting: %s.", found)
        time.sleep(POLL)


def wait_while_forgetting(lakehouse: Path, stop: Event) -> bool:
    """Wait while `fitness forget` waits or works; return False if `stop` is set by then."""
    while holder(lakehouse, FORGET) and not stop.wait(POLL):
        pass
    return not stop.is_set()


def lock_file(lakehouse: Path, work: str) -> Path:
    """Return the file of the lock."""
    return lakehouse / f".{work}.lock"


def lock(file: TextIO, kind: int) -> bool:
    """Try to lock a file for this process; return whether that succeeded."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_holder_pid(file: TextIO) -> str:
    """Return the process id in a lock's file."""
    file.seek(0)
    return file.read().strip() or "unknown"


def holder(lakehouse: Path, work: str) -> str | None:
    """Return the process that holds the lakehouse's lock for `work`, if one does."""
    path = lock_file(lakehouse, work)
    if not path.exists():
        return None
    with path.open() as file:
        return None if lock(file, fcntl.LOCK_SH) else read_holder_pid(file)
