"""Land all new data, once: `python -m python_ingest`, the task of a job on Databricks.

Settings come from the environment, see settings.py. `fitness ingest` does more.
"""

import fcntl
import os
import sys
from typing import Any, TextIO

import pyspark
from pyspark.sql import SparkSession

from python_ingest.errors import BusyError, FitnessError
from python_ingest.ingest import catch_up, prepare
from python_ingest.settings import Settings, read_settings
from python_ingest.stream import Run

DELTA: Any = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
}


def start_spark(settings: Settings) -> SparkSession:
    """Return Databricks' Spark, or start one with Delta, and with Kafka if it is asked for."""
    if settings.catalog:
        return SparkSession.builder.getOrCreate()
    from delta import configure_spark_with_delta_pip

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("python_ingest").config(map=DELTA)
    kafka = [f"org.apache.spark:spark-sql-kafka-0-10_2.13:{pyspark.__version__}"]
    return configure_spark_with_delta_pip(builder, kafka if settings.kafka else []).getOrCreate()


def hold_lock(settings: Settings) -> TextIO:
    """Hold the lock of `fitness ingest` as long as the file that is returned is open."""
    settings.lakehouse.mkdir(parents=True, exist_ok=True)
    file = (settings.lakehouse / ".ingest.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"Another ingest is at work on {settings.lakehouse}.") from None
    file.truncate(0)
    print(os.getpid(), end="", file=file, flush=True)
    return file


def hold_jvm_lock(spark: Any, settings: Settings) -> None:
    """Make the JVM hold a lock too: it may still commit after its Python process is killed."""
    path = str(settings.lakehouse / ".ingest.jvm.lock")
    if spark._jvm.java.io.RandomAccessFile(path, "rw").getChannel().tryLock() is None:
        raise BusyError("The Java process of an ingest that was killed is still at work.")


if __name__ == "__main__":
    try:
        chosen = read_settings()
        lock = None if chosen.catalog else hold_lock(chosen)  # A job there has one run at a time.
        run = Run(start_spark(chosen), chosen)
        if lock:
            hold_jvm_lock(run.spark, chosen)
        catch_up(prepare(run))
    except FitnessError as error:
        sys.exit(f"python_ingest: {error}")
    sys.stdout.writelines(f"{table}: {count} rows\n" for table, count in sorted(run.landed.items()))
