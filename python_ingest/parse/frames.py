"""Received lines in a DataFrame: each is read and parsed once, by Spark's Python workers.

A row is a chunk: lines of one table in Arrow's format, since Spark's rows would take several times
the memory, and the figures that must be known before any line is written. A file that cannot be
read has a row with the `problem`, besides the rows of the lines that were read before it.
"""

import gc
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import compress, islice
from math import inf
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from python_ingest.feeds import UNROUTED, Feed
from python_ingest.landed_files import OPENERS, LandedFile, Part, tasks_of
from python_ingest.parse.csv_files import READERS, CsvRecord, csv_records
from python_ingest.parse.json_lines import JsonReader
from python_ingest.suppression import LetsLand
from python_ingest.tables import INGESTED_AT, schema, table_schema

# `refused` counts the lines of people who are forgotten; they are in no other figure but `arrived`,
# the oldest `_source_modified_at`. `newest` is the newest event time up to LATEST. Both are epoch
# seconds. A chunk of lines from a file has its `source`.
FIGURES = (
    "feed string, source string, problem string, rows bigint, malformed bigint, refused bigint, "
    "newest double, arrived double, new_fields array<string>"
)
COMMON = ["_is_malformed", "_rescued_data", "_raw", "_source_file", "_source_modified_at"]
LATEST = 253_402_300_799.0  # the last second of the year 9999, in epoch seconds
ROWS_AT_ONCE, BYTES_AT_ONCE = 10_000, 2**25
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")

Columns = dict[str, Sequence[Any]]
Lines = Iterator[tuple[str, Columns]]  # tables, with the columns of some lines
Chunks = Iterator[dict[str, Any]]
Batches = Iterator[pa.RecordBatch]


def parse_files(
    spark: SparkSession,
    files: Sequence[LandedFile],
    feeds: tuple[Feed, ...],
    lets_land: LetsLand | None = None,
) -> DataFrame:
    """Parse files of some feeds."""
    tasks = tasks_of(files, spark.sparkContext.defaultParallelism, divide=not feeds[0].is_csv)
    encode = chunk_encoder(feeds, lets_land)

    def parse(numbers: pa.RecordBatch) -> Chunks:
        reader = JsonReader(() if feeds[0].is_csv else feeds)
        for number in numbers.column(0).to_pylist():
            for part in tasks[number]:
                source = part.file.source
                try:
                    for table, columns in lines_of(part, feeds, reader):
                        yield encode(table, columns) | {"source": source}
                except Exception as error:  # Whatever it is, it must not stop the stream.
                    problem = f"cannot be read ({type(error).__name__})"
                    yield {"source": source, "problem": problem}

    return parsed(spark.range(0, len(tasks), 1, len(tasks)), parse)


def parse_lines(
    lines: DataFrame, feeds: tuple[Feed, ...], lets_land: LetsLand | None = None
) -> DataFrame:
    """Parse lines of the multiplexed feed: `_raw` and its lineage."""
    encode = chunk_encoder(feeds, lets_land)

    def parse(received: pa.RecordBatch) -> Chunks:
        rows = zip(*(column.to_pylist() for column in received.columns), strict=True)
        return (encode(table, columns) for table, columns in json_lines(rows, JsonReader(feeds)))

    # As bytes, since text that is not UTF-8 cannot be passed to Python.
    received = lines.selectExpr("cast(_raw as binary)", "_source_file", "_source_modified_at")
    return parsed(received, parse)


def parsed(received: DataFrame, parse: Callable[[pa.RecordBatch], Chunks]) -> DataFrame:
    """Return the chunks that a function makes of batches of rows."""
    columns = schema(f"{FIGURES}, lines binary")
    types = to_arrow_schema(columns)

    def parse_all(batches: Batches) -> Batches:
        # Many objects and no cycles: garbage collection would take a third of the time.
        gc.disable()
        for batch in batches:
            for chunk in parse(batch):
                yield pa.RecordBatch.from_pylist([chunk], types)

    return received.mapInArrow(parse_all, columns)


