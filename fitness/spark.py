"""Spark, started once per process with the settings of profiles.yml; it logs to a file."""

import locale
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from pyspark import SparkContext
from pyspark.sql import SparkSession

from fitness.errors import HeapError, JavaError
from fitness.metastore import is_of_another_folder, register_tables
from fitness.settings import PROJECT, export, spark_conf
from python_ingest.errors import FitnessError
from python_ingest.settings import Settings

log = logging.getLogger(__name__)

LOG = PROJECT / "logs" / "spark.log"
# Java's exit code by -XX:+ExitOnOutOfMemoryError (profiles.yml).
OUT_OF_MEMORY = 3
# How the name of the memory pool ends, "PS Old Gen" of the parallel collector: see profiles.yml.
OLD_GENERATION = "Old Gen"
# By default Hadoop lets everybody read new files, whatever the process's umask is.
UMASK = "spark.hadoop.fs.permissions.umask-mode"
JAVA_OPTIONS = "spark.driver.extraJavaOptions"
JAVA_VERSIONS = (17, 21, 25)
IGNORED_IN_CHILDREN: set[signal.Signals] = set()
JAVA_NEEDED = (
    "Spark needs Java 17, 21 or 25. Install one: "
    "sudo apt-get install -y openjdk-17-jre-headless (Debian, Ubuntu), "
    "sudo dnf install -y java-21-openjdk-headless (Fedora, RHEL) "
    "or brew install openjdk@21 (macOS)."
)


def java_version() -> int:
    """Return the major version of Spark's Java; raises JavaError if it cannot run."""
    java = java_path()
    output = java_build(java)
    found = re.search(r'version "(?:1\.)?(\d+)', output)
    if not found:
        raise JavaError(f"{java} does not run: {output.strip() or 'it prints nothing'}")
    version = int(found[1])
    if version not in JAVA_VERSIONS:
        raise JavaError(f"{java} is Java {version}, and {JAVA_NEEDED}")
    return version


def java_path() -> str:
    """Return the Java that Spark will use; raises JavaError if there is none."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        where = f"at JAVA_HOME={home}" if home else "on the PATH"
        raise JavaError(f"No Java {where}, and {JAVA_NEEDED}")
    return java


def java_build(java: str) -> str:
    """Return the version and build that a Java prints."""
    return subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603


def class_archive() -> Path:
    """Return the file of the class archive (cold_start.py) for this Java, package set and folder.

    Java would also use an archive of another folder, and take each class of it for code from there.
    Derby then refuses its other classes as code from elsewhere, and statements wait forever.
    """
    label = f"{java_build(java_path())}{PROJECT}\n".encode() + (PROJECT / "uv.lock").read_bytes()
    return PROJECT / ".cache" / f"spark-{sha256(label).hexdigest()[:16]}.jsa"


def start_spark(
    settings: Settings,
    conf: Mapping[str, str] | None = None,
    *,
    with_metastore: bool = True,
) -> SparkSession:
    """Start Spark, or return the session of this process if it has one.

    `conf` are Spark's settings, those of the target's profile unless given. The metastore allows
    one process at a time: start without it where no table is read by name.

    Raises JavaError without a usable Java, FitnessError when Spark does not start.
    """
    export(settings)
    os.chdir(PROJECT)  # The profile's log paths are relative to the project.
    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    if settings.catalog:  # Databricks gives its own.
        return SparkSession.builder.getOrCreate()
    java_version()
    # In another locale Java does not see a file whose name has a letter that is not of ASCII.
    if locale.nl_langinfo(locale.CODESET) != "UTF-8":
        os.environ["LC_ALL"] = "C.UTF-8"
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # The workers need our packages too.
    builder = SparkSession.builder
    if with_metastore:
        builder = builder.enableHiveSupport()
    conf = dict(conf or spark_conf(settings.target))
    if (archive := class_archive()).exists():
        conf[JAVA_OPTIONS] += f" -XX:SharedArchiveFile={archive.relative_to(PROJECT)}"
    for key, value in conf.items():
        builder = builder.config(key, value)
    builder = builder.config(UMASK, umask_text())
    spark = session_of(builder)
    if with_metastore and is_of_another_folder(spark, settings):
        log.warning("The lakehouse was copied or moved: its metastore is made anew.")
        end_jvm(spark)
        shutil.rmtree(settings.lakehouse / "metastore")
        spark = session_of(builder)
        register_tables(spark, settings)
    return spark


def session_of(builder: SparkSession.Builder) -> SparkSession:
    """Start Spark and its JVM; raises FitnessError when it does not start."""
    LOG.parent.mkdir(exist_ok=True)
    try:
        with output_to(LOG), ignore_signal_in_children(signal.SIGTERM):
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
    cast(Any, SparkContext)._gateway = cast(Any, SparkContext)._jvm = None  # The next has its own.


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
    """The heap of a JVM in bytes: what the last full garbage collection left, and the limit.

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
def output_to(path: Path) -> Iterator[None]:
    """Append what processes started inside, such as the JVM, print to a file."""
    kept = [os.dup(1), os.dup(2)]
    with path.open("ab") as file:
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            stream.flush()
            os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            for number, saved in enumerate(kept, 1):
                os.dup2(saved, number)
                os.close(saved)


@contextmanager
def ignore_signal_in_children(number: signal.Signals) -> Iterator[None]:
    """Make processes started inside by os.fork, such as the JVM, ignore a signal; not this process.

    A service manager sends it to all processes of a service. This process then stops in order, for
    which it needs the JVM; the JVM ends when this process has ended.
    """
    IGNORED_IN_CHILDREN.add(number)
    try:
        yield
    finally:
        IGNORED_IN_CHILDREN.discard(number)


def ignore_signals() -> None:
    """Ignore the signals of ignore_signal_in_children(), in a child before it starts Java."""
    for number in IGNORED_IN_CHILDREN:
        signal.signal(number, signal.SIG_IGN)


os.register_at_fork(after_in_child=ignore_signals)


def umask_text() -> str:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return f"{mask:03o}"
