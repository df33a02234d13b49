"""A lakehouse for tests: landed, built and read with the project's own commands."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession

from benchmarks.lakehouse import empty_lakehouse, forget_logs
from fitness.build import build, results_of
from fitness.dbt_arguments import EVERYDAY
from fitness.delta_log import newest_version
from fitness.landing import ingest
from fitness.metastore import register_tables
from fitness.samples.produce import World as Gym
from fitness.samples.produce import produce
from fitness.settings import export, spark_conf
from fitness.spark import JAVA_OPTIONS, start_spark
from python_ingest import file_stream
from python_ingest.settings import Settings
from python_ingest.stream import cached
from python_ingest.suppression import record_file
from python_ingest.tables import is_table, table_names
from tests.python.reference import KEYS, tables
from tests.python.reference_gold import GOLD
from tests.python.worlds import compare

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

Key = tuple[object, ...]
Tables = Mapping[str, list[dict[str, object]]]
# Half of a session's processor time would go into compilation, most of it by C2, which pays off in
# longer processes only: here it compiles methods after four times as many calls as by default.
LATE_C2 = (
    " -XX:Tier4InvocationThreshold=20000 -XX:Tier4MinInvocationThreshold=2400"
    " -XX:Tier4CompileThreshold=60000 -XX:Tier4BackEdgeThreshold=160000"
)
# Spark's default, as outside of tests; but to compile a query takes longer than to run it on a few
# rows.
COMPILED = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
}
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
FITNESS = (sys.executable, "-m", "fitness")  # the command line, as a process of its own
# The reference knows lines of quarantine by their text, the table by their hash.
TABLE_KEYS = {**KEYS, "quarantine": ("row_id",)}
MODELS_ONLY = ("--exclude-resource-type", "test", "unit_test", "snapshot")


class Lake:
    """A landing folder and a lakehouse on the session's one Spark, emptied before each use."""

    def __init__(self, root: Path) -> None:
        # Some of these characters are special in patterns, in URIs or in SQL.
        lakehouse = root / "lake house [ü]'"
        self.settings = Settings(root / "landing", lakehouse, "local")
        export(self.settings)
        conf = dict(spark_conf(self.settings.target))
        conf[JAVA_OPTIONS] += LATE_C2
        self.spark: SparkSession = start_spark(self.settings, conf | INTERPRETED)

    def empty(self) -> None:
        """Remove all records and tables."""
        record_file(self.settings).unlink(missing_ok=True)
        empty_lakehouse(self.spark, self.settings)
        shutil.rmtree(self.settings.landing, ignore_errors=True)

    def save(self, copy: Path) -> Path:
        """Copy the landing folder and the lakehouse, except its metastore, to an empty folder."""
        for name, folder in self._folders().items():
            for source in folder.glob("*"):
                if source.name != "metastore":
                    copy_tree(source, copy / name / source.name)
        return copy

    def restore(self, copy: Path) -> None:
        """Restore what was saved, and drop the tables that were created since."""
        for table in filter(is_table, self.settings.lakehouse.glob("*/*")):
            if not (copy / "lakehouse" / table.parent.name / table.name).exists():
                self.spark.sql(f"drop table {table.parent.name}.{table.name}")
        for name, folder in self._folders().items():
            for saved in (copy / name).glob("*"):
                shutil.rmtree(folder / saved.name, ignore_errors=True)
                copy_tree(saved, folder / saved.name)
        self.forget_logs()

    def register(self) -> None:
        """Make the tables known to the metastore, which was emptied since they were saved."""
        register_tables(self.spark, self.settings)

    def _folders(self) -> dict[str, Path]:
        return {"landing": self.settings.landing, "lakehouse": self.settings.lakehouse}

    def forget_logs(self) -> None:
        """Make Delta read its tables' logs again, after files were changed without it."""
        forget_logs(self.spark)

    def write_lines(self, path: str, *lines: str) -> None:
        """Land a file of lines, at a path below the landing folder."""
        file = self.settings.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines))

    @contextmanager
    def hidden(self, table: str) -> Iterator[None]:
        """Move the folder of a silver table away; without one, put a file in its place."""
        folder = self.settings.lakehouse / "silver" / table
        moved = folder.with_name("hidden")
        if folder.exists():
            folder.rename(moved)
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.touch()
        self.forget_logs()
        try:
            yield
        finally:
            if moved.exists():
                moved.rename(folder)
            else:
                folder.unlink()
            self.forget_logs()

    @contextmanager
    def queries(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Compile or interpret queries, by COMPILED or INTERPRETED."""
        before = {name: str(self.spark.conf.get(name)) for name in settings}
        try:
            for name, value in settings.items():
                self.spark.conf.set(name, value)
            yield
        finally:
            for name, value in before.items():
                self.spark.conf.set(name, value)

    def ingest(self) -> Mapping[str, int]:
        """Land new files."""
        return ingest(self.spark, self.settings)

    def build(self, *arguments: str) -> list[str]:
        """Build the models, without tests; return their messages."""
        messages: list[str] = []
        build(self.settings, [*MODELS_ONLY, *arguments], on_log=messages.append)
        return messages

    def statements_of(self, *arguments: str) -> list[str]:
        """Build with arguments for dbt; return the SQL of all its statements."""
        statements: list[str] = []

        def on_event(event: "EventMsg") -> None:
            if event.info.name == "SQLQuery":
                statements.append(event.data.sql)

        build(self.settings, arguments, on_event=on_event)
        return statements

    def build_and_test(self, *arguments: str) -> None:
        """Build as users do: models, snapshots and tests of the data."""
        build(self.settings, [*EVERYDAY, *arguments])

    def unit_test(self, models: str) -> None:
        """Run the unit tests of some models, a selection of dbt's; their tables must be there."""
        from dbt.cli.main import dbtRunner

        export(self.settings)
        # `dbt build` runs them with their models only.
        command = ["test", "--resource-type", "unit_test", "--select", models]
        result = dbtRunner().invoke(["--quiet", *command])
        tests = [r for r in results_of(result) if r.node.resource_type == "unit_test"]
        assert tests, f"{models} has no unit test: {result.exception}"
        assert not {r.node.name: r.message for r in tests if r.status != "pass"}

    def rows(self, table: str) -> list[dict[str, object]]:
        """Return the rows of `layer.table`, instants aware and in UTC; read without Spark."""
        found = DeltaTable(self.settings.lakehouse.joinpath(*table.split("."))).to_pyarrow_table()
        return [{name: in_utc(value) for name, value in row.items()} for row in found.to_pylist()]

    def version(self, table: str) -> int:
        """Return the newest Delta version of `layer.table`."""
        return newest_version(self.settings.lakehouse.joinpath(*table.split(".")))

    def contents(self) -> dict[str, list[dict[str, object]]]:
        """Return the rows of every silver and gold table of the contract."""
        return {table: self.rows(f"{layer_of(table)}.{table}") for table in KEYS}

    def differences(self) -> list[str]:
        """Compare every silver and gold table with the reference for the landed records."""
        expected = tables(self.settings.landing)
        return differences(expected, self.contents())


def copy_tree(source: Path, target: Path) -> None:
    """Copy a file or folder with its times: Delta takes the time of a commit from its file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copy2)
    else:
        shutil.copy2(source, target)


def bronze_lines(lake: Lake) -> Counter[str]:
    """Count the lines in all bronze tables."""
    return Counter(
        str(row["_raw"]) for table in table_names() for row in lake.rows(f"bronze.{table}")
    )


def landed_lines(landing: Path) -> Counter[str]:
    """Count the lines of all landed files, headers aside."""
    found: Counter[str] = Counter()
    for file in landing.rglob("*"):
        if file.is_file() and not file.name.startswith("."):
            found.update(file.read_text().splitlines()[file.suffix == ".csv" :])
    return found


def compared_whole(messages: Iterable[str]) -> list[str]:
    """Return the messages of models that were compared whole."""
    return [message for message in messages if "compared whole" in message]


def land(lake: Lake, seed: int) -> None:
    """Land the records of a small generated gym, in other files for every seed."""
    world = Gym(users=3, days=1, seed=seed, files=3, readings=300)
    produce(world, lake.settings.landing / "new")
    for file in (lake.settings.landing / "new").rglob("*.*"):
        feed = lake.settings.landing / file.parent.name
        feed.mkdir(exist_ok=True)
        file.rename(feed / f"{seed}-{file.name}")
    shutil.rmtree(lake.settings.landing / "new")


def move_some(random: Random, files: list[Path], landing: Path, staged: Path) -> None:
    """Rename the next files into the landing folder."""
    for file in [files.pop() for _ in range(min(len(files), random.randint(0, 25)))]:
        target = landing / file.relative_to(staged)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)


def all_landed(lake: Lake) -> bool:
    """Return whether bronze, as it is on disk, has exactly the lines of all landed files."""
    lake.forget_logs()
    return bronze_lines(lake) == landed_lines(lake.settings.landing)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait until a condition is true; after a number of seconds fail and say what it was."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"timeout: waited until {what}"
        time.sleep(0.2)


def start_run(log: Path) -> "subprocess.Popen[bytes]":
    """Start a continuous run as a service does, with its output in a file."""
    with log.open("a") as output:
        return subprocess.Popen(  # noqa: S603 - our own command line
            [*FITNESS, "run", "--continuous", "--interval", "1s", "--shortest", "1s", *MODELS_ONLY],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextmanager
def run_that_has_built(lake: Lake, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Land files, start a continuous run, and wait until it has built them; kill it at the end."""
    land(lake, 1)
    process = start_run(log)
    try:
        wait_until(lambda: "Built: " in log.read_text(), "a build is done", 300)
        yield process
    finally:
        process.kill()


def assert_run_lands_and_builds(lake: Lake, log: Path) -> None:
    """Land files during a continuous run, and assert that they reach gold."""
    with run_that_has_built(lake, log) as process:
        log.write_text("")
        land(lake, 2)
        wait_until(lambda: all_landed(lake), "all has landed", 300)
        log.write_text("")
        wait_until(lambda: "Built: " in log.read_text(), "it is built", 300)
        assert_stops_with_right_tables(process, log, lake)


def assert_stops_with_right_tables(
    process: "subprocess.Popen[bytes]", log: Path, lake: Lake
) -> None:
    """Stop a run as a service manager does, and assert that its tables are right."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0, log.read_text()
    lake.forget_logs()
    assert not lake.differences()


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def layer_of(table: str) -> str:
    """Return the schema of a silver or gold table."""
    return "gold" if table in GOLD else "silver"


def differences(expected: Tables, actual: Tables) -> list[str]:
    """Compare tables by name, without their lineage columns; return the differences as lines."""
    return [
        f"{table}: {line}"
        for table, rows in expected.items()
        for line in compare(without_lineage(rows), actual[table], KEYS[table])
    ]


def without_lineage(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Leave out the columns that say where a row has come from."""
    return [{name: v for name, v in row.items() if not name.startswith("_")} for row in rows]


def rows_by_key(lake: Lake, table: str) -> dict[Key, dict[str, object]]:
    """Return the rows of a silver or gold table by their keys, without their lineage columns."""
    rows = without_lineage(lake.rows(f"{layer_of(table)}.{table}"))
    return {key_of(table, row): row for row in rows}


def key_of(table: str, row: Mapping[str, object]) -> Key:
    """Return the key of a row."""
    return tuple(in_utc(row[column]) for column in TABLE_KEYS[table])


def in_utc(value: object) -> object:
    """Return an instant of any time zone, or a naive and local one, in UTC."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def after_read(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Run an action once, when the files of the next batch have been read and none is written."""

    @contextmanager
    def cached_once(parsed: DataFrame) -> Iterator[list[Row]]:
        monkeypatch.setattr(file_stream, "cached", cached)
        with cached(parsed) as chunks:
            action()
            yield chunks

    monkeypatch.setattr(file_stream, "cached", cached_once)
