"""How landed lines become rows of the bronze tables.

A field that does not parse is NULL and its row still lands; `_is_malformed` says that a line is not
of its feed's format at all. What follows from either is decided in silver. Python reads the lines,
in Spark's workers: stricter than Spark's own parsers, and faster.
"""

import gc
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.pandas.types import to_arrow_schema

from python_ingest.csv_records import csv_records, integer, number, text
from python_ingest.json_records import ENVELOPE, PAYLOADS, JsonRecord, json_record
from python_ingest.landing import CSV_HEADERS
from python_ingest.tables import (
    BROKER,
    CSV_COLUMNS,
    CSV_EXTRAS,
    JSON_COLUMNS,
    RECEIVED,
    schema,
)

FILE = "_source_file string, _source_modified_at timestamp"


def json_rows(lines: DataFrame) -> DataFrame:
    """Turn lines of the multiplexed feed into rows with a column `feed`, their bronze table.

    `lines` has `_raw`, `_source_file` and `_source_modified_at`. The columns are those of all
    topics' tables, and `event_time` in epoch seconds.
    """
    payloads = {f.name: f for columns in JSON_COLUMNS.values() for f in schema(columns or "")}
    columns = schema(f"feed string, {BROKER}, event_time double, {RECEIVED}, {FILE}")
    for field in payloads.values():
        columns = columns.add(field)
    arrow = to_arrow_schema(columns, timezone="UTC")

    def parse(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Many objects and no cycles: the collector would look through them for nothing.
        gc.disable()
        try:
            for batch in batches:
                yield from record_batches(batch, arrow)
        finally:
            gc.enable()

    # As bytes, since a text that is no UTF-8 cannot be handed to Python.
    return lines.withColumn("_raw", F.col("_raw").cast("binary")).mapInArrow(parse, columns)


def record_batches(lines: pa.RecordBatch, arrow: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give the rows of lines, feed by feed."""
    by_feed: dict[str, tuple[list[int], list[JsonRecord]]] = defaultdict(lambda: ([], []))
    for place, line in enumerate(lines.column("_raw").to_pylist()):
        record = json_record(line)
        places, records = by_feed[record.feed]
        places.append(place)
        records.append(record)
    for feed, (places, records) in by_feed.items():
        # Most batches hold one feed.
        own = lines if len(places) == lines.num_rows else lines.take(pa.array(places))
        yield record_batch(feed, records, own, arrow)


def record_batch(
    feed: str, records: Sequence[JsonRecord], lines: pa.RecordBatch, arrow: pa.Schema
) -> pa.RecordBatch:
    """Give the rows of one feed's records, whose lines and lineage are in `lines`."""
    payloads = [record.payload or {} for record in records]
    values: dict[str, Sequence[object]] = {
        name: [read(record.envelope.get(name)) for record in records]
        for name, read in ENVELOPE.items()
    }
    for column, (name, read) in PAYLOADS[feed].items():
        values[column] = [read(payload.get(name)) for payload in payloads]
    values["feed"] = [feed] * len(records)
    values["event_time"] = values.get("time", values.get("event_timestamp", [None] * len(records)))
    values["_is_malformed"] = [record.payload is None for record in records]
    values["_rescued_data"] = [record.rescued for record in records]
    arrays = []
    for field in arrow:
        if field.name in values:
            arrays.append(pa.array(values[field.name], field.type))
        elif field.name == "_raw":
            arrays.append(as_text(lines.column("_raw"), field.type))
        elif field.name in lines.schema.names:
            arrays.append(lines.column(field.name).cast(field.type))
        else:
            arrays.append(pa.nulls(len(records), field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=arrow)


def as_text(lines: pa.Array, text_type: pa.DataType) -> pa.Array:
    """Give bytes as text, with U+FFFD for what is not UTF-8."""
    try:
        return lines.cast(text_type)
    except pa.ArrowInvalid:
        return pa.array([line.decode(errors="replace") for line in lines.to_pylist()], text_type)


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


EVENT_TIMES = {"registered_users_bz": "registration_timestamp", "gym_logins_bz": "login"}


def csv_rows(files: DataFrame, table: str) -> DataFrame:
    """Turn whole CSV files into rows of a bronze table, with a column `feed` that names it.

    `files` has `content`, `_source_file` and `_source_modified_at`. Whole files, because a header
    names the columns of every line and a quoted value may hold a line break.
    """
    columns = f"{CSV_COLUMNS[table]}, {CSV_EXTRAS}, {RECEIVED}, {FILE}"
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
                        "_rescued_data": record.unknown_fields_json(known),
                        "_raw": record.raw,
                        "_source_file": file["_source_file"],
                        "_source_modified_at": file["_source_modified_at"],
                    }
                    for record in csv_records(unzipped(file["content"]), known)
                ]
                yield pa.RecordBatch.from_pylist(rows, schema=arrow)

    rows = files.mapInArrow(parse, columns)
    return rows.withColumns({"feed": F.lit(table), "event_time": F.col(EVENT_TIMES[table])})


def unzipped(content: bytes) -> bytes:
    """Give what a file holds, out of gzip if it begins as gzip does."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
