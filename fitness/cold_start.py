"""Optional measures that make a cold start faster.

The class archive (Java's class data sharing) has the classes that Spark loads: the JVM maps it
instead of reading, checking and linking some 20,000 classes, which saves seconds at each start.
"""

import logging
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from pyspark.sql import SparkSession

from fitness import build_log, ingest_log
from fitness.backlog import backlog_of_bronze, built_until, waiting_files
from fitness.dbt_arguments import asks_whole_tests
from fitness.landing import ingest
from fitness.samples.produce import World, produce
from fitness.settings import export, spark_conf
from fitness.spark import JAVA_OPTIONS, class_archive, end_jvm, start_spark
from python_ingest.settings import Settings

TRAINING = (
    "create or replace temporary view new_rows as select * from bronze.registered_users_bz",
    "create table silver.training using delta as select * from new_rows",
    "merge into silver.training as t using new_rows as n on t.user_id <=> n.user_id "
    "when matched then update set * when not matched then insert *",
    "select user_id, count(*), max(mac_address) from silver.training group by user_id order by 1",
)
# Use C1 only, of the JVM's two compilers: C2 pays off after minutes. Alone, C1 has 48 MB for its
# code by default, and a first build fills them, which ends compilation: give it what both have.
C1_ONLY = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
SMALL_BUILD = 500_000  # rows
SMALL_INGEST = 100_000_000  # bytes, of about as many rows
RECENT = 1_000  # entries of a log, enough for a guess


def is_small_ingest(settings: Settings) -> bool:
    """Estimate whether little waits to be landed; false for Kafka and Databricks: it is unknown."""
    if settings.kafka or settings.catalog:
        return False
    try:
        return sum(file.st_size for file in waiting_files(settings).values()) <= SMALL_INGEST
    except (OSError, ValueError):  # The ingest reports it.
        return False


def is_small_build(settings: Settings, arguments: Sequence[str]) -> bool:
    """Estimate whether a build with arguments for dbt has little to do.

    The estimate ignores that a model whose code has changed is built from all its inputs.
    """
    if asks_whole_tests(arguments) or {"-f", "--full-refresh"} & {*arguments}:
        return False
    batches = ingest_log.newest(settings.lakehouse, RECENT)
    until = built_until(build_log.newest(settings.lakehouse, RECENT))["gold"]
    is_all = len(batches) < RECENT or batches[0].landed_at < until
    return is_all and backlog_of_bronze(batches, until).count <= SMALL_BUILD


def short_lived_conf(target: str) -> dict[str, str]:
    """Return Spark's settings for work of a minute or two; longer work is slower with them."""
    conf = dict(spark_conf(target))
    conf[JAVA_OPTIONS] += f" {C1_ONLY}"
    return conf


def load_dbt() -> None:
    """Import dbt in the background, while Spark starts: both take seconds."""
    Thread(target=import_module, args=["dbt.cli.main"], daemon=True).start()


def warm_up(spark: SparkSession, settings: Settings) -> None:
    """Read a table in the background while dbt parses: Spark's first read takes seconds."""

    def read_watermarks() -> None:
        # The build reports errors; before the first load there is no table.
        with suppress(Exception):
            spark.read.format("delta").load(str(settings.lakehouse / "ops/watermarks")).collect()

    Thread(target=read_watermarks, daemon=True).start()


def make_archive(archive: Path) -> None:
    """Run an ingest and some SQL; archive the classes that they load. Remove older archives."""
    archive.parent.mkdir(exist_ok=True)
    for older in archive.parent.glob("spark*"):
        older.unlink()
    with TemporaryDirectory() as folder:
        partial = Path(folder) / archive.name
        settings = Settings(Path(folder) / "landing", Path(folder) / "lakehouse")
        produce(World(users=2, days=1, seed=0, files=1, readings=100), settings.landing)
        export(settings)
        conf = dict(spark_conf(settings.target))
        conf[JAVA_OPTIONS] += f" -XX:ArchiveClassesAtExit={partial}"
        spark = start_spark(settings, conf)
        ingest(spark, settings)
        for schema in ("bronze", "silver"):
            spark.sql(f"create schema {schema} location '{schema}'")
        spark.sql(
            "create table bronze.registered_users_bz using delta "
            f"location '{settings.lakehouse}/bronze/registered_users_bz'"
        )
        for statement in TRAINING:
            spark.sql(statement).collect()
        end_jvm(spark)  # The JVM writes the archive when it ends.
        shutil.move(partial, archive)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if not (archive := class_archive()).exists():
        sys.stderr.write("Archiving Spark's classes (once; it makes every start faster)\n")
        make_archive(archive)
