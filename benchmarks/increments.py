"""What an incremental build costs, by the kind of new data and the length of the history.

Beside it, in the same lakehouse and from the same bronze tables, stands what the same models cost
with dbt-spark's stock merge, for few and for many readings; see stock_build.py.
"""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.build_costs import counted_build
from benchmarks.growing_gym import GrowingGym
from benchmarks.stock_build import stock_build
from benchmarks.timing import timed
from fitness.build import build
from fitness.dbt_arguments import EVERYDAY
from fitness.landing import ingest
from fitness.spark import start_spark
from python_ingest.settings import Settings

READINGS_A_DAY = 30_000
HISTORIES = (1, 10, 50)  # days
COMPARED = ("workout_bpm_summary", "gym_summary")


def increments(root: Path) -> dict[str, Any]:
    """Build each kind of new data on each history; return the seconds, and what a build reads."""
    # A process can open only one metastore.
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as process:
        return {
            str(days): process.submit(build_on, root / str(days), days, READINGS_A_DAY).result()
            for days in HISTORIES
        }


def build_on(root: Path, days: int, readings_a_day: int) -> dict[str, Any]:
    """Build each kind of new data on a history of some days."""
    settings = Settings(root / "landing", root / "lakehouse", "local")
    gym = GrowingGym(root, settings.landing, days, readings_a_day)
    spark = start_spark(settings)
    gym.land_history()
    ingest(spark, settings)

    def everyday_build() -> None:
        build(settings, EVERYDAY)

    os.environ["STOCK_PREFIX"] = "stock_"
    load = {"own": timed(everyday_build), "stock": timed(lambda: stock_build(settings))}
    print(f"increments: {days} days of history built in {load} s", flush=True)
    figures: dict[str, Any] = {}
    kinds: dict[str, Callable[[], None]] = {
        "1,000 readings": lambda: gym.land_readings(1_000),
        "12,000 readings": lambda: gym.land_readings(12_000),
        "1,000 late readings of one day": gym.land_late_readings,
        "a profile change": gym.land_profile_change,
        "a registration": gym.land_registration,
        f"a day of {readings_a_day:,} readings": gym.land_day,
        "nothing": lambda: None,
    }
    compared = ("1,000 readings", f"a day of {readings_a_day:,} readings")
    for name, land in kinds.items():
        land()
        ingest(spark, settings)
        costs = counted_build(spark, settings)
        if name in compared:
            stock_build(settings)  # It has yet to read what was counted.
        land()
        ingest(spark, settings)
        figures[name] = {
            "seconds": timed(everyday_build),
            "stock_seconds": timed(lambda: stock_build(settings)) if name in compared else None,
            "nodes": {node: asdict(cost) for node, cost in costs.items()},
        }
        seconds, stock_seconds = figures[name]["seconds"], figures[name]["stock_seconds"]
        print(f"increments: {name} on {days} days: {seconds} s, {stock_seconds} s", flush=True)
    wrong = {table: wrong_rows(spark, table) for table in COMPARED}
    shutil.rmtree(root)
    return {"load": load, "kinds": figures, "wrong_rows": wrong}


def wrong_rows(spark: SparkSession, table: str) -> int:
    """Count the rows of the project's gold table that the stock merge has not, or has wrongly."""
    own, stock = (spark.table(f"{schema}.{table}") for schema in ("gold", "stock_gold"))
    columns = [column for column in own.columns if not column.startswith("_")]
    return own.select(columns).exceptAll(stock.select(columns)).count()
