"""Locks for work that only one process may do at a time."""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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
RETRY = 10.0  # seconds until a continuous run that has paused tries again to go on


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


def countdown(patience: timedelta) -> Callable[[], timedelta]:
    """Return a function that returns what is left of `patience`, which begins now."""
    until = time.monotonic() + patience.total_seconds()
    return lambda: timedelta(seconds=until - time.monotonic())


@contextmanager
def landing_in_turn(
    spark: "SparkSession", settings: Settings, stop: Event, *, has_paused: bool
) -> Iterator[None]:
    """Hold the lock of the ingest when nobody is being forgotten; without it if `stop` is set.

    Raises BusyError if another ingest is at work. After a pause for `fitness forget`, in which that
    one may have begun, it waits for it too.
    """
    with ExitStack() as stack:
        while True:
            has_paused |= wait_while_forgetting(settings.lakehouse, stop)
            if stop.is_set():
                break
            try:
                stack.enter_context(writing(spark, settings, "ingest"))
                break
            except BusyError as error:
                if not has_paused:
                    raise
                log.info("%s Trying again in %.0f s.", error, RETRY)
                stop.wait(RETRY)
        yield


def wait_while_forgetting(lakehouse: Path, stop: Event | None = None) -> bool:
    """Wait while `fitness forget` waits or works, or until `stop` is set; return if it had to."""
    stop, has_waited = stop or Event(), False
    while holder(lakehouse, FORGET) and not stop.wait(POLL):
        has_waited = True
    return has_waited


def next_round(lakehouse: Path, stop: Event, at: float) -> bool:
    """Wait until a time of time.monotonic() for the next round of a continuous run.

    Return False at once when `stop` is set or `fitness forget` waits.
    """
    while not (stop.is_set() or holder(lakehouse, FORGET)):
        if (seconds := at - time.monotonic()) <= 0:
            return True
        stop.wait(min(seconds, POLL))
    return False


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
