"""What a batch has received, read once, and held in little memory until it is written.

Lines are read in Spark's workers by Python: stricter than Spark's own parsers, and faster. A row of
what they give is a pack: many rows of one table as Arrow's bytes, and beside them what must be
known of all before any is written. Each table then unpacks only what is its own.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from python_ingest.garbage import uncollected
from python_ingest.rows import Columns, rows_of_files, rows_of_lines
from python_ingest.tables import INGESTED_AT, JSON_COLUMNS, schema, table_columns

FIGURES = (
    "feed string, rows bigint, malformed bigint, unknown_fields array<string>, "
    "newest double, arrived timestamp"
)
LATEST = 253_402_300_799.0  # the last second of the year 9999, in epoch seconds
EVENT_TIMES = {
    "registered_users_bz": "registration_timestamp",
    "gym_logins_bz": "login",
    "user_info_bz": "event_timestamp",
    "workouts_bz": "event_timestamp",
    "heart_rate_bz": "time",
}
# Quick, and a batch of a quarter of a gigabyte takes a fifth of that.
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass
class Figures:
    """What is in packs, by table; `newest` and `arrived` are epoch seconds."""

    rows: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    unknown_fields: set[str] = field(default_factory=set)
    newest: float | None = None
    arrived: float | None = None


def packs_of_lines(lines: DataFrame) -> DataFrame:
    """Read lines of the multiplexed feed: `_raw`, `_source_file`, `_source_modified_at`."""
    # As bytes, since a text that is no UTF-8 cannot be handed to Python.
    received = lines.withColumn("_raw", F.col("_raw").cast("binary"))
    return packs_of(received, rows_of_lines, [*JSON_COLUMNS])


def packs_of_files(files: DataFrame, table: str) -> DataFrame:
    """Read whole CSV files of a table: `content`, `_source_file`, `_source_modified_at`.

    Whole, because a header names the columns of every line and a quoted value may hold a line
    break.
    """
    return packs_of(files, lambda batch: rows_of_files(batch, table), [table])


def packs_of(
    received: DataFrame,
    rows: Callable[[pa.RecordBatch], Iterator[tuple[str, Columns]]],
    tables: Sequence[str],
) -> DataFrame:
    """Read what was received as rows of some tables, and pack them."""
    # The workers cannot read the text of a schema.
    types = {table: to_arrow_schema(known_columns(table), timezone="UTC") for table in tables}
    figures = to_arrow_schema(schema(FIGURES), timezone="UTC")

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Many objects and no cycles: the collector would look through them for nothing.
        with uncollected():
            for batch in batches:
                for table, columns in rows(batch):
                    arrays = [as_array(columns[f.name], f.type) for f in types[table]]
                    own = pa.RecordBatch.from_arrays(arrays, schema=types[table])
                    pack = pa.RecordBatch.from_pylist([figures_of_rows(table, own)], schema=figures)
                    yield pack.append_column("content", pa.array([packed(own)], pa.binary()))

    return received.mapInArrow(read, f"{FIGURES}, content binary")


def as_array(values: Sequence[object] | pa.Array, of: pa.DataType) -> pa.Array:
    """Give values as an array of a type."""
    return values.cast(of) if isinstance(values, pa.Array) else pa.array(values, of)


def figures_of_rows(table: str, rows: pa.RecordBatch) -> dict[str, object]:
    """Give the figures of rows of a table."""
    rescued = rows.column("_rescued_data").drop_null().to_pylist()
    times = rows.column(EVENT_TIMES[table]) if table in EVENT_TIMES else pa.nulls(0, pa.float64())
    possible = pc.and_(pc.greater_equal(times, 0.0), pc.less_equal(times, LATEST))
    return {
        "feed": table,
        "rows": rows.num_rows,
        "malformed": pc.sum(rows.column("_is_malformed")).as_py(),
        "unknown_fields": sorted({name for fields in rescued for name in json.loads(fields)}),
        "newest": pc.max(times.filter(possible)).as_py(),
        "arrived": pc.min(rows.column("_source_modified_at")).as_py(),
    }


def packed(rows: pa.RecordBatch) -> bytes:
    """Give rows as Arrow's bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=COMPRESSED) as stream:
        stream.write_batch(rows)
    return cast(bytes, sink.getvalue().to_pybytes())


def rows_of(packs: DataFrame, table: str) -> DataFrame:
    """Unpack the rows of a table, with all its columns but the instant of their ingest."""

    def unpack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for content in batch.column("content"):
                yield from pa.ipc.open_stream(content.as_buffer())

    own = packs.where(F.col("feed") == table).select("content")
    return own.mapInArrow(unpack, known_columns(table))


def known_columns(table: str) -> StructType:
    """Give the columns of a table that are known when a line has been read."""
    return StructType([f for f in schema(table_columns(table)) if f.name != INGESTED_AT])


def figures_of(packs: DataFrame) -> Figures:
    """Give the figures of packs; the first look at them, which also brings them into memory."""
    figures = Figures()
    newest, arrived = [], []
    for pack in packs.select(*schema(FIGURES).names[:-1], F.unix_millis("arrived")).collect():
        feed, rows, malformed, unknown_fields, newest_here, arrived_here = pack
        figures.rows[feed] += rows
        figures.malformed[feed] += malformed
        figures.unknown_fields |= {f"{feed}.{name}" for name in unknown_fields}
        newest.append(newest_here)
        arrived.append(arrived_here / 1000)
    figures.newest = max((time for time in newest if time is not None), default=None)
    figures.arrived = min(arrived, default=None)
    return figures
