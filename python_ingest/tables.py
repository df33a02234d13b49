"""The bronze tables: their columns, and how they are created, read and appended to.

Below the lakehouse folder they are Delta tables at `bronze/<table>`; on Databricks, tables of Unity
Catalog.
"""

import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation
from pyspark.sql.types import StructType

from python_ingest.feeds import UNROUTED, read_feeds
from python_ingest.settings import Settings
from python_ingest.suppression import REGISTRATIONS, Registration, registered

INGESTED_AT = "_ingested_at"
COMMON = (
    "_is_malformed boolean, _rescued_data string, _raw string, "
    f"_source_file string, _source_modified_at timestamp, {INGESTED_AT} timestamp"
)
BROKER = "key string, topic string, `partition` bigint, offset bigint, timestamp double"
PROPERTIES = {
    "delta.enableChangeDataFeed": "true",
    # Queries seldom filter bronze by value: statistics of columns would cost more than they save.
    "delta.dataSkippingNumIndexedCols": "0",
}
# Small files are compacted as they are written. Open-source Delta would compact at the first append
# of each process, however few files there are: there, maintenance does it.
ON_DATABRICKS = {"delta.autoOptimize.autoCompact": "true"}


def table_names() -> tuple[str, ...]:
    """Return the names of all bronze tables."""
    return (*(feed.table for feed in read_feeds()), UNROUTED)


def table_schema(table: str) -> StructType:
    """Return the columns of a bronze table."""
    feed = next((feed for feed in read_feeds() if feed.table == table), None)
    own = [f"`{column.name}` {column.data_type}" for column in feed.columns] if feed else []
    return schema(", ".join([*own, "_fields string" if feed and feed.is_csv else BROKER, COMMON]))


def schema(columns: str) -> StructType:
    """Return a Spark schema string as a schema."""
    return cast(StructType, StructType.fromDDL(columns))


def address(settings: Settings, table: str) -> str:
    """Return a bronze table's folder, or on Databricks its name in Unity Catalog."""
    if settings.catalog:
        return f"{settings.catalog}.bronze.{table}"
    return str(settings.lakehouse / "bronze" / table)


def read_table(spark: SparkSession, settings: Settings, table: str) -> DataFrame:
    """Read a bronze table."""
    if settings.catalog:
        return spark.read.table(address(settings, table))
    return spark.read.format("delta").load(address(settings, table))


def may_have_rows(settings: Settings, table: str) -> bool:
    """Return whether a bronze table may have rows, as far as that can be seen without Spark."""
    return bool(settings.catalog) or any(Path(address(settings, table)).glob("*.parquet"))


def registrations(spark: SparkSession, settings: Settings) -> Iterator[Registration]:
    """Return the usable registrations."""
    for feed in [feed for feed in read_feeds() if feed.table == REGISTRATIONS]:
        table = read_table(spark, settings, feed.table)
        rows = table.select([column.name for column in feed.columns]).distinct().collect()
        yield from registered(feed, (row.asDict() for row in rows))


def append(rows: DataFrame, settings: Settings, table: str) -> None:
    """Append rows to a bronze table; a contract may have gained columns since it was created."""
    stamped = rows.withColumn(INGESTED_AT, F.current_timestamp())
    writer = (
        stamped.select(*table_schema(table).names)
        .write.format("delta")
        .mode("append")
        .option("mergeSchema", "true")
    )
    if settings.catalog:
        writer.saveAsTable(address(settings, table))
    else:
        writer.save(address(settings, table))


def missing_tables(spark: SparkSession, settings: Settings) -> set[str]:
    """Return the names of the bronze tables that are not there."""
    paths = {table: address(settings, table) for table in table_names()}
    if settings.catalog:
        return {table for table, path in paths.items() if not spark.catalog.tableExists(path)}
    return {table for table, path in paths.items() if not is_table(Path(path))}


def create_tables(spark: SparkSession, settings: Settings, tables: Collection[str]) -> None:
    """Create bronze tables, with a change feed for the models."""
    # In parallel, since each mostly waits for storage.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda table: create_table(spark, settings, table), tables))


def create_table(spark: SparkSession, settings: Settings, table: str) -> None:
    """Create a bronze table."""
    builder = DeltaTable.createIfNotExists(spark)
    if settings.catalog:
        builder = builder.tableName(address(settings, table))
    else:
        path = Path(address(settings, table))
        # With files left by an interrupted creation, Delta would refuse to create the table.
        shutil.rmtree(path, ignore_errors=True)
        builder = builder.location(str(path))
    for field in table_schema(table):
        builder = builder.addColumn(field.name, field.dataType)
    for name, value in (PROPERTIES | (ON_DATABRICKS if settings.catalog else {})).items():
        builder = builder.property(name, value)
    builder.execute()


def is_table(path: Path) -> bool:
    """Return whether a folder is a Delta table; one whose creation was killed has no commit."""
    return any((path / "_delta_log").glob("[0-9]*.json"))