def chunk_encoder(
    feeds: tuple[Feed, ...], lets_land: LetsLand | None = None
) -> Callable[[str, Columns], dict[str, Any]]:
    """Return a function that makes a chunk of lines of a table, without those refused."""
    by_table = {feed.table: feed for feed in feeds}
    # Here, since the workers cannot parse a schema string.
    types = {
        table: to_arrow_schema(line_columns(table), timezone="UTC")
        for table in [*by_table, UNROUTED]
    }

    def encode(table: str, columns: Columns) -> dict[str, Any]:
        feed, refused = by_table.get(table), 0
        arrived = min(columns["_source_modified_at"]).timestamp()
        if lets_land:
            kept = lets_land(feed, columns)
            if refused := kept.count(False):
                columns = {name: [*compress(values, kept)] for name, values in columns.items()}
        arrays = [pa.array(columns[field.name], field.type) for field in types[table]]
        rescued = {text for text in columns["_rescued_data"] if text}
        times = columns[feed.event_time] if feed else ()
        return {
            "feed": table,
            "rows": len(columns["_raw"]),
            "malformed": sum(columns["_is_malformed"]),
            "refused": refused,
            "newest": max((t for t in times if t is not None and 0 <= t <= LATEST), default=None),
            "arrived": arrived,
            "new_fields": {name for text in rescued for name in json.loads(text)},
            "lines": arrow_bytes(pa.RecordBatch.from_arrays(arrays, schema=types[table])),
        }

    return encode


def arrow_bytes(lines: pa.RecordBatch) -> bytes:
    """Return lines in Arrow's stream format, compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, lines.schema, options=COMPRESSED) as stream:
        stream.write_batch(lines)
    return cast(bytes, sink.getvalue().to_pybytes())


def rows_of(parsed: DataFrame, table: str) -> DataFrame:
    """Return the lines of a table as rows."""

    def decode(batches: Batches) -> Batches:
        for batch in batches:
            for lines in batch.column(0):
                yield from pa.ipc.open_stream(lines.as_buffer())

    chunks = parsed.where(parsed.feed == table).select("lines")
    return chunks.mapInArrow(decode, line_columns(table))


def line_columns(table: str) -> StructType:
    """Return the columns of a bronze table, except the time of the ingest."""
    return StructType([field for field in table_schema(table) if field.name != INGESTED_AT])


def lines_of(part: Part, feeds: tuple[Feed, ...], reader: JsonReader) -> Lines:
    """Read and parse the lines of a part of a file."""
    lineage = part.file.source, datetime.fromtimestamp(part.file.modified / 1000, UTC)
    if feeds[0].is_csv:
        yield from csv_lines(b"".join(read_chunks(part)), lineage, feeds[0])
        return
    for chunk in read_chunks(part):
        lines = (line.removeprefix(BYTE_ORDER_MARK) for line in chunk.splitlines())
        received = ((line, *lineage) for line in lines if line.strip())
        while some := [*islice(received, ROWS_AT_ONCE)]:
            yield from json_lines(some, reader)


def read_chunks(part: Part) -> Iterator[bytes]:
    """Read the bytes of a part, decompressed, in chunks of whole lines."""
    end = inf if part.end is None else part.end
    with OPENERS.get(part.file.path.suffix.lower(), open)(part.file.path, "rb") as file:
        if part.begin:  # A line that began before `begin` is in the part before.
            file.seek(part.begin - 1)
            file.readline()
        while (size := min(BYTES_AT_ONCE, end - file.tell())) > 0 and (content := file.read(size)):
            if not content.endswith(b"\n"):
                content += file.readline()
            yield content


def json_lines(received: Iterable[tuple[bytes, str, datetime]], reader: JsonReader) -> Lines:
    """Parse lines of the multiplexed feed, each with its lineage."""
    by_table: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for line, *lineage in received:
        table, is_malformed, rescued, values = reader.read(line)
        raw = line.decode(errors="replace")
        by_table[table].append((is_malformed, rescued, raw, *lineage, *values))
    for table, rows in by_table.items():
        yield table, dict(zip(COMMON + reader.columns[table], zip(*rows, strict=True), strict=True))


def csv_lines(content: bytes, lineage: tuple[str, datetime], feed: Feed) -> Lines:
    """Parse a CSV file of a feed."""
    readers = {column.field: READERS[column.data_type] for column in feed.columns}
    names = [*COMMON, "_fields", *(column.name for column in feed.columns)]

    def values_of(record: CsvRecord) -> tuple[Any, ...]:
        rescued, fields = record.fields_json(without=[*readers]), record.fields or {}
        values = (reader(fields.get(field)) for field, reader in readers.items())
        return record.fields is None, rescued, record.raw, *lineage, record.fields_json(), *values

    rows = map(values_of, csv_records(content, [*readers]))
    while some := [*islice(rows, ROWS_AT_ONCE)]:
        yield feed.table, dict(zip(names, zip(*some, strict=True), strict=True))
