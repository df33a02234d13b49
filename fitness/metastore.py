"""The embedded metastore: it names the folders of tables, which a copied lakehouse must not use."""

import shutil

from pyspark.sql import SparkSession

from fitness.settings import PROJECT
from python_ingest.file_source_log import path_of
from python_ingest.settings import Settings
from python_ingest.tables import is_table


def is_of_another_folder(spark: SparkSession, settings: Settings) -> bool:
    """Return whether the metastore came with a copy of a lakehouse, or with one that was moved."""
    is_there = (settings.lakehouse / "metastore").exists()
    if not is_there or not spark.catalog.databaseExists("bronze"):
        return False
    location = spark.catalog.getDatabase("bronze").locationUri
    return path_of(location) != settings.lakehouse / "bronze"


def register_tables(spark: SparkSession, settings: Settings) -> None:
    """Make the tables of the lakehouse known to its metastore, which is empty.

    They become external tables, whose folders stay when dbt drops them to create them again. It
    does so with seeds and failing rows: these are removed, and the next build makes them.
    """
    seeds = {file.stem for file in (PROJECT / "seeds").rglob("*.csv")}
    for folder in filter(is_table, settings.lakehouse.glob("*/*")):
        layer, path = folder.parent.name, str(folder).replace("'", "\\'")
        if folder.name in seeds or layer == "failures":
            shutil.rmtree(folder)
            continue
        spark.sql(f"create schema if not exists {layer} location '{layer}'")
        spark.sql(f"create table {layer}.{folder.name} using delta location '{path}'")
