"""Landing to bronze: the streams, run until all has landed, once or over and over.

A stream's checkpoint knows what has been read. A batch that is repeated after a crash leaves out
what the tables have of it: positions.py tells which may be such a batch, batches.py leaves out.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from pathlib import Path
from threading import Event

from py4j.protocol import Py4JJavaError, Py4JNetworkError
from pyspark.errors import AnalysisException, PySparkException, StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.streaming.query import StreamingQuery

from python_ingest import sources
from python_ingest.batches import BatchWriter, FileWriter, Teller
from python_ingest.errors import IngestError
from python_ingest.file_list import has_news
from python_ingest.housekeeping import keep_house
from python_ingest.landed_files import contents_of, lines_of
from python_ingest.landing import MULTIPLEX
from python_ingest.lock import writing
from python_ingest.maintenance import Upkeep
from python_ingest.packs import packs_of_files, packs_of_lines
from python_ingest.positions import newest_planned, read_position, recover, why_recover
from python_ingest.settings import Settings
from python_ingest.spark import LOG, check_jvm, held_by_jvm
from python_ingest.tables import (
    CSV_COLUMNS,
    JSON_COLUMNS,
    create_tables,
    may_have_rows,
    missing_tables,
    read_table,
)

log = logging.getLogger(__name__)

KAFKA = "kafka"
HOUSEKEEPING = 3600.0  # seconds from one to the next
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0  # seconds between attempts after a failure
SECONDS_TO_FINISH = 60.0  # for a running batch, before a stop cuts it short


@dataclass
class Stream:
    """A stream: what it reads, and who lands its batches."""

    name: str
    checkpoint: Path
    frame: Callable[[], DataFrame]
    writer: BatchWriter
    may_have_news: Callable[[], bool] = lambda: True

    def start(self) -> StreamingQuery:
        """Start reading all that is there now."""
        self.writer.error = None
        self.writer.planned = newest_planned(self.checkpoint)
        return (
            self.frame()
            .writeStream.queryName(self.name)
            .option("checkpointLocation", str(self.checkpoint))
            .trigger(availableNow=True)
            .foreachBatch(self.writer)
            .start()
        )


def ingest(spark: SparkSession, settings: Settings, tell: Teller = lambda _: None) -> Counter[str]:
    """Land all that is new; return the rows appended to each bronze table.

    `tell` is called with the figures of each batch. Raises BusyError if another ingest is at work
    on the lakehouse, IngestError if a stream cannot go on.
    """
    landed: Counter[str] = Counter()
    with ingest_lock(spark, settings):
        catch_up(prepare(spark, settings, tell, landed))
    return landed


def ingest_continuously(
    spark: SparkSession,
    settings: Settings,
    interval: timedelta,
    stop: Event,
    tell: Teller = lambda _: None,
) -> Counter[str]:
    """Land what is new every `interval`, until `stop` is set; return the rows appended.

    Raises BusyError if another ingest is at work on the lakehouse, and what RepeatedIngest raises.
    """
    with ingest_lock(spark, settings):
        land, tidy_next = RepeatedIngest(spark, settings, tell), Upkeep(spark, settings, "bronze")
        while not stop.is_set():
            began = time.monotonic()
            if land(stop):
                tidy_next()
            stop.wait(max(0.0, began + interval.total_seconds() - time.monotonic()))
    return land.landed


@contextmanager
def ingest_lock(spark: SparkSession, settings: Settings) -> Iterator[None]:
    """Be the one ingest of the lakehouse; raises BusyError if there is another."""
    with writing(settings.lakehouse, "ingest"), held_by_jvm(spark, settings, "ingest"):
        yield


class RepeatedIngest:
    """Lands what is new at each call, for a process that goes on; `landed` counts all its rows.

    What may pass (a full disk, a broker that is away) is logged and tried again by a later call,
    at longer and longer intervals. House is kept at the first call and then hourly.
    """

    def __init__(self, spark: SparkSession, settings: Settings, tell: Teller) -> None:
        self.landed: Counter[str] = Counter()
        self._spark, self._settings, self._tell = spark, settings, tell
        self._streams: Sequence[Stream] = ()
        self._prepare_at = self._not_before = -inf
        self._wait = FIRST_WAIT

    def __call__(self, stop: Event) -> int:
        """Land what is new, or what has landed when `stop` is set; return the number of rows.

        Raises what does not pass: IngestError, and HeapError or FitnessError if Spark has ended.
        """
        check_jvm(self._spark)
        if time.monotonic() < self._not_before:
            return 0
        before = self.landed.total()
        try:
            if time.monotonic() >= self._prepare_at:
                self._streams = prepare(self._spark, self._settings, self._tell, self.landed)
                self._prepare_at = time.monotonic() + HOUSEKEEPING
            catch_up(self._streams, stop)
            self._wait = FIRST_WAIT
        except Exception as error:
            check_jvm(self._spark)
            if is_permanent(error):
                raise
            if self.landed.total() > before:
                self._wait = FIRST_WAIT
            log.warning("%s. Trying again in %.0f s.", first_line(error), self._wait)
            self._prepare_at, self._not_before = -inf, time.monotonic() + self._wait
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        return self.landed.total() - before


def prepare(
    spark: SparkSession, settings: Settings, tell: Teller, landed: Counter[str]
) -> list[Stream]:
    """Make the streams ready to start: tables, positions, and what was left out tried again."""
    missing = missing_tables(spark, settings)
    streams = [
        file_stream(spark, settings, feed, tell, landed) for feed in (MULTIPLEX, *CSV_COLUMNS)
    ]
    if settings.kafka:
        streams.append(kafka_stream(spark, settings, tell, landed))
    # Before the tables are there again, and with them nothing tells any more that they were gone.
    for stream in streams:
        begin_anew(stream, why_anew(stream, missing))
    create_tables(spark, settings, missing)
    for stream in streams:
        if isinstance(stream.writer, FileWriter):
            stream.writer.try_again()
            # Auto Loader keeps house by itself.
            if settings.catalog is None and keep_house(
                settings, stream.checkpoint, stream.writer.position
            ):
                begin_anew(stream, "its list of landed files has grown long")
    return streams


def why_anew(stream: Stream, missing: Collection[str]) -> str | None:
    """Say why a stream cannot go on from its checkpoint; None if it can. `missing`: its tables."""
    writer = stream.writer
    if writer.position.query and {*missing} & {*writer.tables}:
        return "a table of it is gone"
    is_own = F.col("_source_file").startswith(sources.KAFKA_SOURCE)
    if stream.name != KAFKA:
        is_own = ~is_own
    return why_recover(
        writer.position,
        stream.checkpoint,
        lambda: any(
            not read_table(writer.spark, writer.settings, table).where(is_own).isEmpty()
            for table in writer.tables
            if table not in missing and may_have_rows(writer.settings, table)
        ),
    )


def begin_anew(stream: Stream, why: str | None) -> None:
    """If there is a reason, let a stream read all of its source again, and say so."""
    if why:
        log.warning(
            "%s: %s. All of its source is read again; what its tables have is left out.",
            stream.name,
            why,
        )
        recover(stream.writer.position, stream.checkpoint)


def file_stream(
    spark: SparkSession, settings: Settings, feed: str, tell: Teller, landed: Counter[str]
) -> Stream:
    """Give the stream of a landing folder."""
    folder = settings.landing / feed
    checkpoint = settings.checkpoints / feed
    position = read_position(settings.positions / f"{feed}.json")
    if position.query is not None and not folder.exists():
        # Its files would be taken for gone.
        raise IngestError(
            f"{folder}, from which files have landed, is gone: mount it or make it again.",
            is_permanent=False,
        )
    folder.mkdir(parents=True, exist_ok=True)
    is_csv = feed in CSV_COLUMNS

    def parse(paths: Sequence[str]) -> DataFrame:
        if is_csv:
            return packs_of_files(contents_of(spark, paths), feed)
        return packs_of_lines(lines_of(spark, paths))

    reader = (
        sources.auto_loader(settings, checkpoint) if settings.catalog else sources.spark_files()
    )

    def may_have_news() -> bool:
        # Auto Loader keeps its list to itself.
        is_known = settings.catalog is None and not position.is_recovering
        return not is_known or has_news(folder, checkpoint)

    return Stream(
        feed,
        checkpoint,
        lambda: sources.new_files(spark, reader, folder),
        FileWriter(
            spark,
            settings,
            feed,
            (feed,) if is_csv else tuple(JSON_COLUMNS),
            ("_source_file",),
            position,
            tell,
            landed,
            parse,
        ),
        may_have_news,
    )


def kafka_stream(
    spark: SparkSession, settings: Settings, tell: Teller, landed: Counter[str]
) -> Stream:
    """Give the stream of a broker's topics."""
    reader = sources.kafka(settings.kafka or "", settings.kafka_properties)
    return Stream(
        KAFKA,
        settings.checkpoints / KAFKA,
        lambda: sources.kafka_lines(spark, reader),
        BatchWriter(
            spark,
            settings,
            KAFKA,
            tuple(JSON_COLUMNS),
            ("_source_file", "offset", "_raw"),
            read_position(settings.positions / f"{KAFKA}.json"),
            tell,
            landed,
        ),
    )


