"""The embedded metastore: it names the folders of tables, which a copied lakehouse must not use."""

from contextlib import suppress

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from fitness.lock import held_by_jvm, only_one
from python_ingest.errors import BusyError
from python_ingest.file_source_log import path_of
from python_ingest.settings import Settings
from python_ingest.tables import is_table


def is_of_another_folder(spark: SparkSession, settings: Settings) -> bool:
    """Return whether the metastore came with a copy of a lakehouse, or with one that was moved.

    False if another process has it open, such as a server, or the JVM of a build that was killed
    and does not end in time: then the build is refused, or says that it cannot read it.
    """
    if not (settings.lakehouse / "metastore").exists():
        return False
    with (
        suppress(BusyError, PySparkException),
        only_one(settings.lakehouse, "build"),
        held_by_jvm(spark, settings, "build"),
    ):
        if spark.catalog.databaseExists("bronze"):
            location = spark.catalog.getDatabase("bronze").locationUri
            return path_of(location) != settings.lakehouse / "bronze"
    return False


def register_tables(spark: SparkSession, settings: Settings) -> None:
    """Make the tables of the lakehouse known to its metastore, which is empty."""
    for folder in filter(is_table, settings.lakehouse.glob("*/*")):
        layer, path = folder.parent.name, str(folder).replace("'", "\\'")
        spark.sql(f"create schema if not exists {layer} location '{layer}'")
        spark.sql(f"create table {layer}.{folder.name} using delta location '{path}'")
