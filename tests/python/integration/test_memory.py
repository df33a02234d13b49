"""Long-running processes hold no more memory after many builds and batches than after a few.

The tests count live objects of the JVM: sessions, snapshots of Delta tables and temporary views,
which refer to query plans and so to all else that may leak, and the entries of listed folders.
"""

import gc
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from fitness.landing import RepeatedIngest
from tests.python.java_heap import live_objects
from tests.python.lake import Lake, land, wait_until
from tests.python.server import Server
from tests.python.small_project import SmallProject, write_shops

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
    """Count the live objects of each class in a JVM, after a garbage collection in Python.

    Objects with finalizers need a later collection, hence the minimum of three counts.
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
    """Assert that `count` soon returns about the same after many steps as after a few."""
    for number in range(1, MANY + 1):
        step(number)
        if number == FEW:
            few = count()

    def is_flat() -> bool:
        many = count()
        return all(many[name] <= few[name] + in_use[name] for name in in_use)

    wait_until(is_flat, f"there are about as many as after {FEW} steps: {few}")


def build_change(project: SmallProject, number: int, *arguments: str) -> None:
    """Append a sale, and build the models."""
    sales = project.lake.settings.lakehouse / "silver" / "sales"
    project.rows(f"insert into delta.`{sales}` values ({100 + number}, 'a', {number})")
    assert "nothing changed" not in project.build("--exclude", "sales", *arguments)["shops"]


def test_builds_with_changes_do_not_leak_memory(project: SmallProject) -> None:
    write_shops(project)
    project.snapshot("shops", SNAPSHOT)
    project.build()
    count = partial(counted, jvm_of(project.lake.spark))
    assert_flat(partial(build_change, project), count)


def test_ingests_do_not_leak_memory(lake: Lake) -> None:
    land_new = RepeatedIngest(lake.spark, lake.settings, lambda _: None)

    def land_more(number: int) -> None:
        land(lake, number)
        assert land_new(Event())

    assert_flat(land_more, partial(counted, jvm_of(lake.spark)))


@pytest.mark.slow
def test_builds_through_a_server_do_not_leak_its_memory(
    server: Server, project_folder: Path
) -> None:
    project = SmallProject(server.lake, project_folder)
    write_shops(project)
    server_target = ("--target", "server")
    project.build(*server_target)
    assert_flat(
        lambda number: build_change(project, number, *server_target),
        partial(counted, server.process.pid),
        IN_USE_BY_SERVER,
    )
