"""The warm server: builds, an ingest and other clients side by side, over the same tables."""

import os
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyhive import hive

from fitness.samples.produce import World, produce
from fitness.server import LOOPBACK
from tests.python.lake import (
    FITNESS,
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


def test_beeline_reads_what_a_cold_dbt_has_built(served: Lake) -> None:
    land(served, 1)
    served.ingest()
    build("--select", "date_lookup")
    beeline = Path(pyspark.__path__[0]) / "bin" / "beeline"
    url = f"jdbc:hive2://{LOOPBACK}:{port()}/gold"
    command = [str(beeline), "-u", url, "-n", "analyst", "--outputformat=csv2", "--silent=true"]
    found = subprocess.run(  # noqa: S603
        [*command, "-e", "select count(*) as dates from date_lookup"],
        capture_output=True,
        text=True,
        check=True,
    )
    dates = served.rows("gold.date_lookup")
    assert dates
    assert found.stdout.split()[-2:] == ["dates", str(len(dates))]
    table = served.settings.lakehouse / "gold" / "date_lookup"
    assert not any(path.stat().st_mode & 0o007 for path in (table, *table.glob("*.parquet")))


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
