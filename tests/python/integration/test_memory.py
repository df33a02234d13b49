"""Processes that go on hold no more after many builds and batches than after a few.

Counted are the live objects of the JVM that keep query plans, and through them all else: sessions,
snapshots of Delta tables, temporary views. And the entries of folders that were listed.
"""

import gc
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from typing import Any, cast

from pyspark.sql import SparkSession

from fitness.build import build
from fitness.landing import RepeatedIngest
from tests.python.java_heap import live_objects
from tests.python.lake import MODELS_ONLY, Lake, land
from tests.python.server import Server
from tests.python.small_project import SALES, SHOPS, SmallProject

SESSION = "org.apache.spark.sql.classic.SparkSession"
SNAPSHOT_OF_DELTA = "org.apache.spark.sql.delta.Snapshot"
VIEW = "org.apache.spark.sql.catalyst.catalog.TemporaryViewRelation"
LISTED_FILE = "org.apache.hadoop.fs.LocatedFileStatus"
FEW, MANY = 4, 10
# How many more a cache or a thread may hold for a while; a leak grows by one a step or more.
IN_USE = {SESSION: 2, SNAPSHOT_OF_DELTA: 2, VIEW: 2, LISTED_FILE: 20}
# A server's pools keep an idle thread for a minute, and with it the session that was active when it
# was created, with its views. A build has four sessions and more: most must be gone.
IN_USE_BY_SERVER = IN_USE | {SESSION: 2 * (MANY - FEW), VIEW: 2 * (MANY - FEW)}
SNAPSHOT = """
version: 2
snapshots:
  - name: shops_snapshot
    relation: ref('shops')
    config: {unique_key: shop, strategy: check, check_cols: [amount]}
"""


def counted(pid: int) -> dict[str, int]:
    """Count what a JVM holds of each counted class, with Python's own garbage collected before.

    What has a finalizer goes with a later collection only, hence the least of three counts.
    """
    gc.collect()
    found = [live_objects(pid) for _ in range(3)]
    return {name: min(each.get(name, 0) for each in found) for name in IN_USE}


def jvm_of(spark: SparkSession) -> int:
    """Return the process id of this process's JVM."""
    return int(cast(Any, spark)._jvm.java.lang.ProcessHandle.current().pid())


def assert_flat(
    step: Callable[[int], object],
    count: Callable[[], dict[str, int]],
    in_use: Mapping[str, int] = IN_USE,
) -> None:
    """Assert that `count` returns about the same after a few steps as after many."""
    counts = {}
    for number in range(1, MANY + 1):
        step(number)
        if number in (FEW, MANY):
            counts[number] = count()
    assert all(counts[MANY][name] <= counts[FEW][name] + in_use[name] for name in in_use), counts


def test_builds_with_news_hold_nothing(project: SmallProject) -> None:
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.snapshot("shops", SNAPSHOT)
    project.build()

    def build_news(number: int) -> None:
        project.rows(f"insert into silver.sales values ({100 + number}, 'a', {number})")
        assert "nothing changed" not in project.build("--exclude", "sales")["shops"]

    assert_flat(build_news, partial(counted, jvm_of(project.lake.spark)))


def test_ingests_hold_nothing(lake: Lake) -> None:
    land_new = RepeatedIngest(lake.spark, lake.settings, lambda _: None)

    def land_news(number: int) -> None:
        land(lake, number)
        assert land_new(Event())

    assert_flat(land_news, partial(counted, jvm_of(lake.spark)))


def test_a_server_holds_nothing_of_the_builds_that_went_through_it(
    server: Server,
) -> None:
    lake = server.lake
    land(lake, 0)
    lake.ingest()

    def build_news(number: int) -> None:
        append_again(lake, "bronze.registered_users_bz")
        build(lake.settings, [*MODELS_ONLY, "--select", "users", "--target", "server"])

    assert_flat(build_news, partial(counted, server.process.pid), IN_USE_BY_SERVER)


def append_again(lake: Lake, table: str) -> None:
    """Append to `layer.table` the rows that it has."""
    path = str(lake.settings.lakehouse.joinpath(*table.split(".")))
    lake.spark.read.format("delta").load(path).write.format("delta").mode("append").save(path)
