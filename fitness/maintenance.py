"""Maintenance of the tables: OPTIMIZE, VACUUM, short logs in a continuous run, old raw readings.

It reads tables by path, so it needs no metastore and may run while a service ingests and builds. On
a local file system two processes must not commit to one table at once: while it maintains a table,
it holds the lock of the processes that write the table.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any, cast

from delta import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

from fitness.delta_log import cut_log, last_commit_time, newest_version
from fitness.lock import MAINTENANCE, POLL, held_by_jvm, only_one
from fitness.old_lines import delete_old_lines, retention_days
from python_ingest.errors import BusyError, FitnessError, SettingError
from python_ingest.settings import Settings
from python_ingest.tables import is_table

log = logging.getLogger(__name__)

# Delta's minimum: a reader or writer that began earlier may still need the files.
LEAST_KEPT = timedelta(days=7)
# A model that was not built for longer compares its inputs whole in its next build.
LONGEST_UNREAD = timedelta(days=30)
# The first unread commit may be only slightly newer than the last one that was read.
MARGIN = timedelta(hours=1)
LONGEST_BUILD = timedelta(hours=2)
# How much of its tables' logs a continuous run keeps. Older commits that every reader has read are
# needed for time travel only; each hour of them, some 360 commits, costs every build a second.
LEAST_LOG, LONGEST_LOG = timedelta(minutes=15), timedelta(days=1)
MANY_CALLS = 50  # of Upkeep, each of which leaves a few small files in a table
ALL_EVERY = timedelta(hours=12)  # how often Upkeep maintains tables that had no commits
WATERMARKS = "*ops/watermarks"


def check(settings: Settings, keep: timedelta) -> None:
    """Raise SettingError for a time too short or a wrong var, FitnessError on Databricks."""
    if settings.catalog:
        raise FitnessError(
            "On Databricks let predictive optimization maintain the tables, or schedule OPTIMIZE "
            "and VACUUM there."
        )
    if keep < LEAST_KEPT:
        raise SettingError(
            f"Readers may need old files: keep them for {LEAST_KEPT.days} days or more."
        )
    retention_days()


def maintain(
    spark: SparkSession,
    settings: Settings,
    keep: timedelta = LEAST_KEPT,
    on_table: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Optimize and vacuum every table; return those that are done, as `layer.name`.

    Files are kept for `keep`, and for longer where a model or a test has yet to read the changes in
    them. Logs, which name values of deleted rows, are kept as long; Delta itself would keep them
    for 30 days, and for longer where a table gets few checkpoints. Raw readings are deleted after
    the var `retention_days`.

    It waits for a build that is running, and a build waits for the table that it maintains. An
    ingest that is running maintains the bronze tables itself: they are skipped.

    `on_table` is called with a message on each table. Raises BusyError if a build does not end, or
    another maintenance is at work.
    """
    done = []
    with only_one(settings.lakehouse, MAINTENANCE):
        unread, days = unread_since(spark, settings), retention_days()
        for name, path in all_tables(settings).items():
            is_bronze = path.parent.name == "bronze"
            writers = ("ingest", timedelta()) if is_bronze else ("build", LONGEST_BUILD)
            try:
                with (
                    only_one(settings.lakehouse, *writers),
                    held_by_jvm(spark, settings, writers[0]),
                ):
                    delete_old_lines(spark, settings, name, days)
                    kept = retention(name, unread, keep)
                    tidy(spark, path, kept)
                    write_checkpoint(spark, path)
                    cut_log(path, kept)
            except BusyError:
                if not is_bronze:
                    raise
                on_table(f"{name}: skipped, since an ingest is running.")
                continue
            done.append(name)
            on_table(f"{name}: done.")
            time.sleep(2 * POLL)  # Lets a waiting build take the lock.
    return done


