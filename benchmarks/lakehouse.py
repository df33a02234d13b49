"""A lakehouse that is used over and over by one process."""

import shutil

from pyspark.sql import SparkSession

from python_ingest.settings import Settings

SCHEMAS = ("bronze", "silver", "gold", "ops", "snapshots", "failures")


def empty_lakehouse(spark: SparkSession, settings: Settings) -> None:
    """Forget all tables, and how far the ingest has come."""
    for schema in SCHEMAS:
        spark.sql(f"drop schema if exists {schema} cascade")
    for folder in (*SCHEMAS, "checkpoints", "positions", "ingest_log", "build_log"):
        shutil.rmtree(settings.lakehouse / folder, ignore_errors=True)
    forget_logs(spark)


def forget_logs(spark: SparkSession) -> None:
    """Make Delta read its tables' logs anew, for files were changed behind its back."""
    jvm = spark._jvm
    assert jvm is not None  # noqa: S101 - for mypy
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
