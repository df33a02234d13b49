"""Remove at once what the tables' folders keep of rows that are deleted: `fitness forget --purge`.

Deleted rows stay in data files that a table no longer uses, and in change files. The log names the
least and the greatest value of each column in the files that a commit added or removed, and the
conditions of some operations. Without a purge all of that goes with maintenance: docs/privacy.md.

A purge gives up
- time travel: each table has only its newest version;
- changes that a model or a test has not read yet, such as a developer's: in its next build it is
  compared whole, and says so;
- queries that are running in other processes: their files may be gone.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from delta import DeltaTable
from pyspark.sql import SparkSession

from fitness.delta_log import cut_log
from fitness.lock import writing
from fitness.maintenance import all_tables, write_checkpoint
from python_ingest.errors import FitnessError
from python_ingest.settings import Settings

AT_ONCE = {
    # Else Delta refuses to remove files that were dropped less than a week ago.
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    # VACUUM then makes two commits without files: the log can be cut at the second.
    "spark.databricks.delta.vacuum.logging.enabled": "true",
}


def purge(
    spark: SparkSession,
    settings: Settings,
    on_table: Callable[[str], None],
    build: Callable[[], object],
) -> None:
    """Remove everything old of every table, after a build of all models that left nothing to do.

    `build` builds again: the watermarks of models and tests move to the commits at which the logs
    are then cut. If it raises, nothing is cut; a purge can be interrupted anywhere and repeated.
    `on_table` is called with a message on each table.

    The caller holds the lock of the ingest, not that of builds: `build` takes that itself. Raises
    BusyError if another build is at work, and what `build` and renew_logs() raise.
    """
    with writing(spark, settings, "build"):
        renew_logs(spark, settings, on_table)
    build()
    with writing(spark, settings, "build"):
        cut_logs(settings, on_table)


def renew_logs(
    spark: SparkSession, settings: Settings, on_table: Callable[[str], None] = lambda _: None
) -> None:
    """Remove each table's old data and change files, and write a checkpoint of its newest version.

    That version is a commit without files, so that the models that read the table have nothing to
    do. The caller holds the locks of the ingest and of builds. Raises FitnessError on Databricks,
    or if a checkpoint cannot be written.
    """
    if settings.catalog:
        raise FitnessError("On Databricks run REORG and VACUUM there: docs/privacy.md has the SQL.")
    with configured(spark, AT_ONCE):
        for name, path in all_tables(settings).items():
            DeltaTable.forPath(spark, str(path)).vacuum(0)
            write_checkpoint(spark, path)
            on_table(f"{name}: old files are removed.")


def cut_logs(settings: Settings, on_table: Callable[[str], None] = lambda _: None) -> None:
    """Remove the part of each table's log before its newest checkpoint.

    A model whose watermark is older than that is compared whole in its next build. The caller holds
    the locks of the ingest and of builds.
    """
    for name, path in all_tables(settings).items():
        cut_log(path, kept=timedelta())
        on_table(f"{name}: its log is cut.")


@contextmanager
def configured(spark: SparkSession, conf: Mapping[str, str]) -> Iterator[None]:
    """Set settings of a session, and set them back at the end."""
    before = {key: spark.conf.get(key, None) for key in conf}
    try:
        for key, value in conf.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, earlier in before.items():
            if earlier is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, earlier)
