"""The bronze tables: their columns, and how they are made, read and appended to.

Below the lakehouse folder they are Delta tables at `bronze/<table>`; on Databricks, tables of Unity
Catalog.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.types import StructType

from python_ingest.landing import BPM, USER_INFO, WORKOUT
from python_ingest.settings import Settings

LINEAGE = "_source_file string, _source_modified_at timestamp, _ingested_at timestamp"
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
    "delta.autoOptimize.autoCompact": "true",
    # Nobody reads bronze by its values: statistics of them would only cost.
    "delta.dataSkippingNumIndexedCols": "0",
}
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


def append(
    rows: DataFrame, settings: Settings, table: str, transaction: tuple[str, int] | None
) -> None:
    """Append rows to a bronze table, unless it has the transaction already from before a crash.

    A transaction is the id of a query and the number of its batch.
    """
    columns = schema(table_columns(table)).names
    # A table of an earlier release gets the columns that are new.
    writer = (
        rows.withColumn("_ingested_at", F.current_timestamp())
        .select(*columns)
        .write.format("delta")
        .mode("append")
        .option("mergeSchema", "true")
    )
    if transaction is not None:
        query, batch = transaction
        writer = writer.option("txnAppId", query).option("txnVersion", batch)
    if settings.catalog:
        writer.saveAsTable(address(settings, table))
    else:
        writer.save(address(settings, table))


def create_tables(spark: SparkSession, settings: Settings) -> set[str]:
    """Create the bronze tables that are not there yet; give their names.

    They have a change feed for the models, and small files are compacted as they are written.
    """
    return {table for table in TABLES if create_table(spark, settings, table)}


def create_table(spark: SparkSession, settings: Settings, table: str) -> bool:
    """Create a bronze table if it is not there yet; tell whether it was created."""
    builder = DeltaTable.createIfNotExists(spark)
    if settings.catalog:
        if spark.catalog.tableExists(address(settings, table)):
            return False
        builder = builder.tableName(address(settings, table))
    else:
        path = Path(address(settings, table))
        if has_commits(path):
            return False
        # What a killed creation has left behind would make Delta refuse another one.
        shutil.rmtree(path, ignore_errors=True)
        builder = builder.location(str(path))
    for field in schema(table_columns(table)):
        builder = builder.addColumn(field.name, field.dataType)
    for name, value in PROPERTIES.items():
        builder = builder.property(name, value)
    builder.execute()
    return True


def has_commits(table: Path) -> bool:
    """Tell whether a folder holds a Delta table."""
    return any((table / "_delta_log").glob("*.json"))
