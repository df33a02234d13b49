"""Empties a lakehouse, so that one process can use it several times."""

import shutil
from pathlib import Path

from pyspark.sql import SparkSession

from python_ingest.settings import Settings


def empty_lakehouse(spark: SparkSession, settings: Settings) -> None:
    """Drop all tables, and delete the ingest's checkpoints and positions."""
    for (schema,) in spark.sql("show schemas").collect():
        if schema != "default":
            spark.sql(f"drop schema {schema} cascade")
    for folder in filter(Path.is_dir, settings.lakehouse.iterdir()):
        if folder.name != "metastore":
            shutil.rmtree(folder)
    forget_logs(spark)


def forget_logs(spark: SparkSession) -> None:
    """Make Delta read its tables' logs again, since files were deleted without Delta."""
    jvm = spark._jvm
    assert jvm is not None  # noqa: S101 - for mypy
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
