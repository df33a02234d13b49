"""The bronze tables: their columns, and how landed lines become their rows.

A field that does not parse is NULL and its row still lands; `_is_malformed` says that a line is not
of its feed's format at all. What follows from either is decided in silver.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import pyarrow as pa
from delta import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from python_ingest.csv_records import csv_records, integer, number, text
from python_ingest.landing import BPM, CSV_HEADERS, USER_INFO, WORKOUT

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
CSV_EXTRAS = "_fields string, _is_malformed boolean, _raw string"

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
# One schema for the payloads of all topics, so that a line is parsed once.
PAYLOAD = (
    "user_id: bigint, update_type: string, timestamp: double, dob: string, sex: string, "
    "gender: string, first_name: string, last_name: string, "
    "address: struct<street_address: string, city: string, state: string, zip: string>, "
    "workout_id: bigint, session_id: bigint, action: string, "
    "device_id: bigint, time: double, heartrate: double"
)
ENVELOPE = (
    "key: string, value: string, topic: string, "
    "`partition`: bigint, offset: bigint, timestamp: double"
)


def table_columns(table: str) -> str:
    """Give the columns of a bronze table as a Spark schema string."""
    if table in CSV_COLUMNS:
        parts = [CSV_COLUMNS[table], CSV_EXTRAS, LINEAGE]
    else:
        parts = [JSON_COLUMNS[table], BROKER, "_is_malformed boolean, _raw string", LINEAGE]
    return ", ".join(part for part in parts if part)


TABLES = (*CSV_COLUMNS, *JSON_COLUMNS)


def schema(columns: str) -> StructType:
    """Read a Spark schema string."""
    return cast(StructType, StructType.fromDDL(columns))


def create_tables(spark: SparkSession, bronze: Path) -> None:
    """Create the bronze tables that are not there yet, with a change feed for the models."""
    for table in TABLES:
        path = bronze / table
        if not has_commits(path):
            # What a killed creation has left behind would make Delta refuse another one.
            shutil.rmtree(path, ignore_errors=True)
            builder = DeltaTable.createIfNotExists(spark).location(str(path))
            for field in schema(table_columns(table)):
                builder = builder.addColumn(field.name, field.dataType)
            builder.property("delta.enableChangeDataFeed", "true").execute()


def has_commits(table: Path) -> bool:
    """Tell whether a folder holds a Delta table."""
    return any((table / "_delta_log").glob("*.json"))


def strict_json(text: Column, fields: str) -> Column:
    """Parse a text that must be one JSON object by RFC 8259; NULL if it is not.

    Spark's parser stops after the first value and so accepts whatever follows it. Here the text is
    the first of two elements of an array; only if the parser also reaches the second, which carries
    the text's own hash, was the text one whole value.
    """
    end = F.xxhash64(text)
    pair = F.from_json(
        F.concat(F.lit("["), text, F.lit(',{"_end":'), end.cast("string"), F.lit("}]")),
        f"array<struct<{fields}, _end: bigint>>",
        {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"},
    )
    is_whole = (F.size(pair) == 2) & (F.try_element_at(pair, F.lit(2))["_end"] == end)
    return F.when(is_whole, F.try_element_at(pair, F.lit(1)))


def json_rows(lines: DataFrame) -> DataFrame:
    """Turn lines of the multiplexed feed into rows with a column `feed`, their bronze table.

    `lines` has `_raw`, `_source_file` and `_source_modified_at`. The columns are those of all
    topics' tables.
    """
    feed = F.create_map(*[F.lit(x) for pair in FEED_OF_TOPIC.items() for x in pair])
    same = [f.name for f in schema(PAYLOAD) if f.name not in ("timestamp", "action")]
    return (
        lines.withColumn("line", strict_json(F.col("_raw"), ENVELOPE))
        .withColumn(
            "feed", F.coalesce(F.try_element_at(feed, F.col("line.topic")), F.lit(UNROUTED))
        )
        .withColumn(
            "payload",
            F.when(
                F.col("feed") != UNROUTED,
                F.coalesce(
                    object_payload(F.col("_raw")), strict_json(F.col("line.value"), PAYLOAD)
                ),
            ),
        )
        .select(
            "feed",
            *[f"payload.{name}" for name in same],
            F.col("payload.timestamp").alias("event_timestamp"),
            text_only("action", F.col("line.value"), F.col("payload.action")),
            *[f"line.{name}" for name in ("key", "topic", "partition", "offset", "timestamp")],
            F.col("payload").isNull().alias("_is_malformed"),
            "_raw",
            "_source_file",
            "_source_modified_at",
        )
    )


def object_payload(raw: Column) -> Column:
    """Parse a line's `value` where it is an object; NULL where it is text.

    From the line itself, since Spark writes an object that it reads as text anew, and changes
    numbers beyond a double's range. The pattern spares all other lines a second parse.
    """
    # With the field that strict_json() adds, so that both kinds of payload have one type.
    envelope = strict_json(raw, f"value: struct<{PAYLOAD}, _end: bigint>")
    return F.when(raw.rlike(r'"value"\s*:\s*\{'), envelope["value"])


def text_only(name: str, payload: Column, value: Column) -> Column:
    """Give a field that must be JSON text: NULL for a number, which Spark reads as text."""
    return F.when(payload.rlike(rf'"{name}"\s*:\s*"'), value).alias(name)


CSV_READERS: Mapping[str, Mapping[str, Callable[[str | None], object]]] = {
    "registered_users_bz": {
        "user_id": integer,
        "device_id": integer,
        "mac_address": text,
        "registration_timestamp": number,
    },
    "gym_logins_bz": {
        "mac_address": text,
        "gym": integer,
        "login": number,
        "logout": number,
    },
}


def csv_rows(files: DataFrame, table: str) -> DataFrame:
    """Turn whole CSV files (path, modificationTime, content) into rows of a bronze table.

    Whole files, because a header names the columns of every line and a quoted value may hold a line
    break. Python's parser reads them, in Spark's workers.
    """
    columns = (
        f"{CSV_COLUMNS[table]}, {CSV_EXTRAS}, _source_file string, _source_modified_at timestamp"
    )
    arrow = to_arrow_schema(schema(columns), timezone="UTC")
    known, readers = CSV_HEADERS[table], CSV_READERS[table]

    def parse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for file in batch.to_pylist():
                rows = [
                    {
                        name: read(record.fields.get(name) if record.fields else None)
                        for name, read in readers.items()
                    }
                    | {
                        "_fields": record.fields_json,
                        "_is_malformed": record.fields is None,
                        "_raw": record.raw,
                        "_source_file": file["path"],
                        "_source_modified_at": file["modificationTime"],
                    }
                    for record in csv_records(file["content"], known)
                ]
                yield pa.RecordBatch.from_pylist(rows, schema=arrow)

    return files.select("path", "modificationTime", "content").mapInArrow(parse, columns)
