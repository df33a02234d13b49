"""A batch of a stream, from what is new to rows in the bronze tables, each exactly once."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from threading import Lock

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.util import inheritable_thread_target

from python_ingest import ingest_log
from python_ingest.ingest_log import BatchFigures
from python_ingest.landed_files import (
    CHANGED,
    CHANGED_SINCE,
    LandedFile,
    Parser,
    look_at,
    unreadable,
)
from python_ingest.packs import Figures, figures_of, packs_of_lines, rows_of
from python_ingest.positions import Position
from python_ingest.settings import Settings
from python_ingest.tables import INGESTED_AT, UNROUTED, append, read_table

log = logging.getLogger(__name__)

EVER = datetime(1970, 1, 1, tzinfo=UTC)
MOST_A_CLOCK_IS_SET_BACK = timedelta(days=1)
Teller = Callable[[BatchFigures], None]


@dataclass(frozen=True)
class Attempt:
    """A try to land a batch, or files on their own, which have no number.

    Rows may have landed `since` an instant, in a try before; None if there was none.
    """

    batch: int | None
    since: datetime | None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class BatchWriter:
    """Lands the batches of one stream; called by it with each batch and its number.

    `tables` are those that the stream writes to, `identity` the columns that tell whether a
    table has a row. `planned` is the newest batch of earlier runs, `error` what the last batch
    raised, `at_work` is held while a batch is landed, which may take longer than its stream lives.
    """

    spark: SparkSession
    settings: Settings
    stream: str
    tables: Sequence[str]
    identity: Sequence[str]
    position: Position
    tell: Teller
    landed: Counter[str]
    planned: int = field(default=-1, init=False)
    error: Exception | None = field(default=None, init=False)
    at_work: Lock = field(default_factory=Lock, init=False)

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Land a batch, remembering what goes wrong: Spark passes on its text only."""
        with self.at_work:
            try:
                # Interrupted while it writes to a Python worker, a task goes on using memory that
                # is freed: Arrow writes through a channel, which an interrupt closes (Spark 4.2).
                self.spark.sparkContext.setLocalProperty("spark.job.interruptOnCancel", "false")
                now = datetime.now(UTC).isoformat(timespec="microseconds")
                is_new = batch > self.planned
                self.position.began = now if is_new else min(self.position.began, now)
                query = self.spark.sparkContext.getLocalProperty("sql.streaming.queryId")
                self.position.query, self.position.batch = query, batch
                # Before any append: see positions.py.
                self.position.save()
                self.land(frame, Attempt(batch, self.may_have_landed_since(batch)))
            except Exception as error:
                self.error = error
                raise

    def may_have_landed_since(self, batch: int) -> datetime | None:
        """Say since when rows of a batch may have landed in an attempt before; None if it is new.

        A batch is cut short by a crash, or by an append that failed.
        """
        if self.position.is_recovering:
            return EVER
        if batch <= self.planned:
            return datetime.fromisoformat(self.position.began) - MOST_A_CLOCK_IS_SET_BACK
        return None

    def land(self, frame: DataFrame, attempt: Attempt) -> None:
        """Land a batch of lines of the multiplexed feed."""
        with held(packs_of_lines(frame)) as (packs, figures):
            self.write(packs, figures, attempt)

    def write(
        self,
        packs: DataFrame,
        figures: Figures,
        attempt: Attempt,
        files: Sequence[LandedFile] = (),
    ) -> None:
        """Append what packs hold and no attempt has landed before; note the figures."""
        new_fields = self.report_new_fields(figures.unknown_fields)

        def write_table(table: str) -> None:
            rows = rows_of(packs, table)
            if attempt.since is not None:
                rows = self.not_in_table(rows, table, attempt.since)
                figures.rows[table], figures.malformed[table] = rows.agg(
                    F.count("*"), F.count_if("_is_malformed")
                ).collect()[0]
            if figures.rows[table]:
                append(rows, self.settings, table)

        # A commit is mostly waiting.
        with ThreadPoolExecutor() as pool:
            deque(
                pool.map(inheritable_thread_target(self.spark)(write_table), [*figures.rows]),
                maxlen=0,
            )
        self.landed.update(+figures.rows)
        note = BatchFigures(
            stream=self.stream,
            batch=attempt.batch,
            started_at=attempt.started.isoformat(timespec="milliseconds"),
            seconds=round((datetime.now(UTC) - attempt.started).total_seconds(), 3),
            files=len(files),
            rows=dict(sorted((+figures.rows).items())),
            malformed=figures.malformed.total() - figures.malformed[UNROUTED],
            unrouted=figures.rows[UNROUTED],
            newest_event_at=instant(figures.newest),
            lag_seconds=lag(figures.arrived),
            new_fields=new_fields,
            left_out={
                source: entry["reason"]
                for source, entry in self.position.left_out.items()
                if source not in {file.source for file in files}
            },
        )
        ingest_log.add(self.settings.lakehouse, note)
        self.tell(note)

    def report_new_fields(self, names: Collection[str]) -> list[str]:
        """Report fields that no table has a column for, once each; give those not seen before."""
        new = sorted({*names} - {*self.position.new_fields})
        for name in new:
            log.warning("New field %s: kept in _rescued_data.", name)
        if new:
            self.position.new_fields += new
            self.position.save()
        return new

    def not_in_table(self, rows: DataFrame, table: str, since: datetime) -> DataFrame:
        """Give the rows that a table does not have since an instant."""
        there = self.landed_in(table, since).select(*self.identity).distinct()
        return rows.join(there, [*self.identity], "left_anti")

    def landed_in(self, table: str, since: datetime) -> DataFrame:
        """Give the rows that a table has since an instant."""
        # Parquet's own figures let Spark pass over older files.
        return read_table(self.spark, self.settings, table).where(F.col(INGESTED_AT) >= since)


