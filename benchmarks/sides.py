"""The sides of a comparison: each makes the same tables from the same landing files.

`python -m benchmarks.sides <side> <landing> <folder>` stays warm: for every line that it reads it
makes the tables again, and answers with a line of JSON: `seconds`, `gold` (figures of the gold
tables) and, for the project itself, the `phases` and the `nodes` of the build.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

from benchmarks.gold_figures import gold_figures
from benchmarks.process_memory import resident
from benchmarks.timing import timed
from fitness.settings import PROJECT
from python_ingest.errors import FitnessError
from python_ingest.settings import Settings

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg
Answer = dict[str, Any]
Listener = Callable[["EventMsg"], None]


class Side:
    """A process that makes the tables, and the most memory that it has taken."""

    def __init__(self, name: str, landing: Path, folder: Path) -> None:
        self.peak = 0
        self._process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-m", "benchmarks.sides", name, str(landing), str(folder)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._is_over = Event()
        self._watch = Thread(target=self._watch_memory, daemon=True)
        self._watch.start()

    def turn(self) -> Answer:
        """Make the process build the tables; raises FitnessError if it fails."""
        assert self._process.stdin and self._process.stdout  # noqa: S101 - for mypy
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                return cast(Answer, json.loads(line))
        raise FitnessError(f"{self._process.args!r} has failed")

    def end(self) -> None:
        """Let the process end."""
        self._is_over.set()
        self._watch.join()
        self._process.communicate()

    def _watch_memory(self) -> None:
        while not self._is_over.wait(0.2):
            self.peak = max(self.peak, resident(self._process.pid))


@contextmanager
def side(name: str, landing: Path, folder: Path) -> Iterator[Side]:
    """Return a side, and end its process."""
    process = Side(name, landing, folder)
    try:
        yield process
    finally:
        process.end()


def own(landing: Path, folder: Path) -> Callable[[], Answer]:
    """Return the project itself: ingest, and an everyday build with all its tests."""
    from fitness.build import build
    from fitness.dbt_arguments import EVERYDAY

    return ingested(
        landing, folder, lambda settings, note: build(settings, EVERYDAY, on_event=note)
    )


def stock(landing: Path, folder: Path) -> Callable[[], Answer]:
    """Return the project's ingest and models with dbt-spark's own merge; see stock_build.py."""
    from benchmarks.stock_build import stock_build

    return ingested(landing, folder, lambda settings, _: stock_build(settings))


def ingested(
    landing: Path, folder: Path, build: Callable[[Settings, Listener], object]
) -> Callable[[], Answer]:
    """Return the project's ingest into an empty lakehouse, and then a build."""
    from benchmarks.lakehouse import empty_lakehouse
    from fitness.landing import ingest
    from fitness.spark import start_spark

    settings = Settings(landing, folder, "local")
    spark = start_spark(settings)

    def turn() -> Answer:
        nodes: dict[str, float] = {}

        def note(event: "EventMsg") -> None:
            if event.info.name == "NodeFinished":
                nodes[event.data.node_info.unique_id] = event.data.run_result.execution_time

        empty_lakehouse(spark, settings)
        phases = {
            "ingest": timed(lambda: ingest(spark, settings)),
            "build": timed(lambda: build(settings, note)),
        }
        gold = gold_figures(lambda query: spark.sql(query).collect())
        return {"seconds": sum(phases.values()), "phases": phases, "nodes": nodes, "gold": gold}

    return turn


def plain(kind: str, landing: Path, folder: Path) -> Callable[[], Answer]:
    """Return a batch job of plain Spark that writes tables of a kind; see plain_spark.py."""
    from benchmarks.plain_spark import compile_models, plain_spark_job
    from fitness.spark import start_spark

    settings = Settings(landing, folder, "local")
    compile_models(settings)
    spark = start_spark(settings)

    def turn() -> Answer:
        seconds = timed(lambda: plain_spark_job(spark, settings, kind))
        return {"seconds": seconds, "gold": gold_figures(lambda query: spark.sql(query).collect())}

    return turn


def duckdb(landing: Path, folder: Path) -> Callable[[], Answer]:
    """Return a batch job of DuckDB; see duckdb_job.py."""
    from benchmarks.duckdb_job import duckdb_job, duckdb_rows

    database = folder / "lakehouse.duckdb"
    folder.mkdir(parents=True, exist_ok=True)

    def turn() -> Answer:
        seconds = timed(lambda: duckdb_job(landing, database))
        return {
            "seconds": seconds,
            "gold": gold_figures(lambda query: duckdb_rows(database, query)),
        }

    return turn


SIDES: dict[str, Callable[[Path, Path], Callable[[], Answer]]] = {
    "own": own,
    "plain_delta": partial(plain, "delta"),
    "plain_parquet": partial(plain, "parquet"),
    "stock": stock,
    "duckdb": duckdb,
}


def main(name: str, landing: Path, folder: Path) -> None:
    """Make the tables for each line of input, and answer it."""
    turn: Callable[[], Answer] | None = None
    for _ in sys.stdin:
        began = time.monotonic()
        turn = turn or SIDES[name](landing, folder)
        started = time.monotonic() - began
        print(json.dumps(turn() | {"start": started}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
