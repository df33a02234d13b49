"""The bronze tables: their columns, and how they are made, read and appended to.

Below the lakehouse folder they are Delta tables at `bronze/<table>`; on Databricks, tables of Unity
Catalog.
"""

import shutil
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.types import StructType

from python_ingest.landing import BPM, USER_INFO, WORKOUT
from python_ingest.settings import Settings

INGESTED_AT = "_ingested_at"
LINEAGE = f"_source_file string, _source_modified_at timestamp, {INGESTED_AT} timestamp"
BROKER = "key string, topic string, `partition` bigint, offset bigint, timestamp double"
FEED_OF_TOPIC: Mapping[str, str] = {
    USER_INFO: "user_info_bz",
    WORKOUT: "workouts_bz",
    BPM: "heart_rate_bz",
}
UNROUTED = "unrouted_bz"

CSV_COLUMNS: Mapping[str, str] = {
    "registered_users_bz": (
        "user_id bigint, device_id bigint, mac_address string, registration_timestamp double"
    ),
    "gym_logins_bz": "mac_address string, gym bigint, login double, logout double",
}
CSV_EXTRAS = "_fields string"
RECEIVED = "_is_malformed boolean, _rescued_data string, _raw string"

# The payload's own timestamp is event_timestamp: `timestamp` is the broker's.
JSON_COLUMNS: Mapping[str, str] = {
    "user_info_bz": (
        "user_id bigint, update_type string, event_timestamp double, dob string, sex string, "
        "gender string, first_name string, last_name string, "
        "address struct<street_address: string, city: string, state: string, zip: string>"
    ),
    "workouts_bz": (
        "user_id bigint, workout_id bigint, session_id bigint, "
        "event_timestamp double, action string"
    ),
    "heart_rate_bz": "device_id bigint, time double, heartrate double",
    UNROUTED: "",
}


def table_columns(table: str) -> str:
    """Give the columns of a bronze table as a Spark schema string."""
    if table in CSV_COLUMNS:
        parts = [CSV_COLUMNS[table], CSV_EXTRAS, RECEIVED, LINEAGE]
    else:
        parts = [JSON_COLUMNS[table], BROKER, RECEIVED, LINEAGE]
    return ", ".join(part for part in parts if part)


PROPERTIES = {
    "delta.enableChangeDataFeed": "true",
    # Nobody reads bronze by its values: statistics of them would only cost.
    "delta.dataSkippingNumIndexedCols": "0",
}
# Small files are compacted as they are written. Elsewhere maintenance.py does that: open-source
# Delta compacts at the first append of each process, however few files there are.
ON_DATABRICKS = {"delta.autoOptimize.autoCompact": "true"}
TABLES = (*CSV_COLUMNS, *JSON_COLUMNS)


def schema(columns: str) -> StructType:
    """Read a Spark schema string."""
    return cast(StructType, StructType.fromDDL(columns))


def address(settings: Settings, table: str) -> str:
    """Give a bronze table's folder, or on Databricks its name in Unity Catalog."""
    if settings.catalog:
        return f"{settings.catalog}.bronze.{table}"
    return str(settings.lakehouse / "bronze" / table)


def read_table(spark: SparkSession, settings: Settings, table: str) -> DataFrame:
    """Read a bronze table."""
    if settings.catalog:
        return spark.read.table(address(settings, table))
    return spark.read.format("delta").load(address(settings, table))


def may_have_rows(settings: Settings, table: str) -> bool:
    """Tell whether a bronze table may have rows, as far as that can be seen without Spark."""
    return bool(settings.catalog) or any(Path(address(settings, table)).glob("*.parquet"))


def append(rows: DataFrame, settings: Settings, table: str) -> None:
    """Append rows to a bronze table."""
    columns = schema(table_columns(table)).names
    # A table of an earlier release gets the columns that are new.
    writer = (
        rows.withColumn(INGESTED_AT, F.current_timestamp())
        .select(*columns)
        .write.format("delta")
        .mode("append")
        .option("mergeSchema", "true")
    )
    if settings.catalog:
        writer.saveAsTable(address(settings, table))
    else:
        writer.save(address(settings, table))


def missing_tables(spark: SparkSession, settings: Settings) -> set[str]:
    """Give the names of the bronze tables that are not there."""

    def is_there(table: str) -> bool:
        if settings.catalog:
            return spark.catalog.tableExists(address(settings, table))
        return has_commits(Path(address(settings, table)))

    return {table for table in TABLES if not is_there(table)}


def create_tables(spark: SparkSession, settings: Settings, tables: Collection[str]) -> None:
    """Create bronze tables, with a change feed for the models."""
    # Each is mostly waiting.
    with ThreadPoolExecutor() as pool:
        deque(pool.map(lambda table: create_table(spark, settings, table), tables), maxlen=0)


def create_table(spark: SparkSession, settings: Settings, table: str) -> None:
    """Create a bronze table."""
    builder = DeltaTable.createIfNotExists(spark)
    if settings.catalog:
        builder = builder.tableName(address(settings, table))
    else:
        path = Path(address(settings, table))
        # What a killed creation has left behind would make Delta refuse another one.
        shutil.rmtree(path, ignore_errors=True)
        builder = builder.location(str(path))
    for field in schema(table_columns(table)):
        builder = builder.addColumn(field.name, field.dataType)
    properties = PROPERTIES | (ON_DATABRICKS if settings.catalog else {})
    for name, value in properties.items():
        builder = builder.property(name, value)
    builder.execute()


def has_commits(table: Path) -> bool:
    """Tell whether a folder holds a Delta table."""
    return any((table / "_delta_log").glob("*.json"))