@dataclass
class FileWriter(BatchWriter):
    """Lands batches of files, which `parse` reads by their paths.

    A file that cannot be taken is left out, said, remembered, and tried again at the next start;
    one that changed while it was read, with the next batch.
    """

    parse: Parser

    def land(self, frame: DataFrame, attempt: Attempt) -> None:
        """Land the files of a batch, but those that are left out already."""
        self.try_again(CHANGED)
        files = [
            LandedFile(local_path(row.path), row.source, row.modified, row.length)
            for row in frame.distinct().collect()
        ]
        # A batch that was cut short may have left out files that have landed since without it.
        elsewhere = {*self.position.left_out}
        if not self.position.is_recovering:
            elsewhere |= {*self.position.taken_later}
        self.land_files([f for f in files if f.source not in elsewhere], attempt)

    def land_files(self, files: Sequence[LandedFile], attempt: Attempt) -> Sequence[LandedFile]:
        """Land files, but those that cannot be taken; give those that have landed."""
        files = self.leave_out(files, problems(files, self.settings.landing))
        if files and attempt.since is not None:
            files = self.leave_out(files, self.changed_since(files, attempt.since))
        while files:
            with ExitStack() as stack:
                try:
                    reading = held(self.parse([str(file.path) for file in files]))
                    packs, figures = stack.enter_context(reading)
                except Exception:
                    culprits = unreadable(self.spark, files, self.parse)
                    if not culprits:
                        raise
                else:
                    # Those that have changed meanwhile are left out too.
                    culprits = problems(files, self.settings.landing)
                    if not culprits:
                        self.write(packs, figures, attempt, files)
                        return files
            files = self.leave_out(files, culprits)
        return []

    def leave_out(
        self, files: Sequence[LandedFile], reasons: Mapping[str, str]
    ) -> Sequence[LandedFile]:
        """Remember files that cannot be taken, on disk before anything of their batch is.

        Gives the others.
        """
        for file in files:
            if reason := reasons.get(file.source):
                log.warning("%s is left out: %s.", file.path, reason)
                self.position.left_out[file.source] = {"path": str(file.path), "reason": reason}
        if reasons:
            self.position.save()
        return [file for file in files if file.source not in reasons]

    def try_again(self, reason: str | None = None) -> None:
        """Land files that were left out, for a reason or for any, and can be taken now.

        Those that are gone are forgotten.
        """
        left_out, files = self.position.left_out, []
        for source, entry in list(left_out.items()):
            if reason not in (None, entry["reason"]):
                continue
            try:
                file = look_at(Path(entry["path"]), source)
            except FileNotFoundError:
                log.warning("%s, which was left out, is gone.", entry["path"])
                del left_out[source]
                self.position.save()
                continue
            if entry["reason"] == CHANGED_SINCE or file.problem(self.settings.landing):
                log.warning("%s is still left out: %s.", file.path, entry["reason"])
            else:
                files.append(file)
        # Forgotten only once landed: a crash in between repeats it.
        for file in (landed := self.land_files(files, Attempt(None, EVER))):
            del left_out[file.source]
            self.position.taken_later[file.source] = file.modified
        if landed:
            self.position.save()

    def changed_since(self, files: Sequence[LandedFile], since: datetime) -> dict[str, str]:
        """Find files of which the tables have rows from before they were last modified."""
        now = self.spark.createDataFrame(
            [(f.source, f.modified) for f in files], "_source_file string, modified bigint"
        )
        then = reduce(
            DataFrame.union,
            [
                self.landed_in(table, since).select(
                    "_source_file", F.unix_millis("_source_modified_at").alias("then")
                )
                for table in self.tables
            ],
        )
        rows = then.join(F.broadcast(now), "_source_file").where("then != modified")
        return {row[0]: CHANGED_SINCE for row in rows.select("_source_file").distinct().collect()}


def problems(files: Sequence[LandedFile], landing: Path) -> dict[str, str]:
    """Give the reasons of the files that cannot be taken, by source."""
    return {file.source: why for file in files if (why := file.problem(landing))}


def local_path(path: str) -> Path:
    """Give the path of a file as this machine sees it, from the one that Spark gives."""
    return Path(path.split(":", 1)[1]) if path.startswith(("file:", "dbfs:")) else Path(path)


@contextmanager
def held(packs: DataFrame) -> Iterator[tuple[DataFrame, Figures]]:
    """Read what packs are made of, and hold them meanwhile; gives their figures too."""
    packs = packs.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield packs, figures_of(packs)
    finally:
        packs.unpersist()


def instant(seconds: float | None) -> str | None:
    """Give an instant as ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def lag(arrived: float | None) -> float | None:
    """Give the seconds since something arrived."""
    return None if arrived is None else round(max(0.0, time.time() - arrived), 3)
