"""Received lines as a DataFrame: each is read and parsed once, by Spark's Python workers.

A row is a line: the table of its feed, the columns that all tables have, and those of each feed,
named `<table>__<column>`, which are NULL in the lines of others. A file that cannot be read has a
row with the `problem`, beside those of the lines that were read before it.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from math import inf
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from python_ingest.feeds import Feed
from python_ingest.landed_files import OPENERS, Part
from python_ingest.parse.csv_files import READERS, csv_records
from python_ingest.parse.json_lines import BROKER, read_line, reader_of
from python_ingest.tables import extra_columns, schema

PARSED = (
    "feed string, problem string, _is_malformed boolean, _rescued_data string, _raw string, "
    "_source_file string, _source_modified_at timestamp"
)
ROWS_AT_ONCE = 10_000
BYTES_AT_ONCE = 2**25
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Columns = dict[str, Sequence[object]]
Batches = Iterator[pa.RecordBatch]
Parser = Callable[[pa.RecordBatch, pa.Schema], Batches]
Lineage = tuple[str, datetime]  # a source, and when it was modified


def parse_files(
    spark: SparkSession, tasks: Sequence[Sequence[Part]], feeds: tuple[Feed, ...]
) -> DataFrame:
    """Parse files of some feeds; each task is given the parts that it reads one after the other."""

    def parse(numbers: pa.RecordBatch, types: pa.Schema) -> Batches:
        for number in numbers.column(0).to_pylist():
            for part in tasks[number]:
                yield from parse_part(part, feeds, types)

    return parsed(spark.range(0, len(tasks), 1, len(tasks)), parse, feeds)


def parse_lines(lines: DataFrame, feeds: tuple[Feed, ...]) -> DataFrame:
    """Parse lines of the multiplexed feed: `_raw` and its lineage."""

    def parse(received: pa.RecordBatch, types: pa.Schema) -> Batches:
        rows = zip(*(column.to_pylist() for column in received.columns), strict=True)
        return json_batches(rows, feeds, types)

    # As bytes, since a text that is no UTF-8 cannot be handed to Python.
    received = lines.selectExpr("cast(_raw as binary)", "_source_file", "_source_modified_at")
    return parsed(received, parse, feeds)


def parsed(received: DataFrame, parse: Parser, feeds: tuple[Feed, ...]) -> DataFrame:
    """Return what a function makes of batches of rows: lines of feeds, all JSON or one of CSV."""
    own = [f"`{column_name(feed, c.name)}` {c.data_type}" for feed in feeds for c in feed.columns]
    columns = schema(", ".join([PARSED, extra_columns(feeds[0].table), *own]))
    types = to_arrow_schema(columns, timezone="UTC")

    def parse_all(batches: Batches) -> Batches:
        # Many objects and no cycles: a third of the time would go into looking for them.
        gc.disable()
        for batch in batches:
            yield from parse(batch, types)

    return received.mapInArrow(parse_all, columns)


def column_name(feed: Feed, column: str) -> str:
    """Return the name of a feed's column among those of all feeds."""
    return f"{feed.table}__{column}"


def parse_part(part: Part, feeds: tuple[Feed, ...], types: pa.Schema) -> Batches:
    """Parse a part of a file; an error in reading it becomes a row that tells of it."""
    source = part.file.source
    try:
        lineage = source, datetime.fromtimestamp(part.file.modified / 1000, UTC)
        if feeds[0].is_csv:
            yield from csv_batches(b"".join(read_chunks(part)), lineage, feeds[0], types)
            return
        for chunk in read_chunks(part):
            lines = (line.removeprefix(BYTE_ORDER_MARK) for line in chunk.splitlines())
            received = ((line, *lineage) for line in lines if line.strip())
            while some := [*islice(received, ROWS_AT_ONCE)]:
                yield from json_batches(some, feeds, types)
    except Exception as error:  # Whatever it is, it must not stop the stream.
        problem = f"cannot be read ({type(error).__name__})"
        yield record_batch({"problem": [problem], "_source_file": [source]}, types)


def read_chunks(part: Part) -> Iterator[bytes]:
    """Read the bytes of a part, decompressed, in chunks of whole lines."""
    end = inf if part.end is None else part.end
    with OPENERS.get(part.file.path.suffix.lower(), open)(part.file.path, "rb") as file:
        if part.begin:  # The line that the byte before belongs to is the part before's.
            file.seek(part.begin - 1)
            file.readline()
        while (size := min(BYTES_AT_ONCE, end - file.tell())) > 0 and (content := file.read(size)):
            if not content.endswith(b"\n"):
                content += file.readline()
            yield content


def json_batches(
    received: Iterable[tuple[bytes, str, datetime]], feeds: tuple[Feed, ...], types: pa.Schema
) -> Batches:
    """Parse lines of the multiplexed feed; a batch has those of one table."""
    topics, by_name = {f.topic: f for f in feeds}, {f.table: f for f in feeds}
    by_table: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in received:
        table, *parsed = read_line(row[0], topics)
        by_table[table].append((*parsed, *row))
    for table, rows in by_table.items():
        envelopes, payloads, rescued, raw, sources, times = zip(*rows, strict=True)
        columns: Columns = {
            "feed": [table] * len(rows),
            "_is_malformed": [payload is None for payload in payloads],
            "_rescued_data": rescued,
            "_raw": [line.decode(errors="replace") for line in raw],
            "_source_file": sources,
            "_source_modified_at": times,
        }
        for name, reader in BROKER.items():
            columns[name] = [reader(envelope.get(name)) for envelope in envelopes]
        for column in by_name[table].columns if table in by_name else ():
            field, reader = column.field, reader_of(column)
            values = [reader((payload or {}).get(field)) for payload in payloads]
            columns[column_name(by_name[table], column.name)] = values
        yield record_batch(columns, types)


def csv_batches(content: bytes, lineage: Lineage, feed: Feed, types: pa.Schema) -> Batches:
    """Parse a CSV file of a feed."""
    known = [column.field for column in feed.columns]
    records = csv_records(content, known)
    while some := [*islice(records, ROWS_AT_ONCE)]:
        columns: Columns = {
            "feed": [feed.table] * len(some),
            "_fields": [record.fields_json() for record in some],
            "_is_malformed": [record.fields is None for record in some],
            "_rescued_data": [record.fields_json(without=known) for record in some],
            "_raw": [record.raw for record in some],
            "_source_file": [lineage[0]] * len(some),
            "_source_modified_at": [lineage[1]] * len(some),
        }
        for column in feed.columns:
            field, reader = column.field, READERS[column.data_type]
            values = [reader((record.fields or {}).get(field)) for record in some]
            columns[column_name(feed, column.name)] = values
        yield record_batch(columns, types)


def record_batch(columns: Columns, types: pa.Schema) -> pa.RecordBatch:
    """Return columns as a batch; those that are not given are NULL."""
    nothing = [None] * len(columns["_source_file"])
    arrays = [pa.array(columns.get(field.name, nothing), field.type) for field in types]
    return pa.RecordBatch.from_arrays(arrays, schema=types)