def catch_up(streams: Sequence[Stream], stop: Event | None = None) -> None:
    """Land all that is there now, until `stop` is set; raises IngestError if a stream could not."""
    streams = [stream for stream in streams if stream.may_have_news()]
    with running(streams) as queries:
        while stop and any(query.isActive for query in queries):
            if stop.wait(0.2):
                return
        errors = [failure(*pair) for pair in zip(streams, queries, strict=True)]
    for stream, query, error in zip(streams, queries, errors, strict=True):
        position = stream.writer.position
        if error is None and (position.is_recovering or position.query is None):
            position.query, position.is_recovering = query.id, False
            position.save()
    raise_worst(errors)


@contextmanager
def running(streams: Sequence[Stream]) -> Iterator[list[StreamingQuery]]:
    """Start streams that end when they have caught up; none is at work afterwards."""
    queries: list[StreamingQuery] = []
    try:
        for stream in streams:
            queries.append(stream.start())
        yield queries
    finally:
        until = time.monotonic() + SECONDS_TO_FINISH
        for stream, query in zip(streams, queries, strict=False):
            finish(stream, query, until)


def finish(stream: Stream, query: StreamingQuery, until: float) -> None:
    """Stop a query between two batches if that comes soon; a batch cut short is repeated later."""
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < until:
        time.sleep(0.05)
    query.stop()
    # Its batch must not go on beside a repetition.
    with stream.writer.at_work:
        pass


def failure(stream: Stream, query: StreamingQuery) -> IngestError | None:
    """Wait for a query's end; give why it failed, or None."""
    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        cause = stream.writer.error or error
        return IngestError(
            f"{stream.name} stopped: {first_line(cause)}. Nothing is lost, the next ingest goes on "
            f"from here; {LOG} has the whole story.",
            is_permanent=is_permanent(cause),
        )
    return None


def raise_worst(errors: Sequence[IngestError | None]) -> None:
    """Raise the error of a stream, if there is one: rather one that does not pass."""
    if found := [error for error in errors if error is not None]:
        raise max(found, key=lambda error: error.is_permanent)


def is_permanent(error: Exception) -> bool:
    """Tell whether trying again would be in vain: for a mistake in a setting, a table or the code.

    And without a JVM: nothing but Spark is connected to.
    """
    if isinstance(error, IngestError):
        return error.is_permanent
    if isinstance(error, AnalysisException | ConnectionError | Py4JNetworkError):
        return True
    return not isinstance(error, OSError | PySparkException | Py4JJavaError)


def first_line(error: Exception) -> str:
    """Give what an error says in a line."""
    return (str(error).strip() or repr(error)).splitlines()[0][:500].rstrip(".")
