"""A batch of a stream, from what is new to rows in the bronze tables, each exactly once."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

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
from python_ingest.positions import Position
from python_ingest.rows import json_rows
from python_ingest.settings import Settings
from python_ingest.tables import UNROUTED, append, read_table

log = logging.getLogger(__name__)

LATEST = 253_402_300_799  # the last second of the year 9999, in epoch seconds
Teller = Callable[[BatchFigures], None]


@dataclass
class BatchWriter:
    """Lands the batches of one stream; called by it with each batch and its number.

    `tables` are those that the stream writes to, `identity` the columns that tell one landed row
    from another in recovery. `error` is what the last batch raised.
    """

    spark: SparkSession
    settings: Settings
    stream: str
    tables: Sequence[str]
    identity: Sequence[str]
    position: Position
    tell: Teller
    landed: Counter[str]
    error: Exception | None = field(default=None, init=False)

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Land a batch, remembering what goes wrong: Spark passes on its text only."""
        try:
            query = self.spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
            # Before any append: see positions.py.
            self.position.query, self.position.batch = query, batch
            self.position.save()
            self.land(frame, (query, batch))
        except Exception as error:
            self.error = error
            raise

    def land(self, frame: DataFrame, transaction: tuple[str, int]) -> None:
        """Land a batch of lines of the multiplexed feed."""
        self.write(json_rows(frame), [], transaction)

    def leave_out(
        self, files: Sequence[LandedFile], reasons: Mapping[str, str]
    ) -> Sequence[LandedFile]:
        """Remember files that cannot be taken, and give the others; Kafka's lines have none."""
        return files

    def write(
        self, rows: DataFrame, files: Sequence[LandedFile], transaction: tuple[str, int] | None
    ) -> Sequence[LandedFile]:
        """Append rows with a column `feed` to their tables and note the figures.

        Files that turn out to have changed meanwhile are left out; gives the others. A transaction
        that a table has is not appended again; without one, and in recovery, rows that a table has
        are left out.
        """
        started, began = datetime.now(UTC), time.monotonic()
        if transaction is None or self.position.is_recovering:
            rows = rows.join(self.rows_of_tables(), [*self.identity], "left_anti")
        rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            figures = figures_of(rows)
            if late := problems(files, self.settings.landing):
                files = self.leave_out(files, late)
                rows = rows.where(~F.col("_source_file").isin(list(late)))
                figures = figures_of(rows)
            new_fields = self.report_new_fields(rows) if figures.rescued else []
            for feed in figures.rows:
                append(rows.where(F.col("feed") == feed), self.settings, feed, transaction)
        finally:
            rows.unpersist()
        self.landed.update(figures.rows)
        note = BatchFigures(
            stream=self.stream,
            batch=transaction[1] if transaction else None,
            started_at=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - began, 3),
            files=len(files),
            rows=figures.rows,
            malformed=figures.malformed,
            unrouted=figures.rows.get(UNROUTED, 0),
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
        return files

    def report_new_fields(self, rows: DataFrame) -> list[str]:
        """Report fields that no table has a column for, once each; give those not seen before."""
        names = (
            rows.where("_rescued_data is not null")
            .select("feed", F.explode(F.expr("json_object_keys(_rescued_data)")).alias("field"))
            .distinct()
            .collect()
        )
        found = sorted(f"{row.feed}.{row.field}" for row in names)
        new = [name for name in found if name not in self.position.new_fields]
        for name in new:
            log.warning("New field %s: kept in _rescued_data.", name)
        if new:
            self.position.new_fields += new
            self.position.save()
        return new

    def rows_of_tables(self) -> DataFrame:
        """Give the identities of the rows that the stream's tables have."""
        names = [name for name in self.identity if name != "feed"]
        return reduce(
            DataFrame.unionByName,
            [
                read_table(self.spark, self.settings, table)
                .select(F.lit(table).alias("feed"), *names)
                .distinct()
                for table in self.tables
            ],
        )


@dataclass
class FileWriter(BatchWriter):
    """Lands batches of files, which `parse` reads by their paths.

    A file that cannot be taken is left out, said, remembered, and tried again at the next start;
    one that changed while it was read, with the next batch.
    """

    parse: Parser

    def land(self, frame: DataFrame, transaction: tuple[str, int]) -> None:
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
        self.land_files([f for f in files if f.source not in elsewhere], transaction)

    def land_files(
        self, files: Sequence[LandedFile], transaction: tuple[str, int] | None
    ) -> Sequence[LandedFile]:
        """Land files, but those that cannot be taken; give those that have landed."""
        files = self.leave_out(files, problems(files, self.settings.landing))
        if self.position.is_recovering:
            files = self.leave_out(files, self.changed_since(files))
        while files:
            try:
                return self.write(self.parse([str(f.path) for f in files]), files, transaction)
            except Exception:
                culprits = unreadable(self.spark, files, self.parse)
                if not culprits:
                    raise
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
            except OSError:
                log.warning("%s, which was left out, is gone.", entry["path"])
                del left_out[source]
                self.position.save()
                continue
            if entry["reason"] == CHANGED_SINCE or file.problem(self.settings.landing):
                log.warning("%s is still left out: %s.", file.path, entry["reason"])
            else:
                files.append(file)
        # Forgotten only once landed: a crash in between repeats it.
        for file in (landed := self.land_files(files, None)):
            del left_out[file.source]
            self.position.taken_later[file.source] = file.modified
        if landed:
            self.position.save()

    def changed_since(self, files: Sequence[LandedFile]) -> dict[str, str]:
        """Find files of which the tables have rows from before they were last modified."""
        now = self.spark.createDataFrame(
            [(f.source, f.modified) for f in files], "_source_file string, modified bigint"
        )
        then = reduce(
            DataFrame.union,
            [
                read_table(self.spark, self.settings, table).select(
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


@dataclass(frozen=True)
class RowFigures:
    """Figures of a batch's rows; times in epoch seconds."""

    rows: dict[str, int]
    malformed: int
    rescued: int
    newest: float | None
    arrived: float | None


def figures_of(rows: DataFrame) -> RowFigures:
    """Count rows by table; the first look at them, which also brings them into memory."""
    found = (
        rows.groupBy("feed")
        .agg(
            F.count("*").alias("rows"),
            F.count_if("_is_malformed").alias("malformed"),
            F.count("_rescued_data").alias("rescued"),
            F.max(F.when(F.col("event_time").between(0, LATEST), F.col("event_time"))),
            F.min(F.unix_millis("_source_modified_at") / 1000),
        )
        .collect()
    )
    return RowFigures(
        rows={row[0]: row[1] for row in sorted(found)},
        malformed=sum(row[2] for row in found if row[0] != UNROUTED),
        rescued=sum(row[3] for row in found),
        newest=max((row[4] for row in found if row[4] is not None), default=None),
        arrived=min((row[5] for row in found), default=None),
    )


def instant(seconds: float | None) -> str | None:
    """Give an instant as ISO 8601 in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def lag(arrived: float | None) -> float | None:
    """Give the seconds since something arrived."""
    return None if arrived is None else round(max(0.0, time.time() - arrived), 3)
