"""A stream: reads new data from its source, and lands each batch in the bronze tables once.

A stream's checkpoint records what has been read. A batch that is repeated after a crash leaves out
the rows that the tables already have. recovery.py says when that is necessary.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, ClassVar

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.util import inheritable_thread_target

from python_ingest.feeds import UNROUTED, Feed
from python_ingest.parse.frames import rows_of
from python_ingest.recovery import newest, read_position, reset, reset_reason
from python_ingest.settings import Settings
from python_ingest.suppression import REGISTRATIONS, LetsLand, read_suppressions, record_file
from python_ingest.tables import (
    INGESTED_AT,
    append,
    may_have_rows,
    read_table,
    registrations,
    table_schema,
)

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_CLOCK_CORRECTION = timedelta(days=1)


@dataclass(frozen=True)
class BatchFigures:
    """What a batch did. Instants are ISO 8601 in UTC.

    `rows` counts the rows appended, by table; of them `malformed` are not in their feed's format,
    `unrouted` belong to no feed. `lag_seconds` is the time since the oldest file or record arrived.
    `new_fields` are fields that no table has a column for, reported for the first time.
    `skipped_files` has the files that could not be read, with the reason. `refused` lines are those
    of people who are forgotten; no other figure counts them.
    """

    stream: str
    batch: int | None
    started_at: str
    seconds: float
    files: int
    rows: dict[str, int]
    malformed: int
    unrouted: int
    newest_event_at: str | None
    lag_seconds: float | None
    new_fields: list[str]
    skipped_files: dict[str, str]
    refused: int = 0


@dataclass(frozen=True)
class Run:
    """What the streams of an ingest share; `landed` counts the rows appended to each table."""

    spark: SparkSession
    settings: Settings
    on_batch: Callable[[BatchFigures], None] = lambda _: None
    landed: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)
    # Of line_filter(): the state that it saw last, the forgotten, their hashes, and the filter.
    known: dict[str, Any] = field(default_factory=dict)

    def line_filter(self) -> LetsLand | None:
        """Return the function that says which lines may land; None if nobody is forgotten."""
        if not (file := record_file(self.settings)).exists():
            return None
        with self.lock:
            state = (file.stat().st_mtime_ns, self.landed[REGISTRATIONS])
            if state != self.known.get("state") and (found := read_suppressions(self.settings)):
                found = found.closed_by(registrations(self.spark, self.settings))
                if found != self.known.get("found"):
                    old = self.known.get("hashes")
                    hashes = self.spark.sparkContext.broadcast(found.hashes)
                    self.known.update(found=found, hashes=hashes, filter=found.for_workers(hashes))
                    if old:  # No task needs it: registrations land alone, see catch_up().
                        old.destroy()
                self.known["state"] = state
            return self.known.get("filter")


@dataclass(frozen=True)
class Attempt:
    """An attempt to land a batch by its number, or files on their own: `batch` is None.

    An earlier attempt may have landed rows, `since` that instant; None if there was none.
    """

    batch: int | None
    since: datetime | None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


class Stream(ABC):
    """A stream of some feeds, all JSON or one of CSV.

    `planned` is the newest batch of earlier runs, `error` what the last batch raised. The lock
    `at_work` is held while a batch is landed, which may outlast Spark's query.
    """

    identity: ClassVar[Sequence[str]]  # the columns that tell whether a table has a row
    own_rows: ClassVar[str]  # the SQL condition for rows that such a stream has landed

    def __init__(self, run: Run, name: str, feeds: tuple[Feed, ...]) -> None:
        self.run, self.name, self.feeds = run, name, feeds
        self.checkpoint = run.settings.checkpoints / name
        self.position = read_position(run.settings.positions / f"{name}.json")
        self.planned, self.at_work = -1, Lock()
        self.error: Exception | None = None

    @abstractmethod
    def frame(self) -> DataFrame:
        """Return what is new, as a streaming DataFrame."""

    @abstractmethod
    def land(self, frame: DataFrame, attempt: Attempt) -> None:
        """Land a batch."""

    def may_have_news(self) -> bool:
        """Return False if it is certain that nothing is new."""
        return True

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the tables that the stream writes to."""
        tables = tuple(feed.table for feed in self.feeds)
        return tables if self.feeds[0].is_csv else (*tables, UNROUTED)

    def reset_reason(self, missing: Collection[str]) -> str | None:
        """Return why it cannot continue from its checkpoint, or None. `missing` are tables."""
        # A position of an earlier version has no list of tables.
        if self.position.query and {*missing} & {*(self.position.tables or self.tables)}:
            return "one of its tables is gone"
        spark, settings = self.run.spark, self.run.settings

        def has_rows() -> bool:
            names = [t for t in self.tables if t not in missing and may_have_rows(settings, t)]
            tables = (read_table(spark, settings, name) for name in names)
            return any(not table.where(self.own_rows).isEmpty() for table in tables)

        return reset_reason(self.position, self.checkpoint, has_rows)

    def reset(self, reason: str) -> None:
        """Make the stream read all of its source again, and log the reason."""
        what = "All of its source is read again; what its tables have is left out."
        log.warning("%s: %s. %s", self.name, reason, what)
        reset(self.position, self.checkpoint)

    def follow_contracts(self) -> None:
        """Add the columns to the tables that contracts have gained since the last run."""
        spark = self.run.spark
        columns = {table: table_schema(table) for table in self.tables}
        tables = {table: schema.simpleString() for table, schema in columns.items()}
        for table in tables.keys() & self.position.tables.keys():
            if tables[table] != self.position.tables[table]:
                append(spark.createDataFrame([], columns[table]), self.run.settings, table)
        if tables != self.position.tables:
            self.position.tables = tables
            self.position.save()

    def start(self) -> StreamingQuery:
        """Start reading all that is there now."""
        self.error, self.planned = None, newest(self.checkpoint / "offsets")
        return (
            self.frame()
            .writeStream.queryName(self.name)
            .option("checkpointLocation", str(self.checkpoint))
            .trigger(availableNow=True)
            .foreachBatch(self)
            .start()
        )

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Land a batch; keep its exception, of which Spark passes on only the text."""
        with self.at_work:
            try:
                context = self.run.spark.sparkContext
                # Interrupted while it writes to a Python worker, a task goes on using memory that
                # is freed: Arrow writes through a channel, which an interrupt closes (Spark 4.2).
                context.setLocalProperty("spark.job.interruptOnCancel", "false")
                now = datetime.now(UTC).isoformat(timespec="microseconds")
                is_new = batch > self.planned
                self.position.began = now if is_new else min(self.position.began, now)
                self.position.query = context.getLocalProperty("sql.streaming.queryId")
                self.position.batch = batch
                # Before any append: see recovery.py.
                self.position.save()
                self.land(frame, Attempt(batch, self.may_have_landed_since(batch)))
            except Exception as error:
                self.error = error
                raise

    def may_have_landed_since(self, batch: int) -> datetime | None:
        """Return since when an earlier attempt may have landed rows; None for a new batch.

        An attempt is interrupted by a crash, or by an append that failed.
        """
        if self.position.is_recovering:
            return EPOCH
        if batch <= self.planned:
            return datetime.fromisoformat(self.position.began) - MAX_CLOCK_CORRECTION
        return None

    def write(
        self, parsed: DataFrame, chunks: Sequence[Row], attempt: Attempt, files: Sequence[str] = ()
    ) -> None:
        """Append the lines of chunks that no attempt has landed before, and report the figures.

        `files` are the sources of the lines, if they are files.
        """
        rows, malformed = Counter[str](), Counter[str]()
        for chunk in chunks:
            rows[chunk.feed] += chunk.rows
            malformed[chunk.feed] += chunk.malformed
        new_fields = self.report_fields(
            {f"{c.feed}.{name}" for c in chunks for name in c.new_fields}
        )

        def write_table(table: str) -> None:
            own = rows_of(parsed, table)
            if attempt.since is not None:
                there = self.landed_in(table, attempt.since).select(*self.identity).distinct()
                own = own.join(there, [*self.identity], "left_anti")
                totals = own.agg(F.count("*"), F.count_if("_is_malformed"))
                rows[table], malformed[table] = totals.collect()[0]
            if rows[table]:
                append(own, self.run.settings, table)

        # In parallel, since a commit mostly waits for storage.
        with ThreadPoolExecutor() as pool:
            list(pool.map(inheritable_thread_target(self.run.spark)(write_table), [*rows]))
        self.run.landed.update(+rows)
        skipped = self.position.skipped_files.items()
        newest = max((chunk.newest for chunk in chunks if chunk.newest), default=None)
        arrived = min((chunk.arrived for chunk in chunks), default=None)
        figures = BatchFigures(
            stream=self.name,
            batch=attempt.batch,
            started_at=attempt.started.isoformat(timespec="milliseconds"),
            seconds=round((datetime.now(UTC) - attempt.started).total_seconds(), 3),
            files=len(files),
            rows=dict(sorted((+rows).items())),
            malformed=malformed.total() - malformed[UNROUTED],
            unrouted=rows[UNROUTED],
            newest_event_at=newest and datetime.fromtimestamp(newest, UTC).isoformat(),
            lag_seconds=arrived and round(max(0.0, time.time() - arrived), 3),
            new_fields=new_fields,
            skipped_files={name: file["reason"] for name, file in skipped if name not in files},
            refused=sum(chunk.refused for chunk in chunks),
        )
        self.run.on_batch(figures)

    def report_fields(self, names: set[str]) -> list[str]:
        """Report fields that no table has a column for, once each; return those that are new."""
        if new := sorted(names - {*self.position.new_fields}):
            log.warning("New fields, kept in _rescued_data: %s.", ", ".join(new))
            self.position.new_fields += new
            self.position.save()
        return new

    def landed_in(self, table: str, since: datetime) -> DataFrame:
        """Return the rows that landed in a table since an instant; Spark skips older row groups."""
        return read_table(self.run.spark, self.run.settings, table).where(
            F.col(INGESTED_AT) >= since
        )


@contextmanager
def cached(parsed: DataFrame) -> Iterator[list[Row]]:
    """Cache parsed lines until they are written, table by table; yields the figures of chunks."""
    parsed.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield parsed.drop("lines").collect()
    finally:
        parsed.unpersist()