class Upkeep:
    """Maintains tables in a continuous run; called between its other work.

    Every MANY_CALLS calls the tables that had commits meanwhile become due, and every ALL_EVERY all
    tables, since files that they dropped earlier grow old. Each call then maintains one of them, so
    that no other work waits long. Their logs are cut too: each look at a log lists its whole
    folder, and a continuous run makes thousands of commits a day.
    """

    def __init__(self, spark: SparkSession, settings: Settings, layers: str = "*") -> None:
        self._spark, self._settings, self._layers = spark, settings, layers
        self._calls, self._began, self._days = 0, time.time(), retention_days()
        self._all_at = self._began + ALL_EVERY.total_seconds()
        self._due: list[Path] = []
        self._tidied: dict[Path, float] = {}  # with the time of its own commits, which are no news

    def __call__(self) -> None:
        """Tidy the next table that is due, if there is one; the caller holds the table's lock."""
        self._calls += 1
        if self._calls % MANY_CALLS == 0:
            tables = filter(is_table, self._settings.lakehouse.glob(f"{self._layers}/*"))
            now, since = time.time(), self._began
            if now >= self._all_at:
                since, self._all_at = 0.0, now + ALL_EVERY.total_seconds()
            times = {table: last_commit_time(table) for table in tables}
            due = {
                t
                for t, at in times.items()
                if at >= since and (not since or self._tidied.get(t) != at)
            }
            self._due = sorted({*self._due, *due})
            self._began = now
        if self._due:
            table = self._due.pop()
            name = f"{table.parent.name}.{table.name}"
            try:
                delete_old_lines(self._spark, self._settings, name, self._days)
                unread = unread_since(self._spark, self._settings)
                tidy(self._spark, table, retention(name, unread))
                cut_log(table, retention(name, unread, LEAST_LOG, LONGEST_LOG, LEAST_LOG))
                self._tidied[table] = last_commit_time(table)
            except (PySparkException, Py4JJavaError, SettingError):
                # Such as a conflict with another writer. It is due again after its next commits.
                log.warning("%s was not maintained.", table, exc_info=True)


def all_tables(settings: Settings) -> dict[str, Path]:
    """Return the folders of all tables below the lakehouse folder, by `schema.name`."""
    paths = sorted(filter(is_table, settings.lakehouse.glob("*/*")))
    return {f"{path.parent.name}.{path.name}": path for path in paths}


def tidy(spark: SparkSession, path: Path, kept: timedelta) -> None:
    """Compact a table's small files, and remove files that it dropped longer ago than `kept`."""
    table = DeltaTable.forPath(spark, str(path))
    table.optimize().executeCompaction()
    table.vacuum(kept / timedelta(hours=1))


def write_checkpoint(spark: SparkSession, path: Path) -> None:
    """Write a checkpoint of a table's newest version.

    It has the statistics of the files in use. Of the files removed in the last week it has names,
    sizes and partitions, but no statistics. Raises FitnessError if Delta wrote none.
    """
    jvm, session = cast(Any, spark)._jvm, cast(Any, spark)._jsparkSession
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(session, str(path))
    nothing = jvm.scala.Option.empty()
    log.checkpoint(log.update(False, nothing, nothing), nothing)
    # If it fails, Delta only logs the error: a checkpoint is not needed to read a table.
    checkpoint = path / "_delta_log" / f"{newest_version(path):020}.checkpoint.parquet"
    if not checkpoint.is_file():
        raise FitnessError(
            f"Delta could not write {checkpoint}, so the log of the table cannot be cut; "
            "logs/spark.log says why. Run the command again when that is solved."
        )


def retention(
    table: str,
    unread: Mapping[str, datetime],
    keep: timedelta = LEAST_KEPT,
    longest: timedelta = LONGEST_UNREAD,
    margin: timedelta = MARGIN,
) -> timedelta:
    """Return how long to keep a table's dropped files: `keep`, or until their changes are read.

    `table` is `layer.name`, `unread` is as unread_since() returns it.
    """
    if table not in unread:
        return keep
    return max(keep, min(datetime.now(UTC) - unread[table] + margin, longest))


def unread_since(spark: SparkSession, settings: Settings) -> dict[str, datetime]:
    """Return, by `layer.name`, the time of the last commit that a table's slowest reader read."""
    # Developers' watermarks count too.
    paths = [str(path) for path in settings.lakehouse.glob(WATERMARKS) if is_table(path)]
    tables = [spark.read.format("delta").load(path) for path in paths]
    if not tables:
        return {}
    marks = reduce(DataFrame.unionByName, tables).where("committed_at != ''")
    oldest = marks.groupBy("input").agg(
        F.unix_micros(F.min(F.expr("cast(committed_at as timestamp)"))).alias("at")
    )
    return {row.input: datetime.fromtimestamp(row["at"] / 1e6, UTC) for row in oldest.collect()}
