"""Maintenance compacts tables, removes no file that is needed, and leaves builds no work."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import cast

import pytest
from delta import DeltaTable

from fitness.delta_log import cut_log
from fitness.lock import MAINTENANCE, only_one
from fitness.maintenance import (
    LEAST_KEPT,
    LONGEST_UNREAD,
    MARGIN,
    maintain,
    retention,
    unread_since,
)
from tests.python.lake import Lake, land
from tests.python.small_project import SmallProject

DAY = 86400.0
READINGS = "bronze.heart_rate_bz"
SUMS = [("a", 31), ("b", 35)]


def files(lake: Lake, table: str) -> int:
    """Count the files of `layer.table`."""
    path = lake.settings.lakehouse.joinpath(*table.split("."))
    return len(lake.spark.read.format("delta").load(str(path)).inputFiles())


def test_maintenance_leaves_few_files_and_nothing_to_do_for_builds(shops: SmallProject) -> None:
    lake = shops.lake
    shops.build("--select", "shops")
    sales = lake.settings.lakehouse / "silver" / "sales"
    for name, days in (("old", 8), ("young", 6)):
        unreferenced = sales / f"{name}.parquet"
        unreferenced.write_bytes(b"")
        at = time.time() - days * DAY
        os.utime(unreferenced, (at, at))
    for incomplete in ("silver/incomplete", "dev_anna_ops/watermarks"):
        (lake.settings.lakehouse / incomplete / "_delta_log").mkdir(parents=True)
    assert files(lake, "silver.sales") > 1
    done = maintain(lake.spark, lake.settings)
    assert done == ["ops.watermarks", "silver.sales", "silver.shops"]
    assert files(lake, "silver.sales") == 1
    assert not (sales / "old.parquet").exists()
    assert (sales / "young.parquet").exists()
    assert shops.build("--select", "shops")["shops"] == "success: nothing changed"
    assert shops.messages == []
    assert shops.rows("select shop, amount from silver.shops order by shop") == SUMS


@pytest.mark.slow
def test_files_are_kept_until_their_changes_have_been_read(shops: SmallProject) -> None:
    """A build that runs late reads the changes, not the whole table."""
    lake = shops.lake
    assert retention("silver.sales", unread_since(lake.spark, lake.settings)) == LEAST_KEPT
    for days, expected in ((10, timedelta(days=10) + MARGIN), (100, LONGEST_UNREAD)):
        shops.rows(
            f"update ops.watermarks set committed_at = cast(now() - interval {days} days as string)"
            " where input = 'silver.sales'"
        )
        unread = unread_since(lake.spark, lake.settings)
        kept = retention("silver.sales", unread)
        assert timedelta() <= kept - expected < timedelta(minutes=5)
        assert retention("bronze.heart_rate_bz", unread) == LEAST_KEPT
    maintain(lake.spark, lake.settings)
    sales = DeltaTable.forPath(lake.spark, str(lake.settings.lakehouse / "silver" / "sales"))
    vacuum = sales.history().where("operation = 'VACUUM START'").first()
    assert vacuum is not None
    specified = int(vacuum["operationParameters"]["specifiedRetentionMillis"])
    assert timedelta(milliseconds=specified) == LONGEST_UNREAD


def test_a_log_is_cut_at_an_old_checkpoint_and_followed_from_there(shops: SmallProject) -> None:
    """A continuous run does so, because each read of a log lists all of it."""
    lake = shops.lake
    shops.rows("alter table silver.sales set tblproperties ('delta.checkpointInterval' = '2')")
    for number in range(5):
        shops.rows(f"insert into silver.sales values ({100 + number}, 'b', 1)")
    shops.build("--select", "shops")
    rows = shops.rows("select * from silver.sales order by id")
    log = lake.settings.lakehouse / "silver" / "sales" / "_delta_log"
    versions = {file: int(file.name.lstrip(".")[:20]) for file in log.glob("*0*")}
    newest = lake.version("silver.sales")
    cut_log(log.parent, timedelta(hours=1))
    assert all(file.exists() for file in versions)
    for file, version in versions.items():
        if version < newest - 1:
            os.utime(file, (time.time() - DAY,) * 2)
    cut_log(log.parent, timedelta(hours=1))
    left = {version for file, version in versions.items() if file.exists()}
    assert left == {newest - 2, newest - 1, newest}
    lake.forget_logs()
    assert shops.rows("select * from silver.sales order by id") == rows
    shops.rows("insert into silver.sales values (200, 'b', 1)")
    shops.build("--select", "shops")
    assert shops.messages == []
    assert shops.rows("select amount from silver.shops where shop = 'b'") == [(41,)]


@pytest.mark.slow
def test_a_log_goes_with_the_files_also_of_a_table_without_news(shops: SmallProject) -> None:
    """It names values of rows that are deleted."""
    lake = shops.lake
    shops.build("--select", "shops")
    maintain(lake.spark, lake.settings)
    kept_from = lake.version("silver.sales")
    log = lake.settings.lakehouse / "silver" / "sales" / "_delta_log"
    for file in log.iterdir():
        os.utime(file, (time.time() - 8 * DAY,) * 2)
    lake.forget_logs()
    maintain(lake.spark, lake.settings)
    names = [file.name.lstrip(".")[:20] for file in log.iterdir()]
    assert min(int(name) for name in names if name.isdigit()) == kept_from


@pytest.mark.parametrize("work", ["ingest", pytest.param("build", marks=pytest.mark.slow)])
def test_an_ingest_or_a_build_waits_while_maintenance_runs(lake: Lake, work: str) -> None:
    land(lake, 1)
    lake.ingest()
    runs = {"ingest": lake.ingest, "build": partial(lake.build, "--select", "date_lookup")}
    with ThreadPoolExecutor(1) as pool:
        with (
            only_one(lake.settings.lakehouse, MAINTENANCE),
            only_one(lake.settings.lakehouse, work),
        ):
            waiting = pool.submit(cast(Callable[[], object], runs[work]))
            time.sleep(1)
            assert not waiting.done()
        waiting.result()


@pytest.mark.slow
def test_bronze_is_left_to_an_ingest_that_is_running(lake: Lake) -> None:
    for seed in (1, 2):
        land(lake, seed)
        lake.ingest()
    messages: list[str] = []
    with only_one(lake.settings.lakehouse, "ingest"):
        assert maintain(lake.spark, lake.settings, on_table=messages.append) == []
    assert f"{READINGS}: skipped, since an ingest is running." in messages
    assert files(lake, READINGS) > 1
    assert READINGS in maintain(lake.spark, lake.settings)
    assert files(lake, READINGS) == 1
