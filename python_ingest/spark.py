"""Spark, started once a process, quietly, with the settings of profiles.yml."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from python_ingest.errors import BusyError, FitnessError, HeapError, JavaError
from python_ingest.settings import PROJECT, Settings, spark_conf

LOG = PROJECT / "logs" / "spark.log"
SECONDS_TO_DIE = 60.0
# Java's exit code by -XX:+ExitOnOutOfMemoryError (profiles.yml).
OUT_OF_MEMORY = 3
# How the name of the memory pool ends, "PS Old Gen" of the parallel collector: see profiles.yml.
OLD_GENERATION = "Old Gen"
# Hadoop would give everybody the right to read, whatever the process's umask says.
UMASK = "spark.hadoop.fs.permissions.umask-mode"
JAVA_OPTIONS = "spark.driver.extraJavaOptions"
# Of the JVM's two compilers the quick one alone: the other pays in minutes only. With as much room
# for its code as both have: by default it has 48 MB, and a first build fills them, which ends it.
QUICK_COMPILER = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
JAVA_VERSIONS = (17, 21, 25)
JAVA_NEEDED = (
    "Spark needs Java 17, 21 or 25. Install one: "
    "sudo apt-get install -y openjdk-17-jre-headless (Debian, Ubuntu), "
    "sudo dnf install -y java-21-openjdk-headless (Fedora, RHEL) "
    "or brew install openjdk@21 (macOS)."
)


def java_version() -> int:
    """Give the major version of the Java that Spark will use; raises JavaError if it cannot run."""
    java = java_path()
    said = java_build(java)
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if not found:
        raise JavaError(f"{java} does not run: {said.strip() or 'it says nothing'}")
    version = int(found[1])
    if version not in JAVA_VERSIONS:
        raise JavaError(f"{java} is Java {version}, and {JAVA_NEEDED}")
    return version


def java_path() -> str:
    """Give the Java that Spark will use; raises JavaError if there is none."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        where = f"at JAVA_HOME={home}" if home else "on the PATH"
        raise JavaError(f"No Java {where}, and {JAVA_NEEDED}")
    return java


def java_build(java: str) -> str:
    """Give what a Java says of its version and build."""
    return subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603


def start_spark(
    settings: Settings,
    conf: Mapping[str, str] | None = None,
    *,
    with_metastore: bool = True,
    is_brief: bool = False,
) -> SparkSession:
    """Start Spark, or give the session of this process if it has one.

    `conf` are Spark's settings, those of the target's profile unless given. The metastore admits
    one process at a time: what needs no tables by name leaves it to others. `is_brief` is for work
    of a minute or two, which is faster by it; longer work is slower.

    Raises JavaError without a usable Java, FitnessError when Spark does not start.
    """
    settings.export()
    os.chdir(PROJECT)  # The profile's log paths are relative to the project.
    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    if settings.catalog:  # Databricks gives its own.
        return SparkSession.builder.getOrCreate()
    java_version()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # The workers need our packages too.
    builder = SparkSession.builder
    if with_metastore:
        builder = builder.enableHiveSupport()
    chosen = dict(conf or spark_conf(settings.target))
    if is_brief:
        chosen[JAVA_OPTIONS] += f" {QUICK_COMPILER}"
    for key, value in chosen.items():
        builder = builder.config(key, value)
    builder = builder.config(UMASK, umask_text())
    LOG.parent.mkdir(exist_ok=True)
    try:
        with stderr_to(LOG), unheard(signal.SIGTERM):
            return builder.getOrCreate()
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if "Exception: " in line), error)
        raise FitnessError(f"Spark did not start; {LOG} says why. ({reason})") from error


def end_jvm(spark: SparkSession) -> None:
    """Stop Spark and wait until its JVM has ended."""
    gateway: Any = spark.sparkContext._gateway
    if gateway.proc.poll() is not None:
        return
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=120)


def check_jvm(spark: SparkSession) -> None:
    """Raise HeapError if this process's JVM has run out of memory, FitnessError if it has ended."""
    process = getattr(cast(Any, spark).sparkContext._gateway, "proc", None)
    code = process.poll() if process else None  # Databricks starts the JVM itself.
    if code == OUT_OF_MEMORY:
        raise HeapError("Spark has ended: its heap was full")
    if code is not None:
        raise FitnessError(f"Spark has ended with code {code}; {LOG} may say why.")


@dataclass(frozen=True)
class Heap:
    """The memory of a JVM, in bytes: what its last full collection left of objects, and its limit.

    `collecting_seconds` is the time that collections have taken since it started.
    """

    live: int
    limit: int
    collecting_seconds: float


def read_heap(spark: SparkSession) -> Heap:
    """Return how full the heap of this process's JVM is."""
    factory = cast(Any, spark)._jvm.java.lang.management.ManagementFactory
    pools = [p for p in factory.getMemoryPoolMXBeans() if p.getName().endswith(OLD_GENERATION)]
    collectors = factory.getGarbageCollectorMXBeans()
    return Heap(
        live=sum(pool.getCollectionUsage().getUsed() for pool in pools),
        limit=sum(pool.getUsage().getMax() for pool in pools),
        collecting_seconds=sum(each.getCollectionTime() for each in collectors) / 1000,
    )


@contextmanager
def stderr_to(path: Path) -> Iterator[None]:
    """Send the standard error of processes started meanwhile, the JVM's, to the end of a file."""
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def unheard(number: signal.Signals) -> Iterator[None]:
    """Let processes started meanwhile, the JVM, ignore a signal for as long as they live.

    A service manager sends it to all processes. This one then stops in order, which takes a JVM;
    the JVM ends by itself when this process has.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, handler)


def umask_text() -> str:
    """Give the process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return f"{mask:03o}"


@contextmanager
def held_by_jvm(spark: SparkSession, settings: Settings, work: str) -> Iterator[None]:
    """Let the JVM hold the lakehouse's lock for `work` too.

    The JVM of a process that was killed outlives it for a moment, and may still commit. Raises
    BusyError if it does so for long.
    """
    if settings.catalog:  # There, a run's JVM is gone before another run starts.
        yield
        return
    jvm = cast(Any, spark)._jvm
    file = jvm.java.io.RandomAccessFile(str(settings.lakehouse / f".{work}.jvm.lock"), "rw")
    try:
        until = time.monotonic() + SECONDS_TO_DIE
        while file.getChannel().tryLock() is None:
            if time.monotonic() > until:
                raise BusyError(
                    f"The Java process of another {work}, which has ended, is still at work on "
                    f"{settings.lakehouse}: wait until it has finished, or stop it."
                )
            time.sleep(0.1)
        yield
    finally:
        # Without a JVM there is no lock either.
        with suppress(Py4JError, ConnectionError):
            file.close()
