"""The warm server: builds, an ingest and other clients side by side, over the same tables."""

import json
import os
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any

import pyspark
import pytest
from pyhive import hive

from fitness.options import LOOPBACK
from fitness.samples.produce import World, produce
from tests.python.lake import (
    FITNESS,
    MODELS_ONLY,
    Lake,
    assert_run_lands_and_builds,
    free_port,
    land,
)
from tests.python.server import Server

pytestmark = pytest.mark.slow
SUMMARIES = "select count(*) from gold.workout_bpm_summary"


@pytest.fixture
def served(server: Server) -> Lake:
    return server.lake


def port() -> int:
    return int(os.environ["FITNESS_SERVER_PORT"])


def query(sql: str) -> list[Any]:
    """Query the server with a client other than dbt."""
    with hive.connect(LOOPBACK, port(), username="analyst") as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())


def build(*arguments: str) -> str:
    """Build through the server, by the command line."""
    environment = {**os.environ, "FITNESS_TARGET": "server"}
    command = [*FITNESS, "build", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_builds_an_ingest_and_other_clients_go_on_side_by_side(served: Lake) -> None:
    land(served, 1)
    served.ingest()
    build()
    before = query(SUMMARIES)[0][0]
    # Too many slices to name in a statement: they are in a view, which only its session sees.
    world = World(users=1100, days=1, seed=2, files=2, readings=5000)
    produce(world, served.settings.landing)
    served.ingest()
    answers = []
    with ThreadPoolExecutor() as pool:
        building: Future[str] = pool.submit(build)
        while not building.done():
            answers.append(query(SUMMARIES)[0][0])
            land(served, 3 + len(answers))
            served.ingest()
        assert "all well" in building.result()
    assert answers
    assert answers[0] == before
    build()
    assert query(SUMMARIES)[0][0] > before
    served.forget_logs()
    assert not served.differences()


def beeline(*queries: str) -> list[list[str]]:
    """Query the server with Hive's JDBC driver; return the fields of each line that it prints."""
    program = Path(pyspark.__path__[0]) / "bin" / "beeline"
    command = [str(program), "-u", f"jdbc:hive2://{LOOPBACK}:{port()}/gold", "-n", "analyst"]
    # In csv2 it does not quote values, and an array has commas.
    command += ["--outputformat=tsv2", "--silent=true"]
    command += [option for query in queries for option in ("-e", query)]
    # The driver makes java.sql.Timestamp from text: in a zone with summer time some do not exist.
    environment = {**os.environ, "SPARK_BEELINE_OPTS": "-Duser.timezone=UTC"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    # Its prompt stands before the header of each result.
    return [line.split("> ")[-1].split("\t") for line in done.stdout.splitlines()]


def value_of(text: str, data_type: str) -> object:
    """Return what beeline prints of a Spark type as the value that Lake.rows has."""
    if text == "NULL":
        return None
    if data_type == "string":
        return text
    if data_type == "date":
        return date.fromisoformat(text)
    if data_type == "timestamp":
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    if data_type.startswith("decimal"):
        return Decimal(text)
    return json.loads(text)  # A number, or an array of structs.


def test_a_jdbc_client_reads_all_gold_tables(served: Lake) -> None:
    land(served, 1)
    served.ingest()
    build(*MODELS_ONLY)
    gold = served.settings.lakehouse / "gold"
    tables = {fields[1] for fields in beeline("show tables in gold") if fields[0] == "gold"}
    assert tables == {log.parent.name for log in gold.glob("*/_delta_log")}
    delta = served.spark.read.format("delta")
    types = {table: dict(delta.load(str(gold / table)).dtypes) for table in tables}
    found: dict[str, list[dict[str, object]]] = {table: [] for table in tables}
    columns: list[str] = []
    # The first field says which table a line is of.
    for name, *fields in beeline(*(f"select '{t}' as table_name, * from gold.{t}" for t in tables)):
        if name == "table_name":
            columns = fields
        elif name in tables:
            row = dict(zip(columns, fields, strict=True))
            found[name].append({c: value_of(text, types[name][c]) for c, text in row.items()})
    for table in tables:
        assert sorted(map(repr, found[table])) == sorted(map(repr, served.rows(f"gold.{table}")))
    values = [value for rows in found.values() for row in rows for value in row.values()]
    assert {type(value) for value in values} >= {int, float, str, date, datetime, list, NoneType}
    assert any(value for value in values if isinstance(value, list))
    assert not any(path.stat().st_mode & 0o007 for path in gold.glob("*"))
    assert not any(path.stat().st_mode & 0o007 for path in gold.glob("*/*.parquet"))


def test_a_continuous_run_builds_through_it(
    served: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITNESS_TARGET", "server")
    assert_run_lands_and_builds(served, tmp_path / "run.log")
    assert query(SUMMARIES)[0][0]


def test_it_does_not_start_over_a_lakehouse_that_another_has(
    served: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    query("select 1")  # So that it has opened the metastore.
    monkeypatch.setenv("FITNESS_SERVER_PORT", str(free_port()))
    second = subprocess.run([*FITNESS, "server"], capture_output=True, text=True, check=False)  # noqa: S603
    assert second.returncode == 1
    assert "has the metastore" in second.stderr
