"""Ingest and builds side by side: what lands is built, even after a failed build."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest

from benchmarks.process_memory import children
from fitness import build_log
from fitness.build_log import BuildFigures
from fitness.continuous import are_whole_tests_due, run_continuously
from fitness.dbt_arguments import with_whole_tests
from fitness.errors import BuildError
from fitness.samples.produce import World, produce
from fitness.settings import Rhythm, export
from fitness.status import read_status
from python_ingest.atomic_write import atomic_write
from python_ingest.settings import Settings
from tests.python.lake import (
    FITNESS,
    Lake,
    all_landed,
    assert_run_lands_and_builds,
    assert_stops_with_right_tables,
    land,
    move_some,
    run_that_has_built,
    start_run,
    wait_until,
)

SMALL_HEAP = "560m"
OFTEN = Rhythm(timedelta(seconds=1), timedelta(seconds=1), timedelta(hours=1))


@pytest.mark.parametrize(
    "error",
    [BuildError("It failed."), pytest.param(OSError("It failed."), marks=pytest.mark.slow)],
)
def test_a_build_that_fails_is_tried_again_while_the_ingest_goes_on(
    error: Exception,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for wait in ("FIRST_WAIT", "LONGEST_WAIT"):
        monkeypatch.setattr(f"fitness.continuous.{wait}", 0.1)
    stop, builds, has_landed = Event(), 0, Event()

    def build(_: bool) -> None:
        nonlocal builds
        builds += 1
        if not has_landed.is_set():
            raise error

    arguments = (lake.spark, lake.settings, OFTEN, stop, lambda _: None, build)
    thread = Thread(target=run_continuously, args=arguments)
    thread.start()
    try:
        wait_until(lambda: builds > 1, "a build has failed twice")
        wait_until((lake.settings.landing / "gym_logins_bz").exists, "the ingest runs")
        land(lake, 1)
        wait_until(lambda: all_landed(lake), "what came meanwhile has landed")
        failed = builds
        has_landed.set()
        wait_until(lambda: builds > failed, "a build has begun since")
    finally:
        stop.set()
        thread.join(60)
    assert "It failed. Trying again in 0 s; landing goes on." in caplog.messages


def test_an_ingest_that_cannot_go_on_ends_the_run(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a mistake in the code")

    monkeypatch.setattr("fitness.landing.prepare", fail)
    arguments = (lake.spark, lake.settings, OFTEN, Event(), lambda _: None, lambda _: None)
    with pytest.raises(ValueError, match="a mistake in the code"):
        run_continuously(*arguments)


@pytest.mark.parametrize(
    ("days_ago", "arguments", "failures", "are_due"),
    [
        (0.5, with_whole_tests([]), {}, False),
        (1.5, with_whole_tests([]), {}, True),
        (0.5, with_whole_tests([]), {"unique_users": "Got 2 results"}, True),
        (0.02, with_whole_tests([]), {"unique_users": "Got 2 results"}, False),
        (0.5, [], {}, True),
    ],
)
def test_whole_tests_are_due_a_day_after_the_last_and_sooner_if_one_failed(
    days_ago: float,
    arguments: list[str],
    failures: dict[str, str],
    are_due: bool,
    tmp_path: Path,
) -> None:
    settings = Settings(tmp_path / "landing", tmp_path / "lakehouse", "local")
    began = datetime.now(UTC) - timedelta(days=days_ago)
    build_log.add(
        settings.lakehouse,
        BuildFigures(began.isoformat(), 5.0, arguments, ["gold", "silver"], failures, {}, []),
    )
    build_log.add(settings.lakehouse, BuildFigures(began.isoformat(), 5.0, [], [], {}, {}, []))
    assert are_whole_tests_due(settings, OFTEN) == are_due


@pytest.mark.slow
def test_what_lands_reaches_gold_until_a_signal_stops_it(warm_lake: Lake, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    export(lake.settings)
    assert_run_lands_and_builds(lake, tmp_path / "run.log")


@pytest.mark.slow
def test_forget_takes_its_turn_and_then_the_run_goes_on(
    warm_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITNESS_SECRET", "a key of the tests")
    lake, log = Lake(tmp_path), tmp_path / "run.log"
    export(lake.settings)
    with run_that_has_built(lake, log) as process:
        user = lake.rows("silver.users")[0]["user_id"]
        command = [*FITNESS, "forget", str(user)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Restarting Spark" in log.read_text()
        land(lake, 2)
        wait_until(lambda: all_landed(lake), "the run goes on", 300)
        log.write_text("")
        wait_until(lambda: "Built: " in log.read_text(), "it is built", 300)
        assert user not in {row["user_id"] for row in lake.rows("silver.users")}
        assert_stops_with_right_tables(process, log, lake)


def process_of(run: "subprocess.Popen[bytes]", kind: str) -> int:
    """Return the id of a run's process: itself, its JVM or a Python worker; 0 if it has none."""
    if kind == "itself":
        return run.pid
    with suppress(OSError):
        for child in children(run.pid):
            if Path(f"/proc/{child}/comm").read_text().strip() == "java":
                return child if kind == "spark" else next(iter(children(child)), 0)
    return 0


@pytest.mark.slow
def test_processes_killed_again_and_again_leave_right_tables(
    warm_lake: Lake, tmp_path: Path
) -> None:
    """The test starts a run again when it has ended, as a service manager does."""
    lake, random = Lake(tmp_path), Random(1)  # noqa: S311 - no secret
    staged, landing, log = tmp_path / "staged", lake.settings.landing, tmp_path / "run.log"
    produce(World(users=20, days=3, seed=1, files=600, readings=60_000), staged)
    files = [file for file in staged.rglob("*") if file.is_file()]
    random.shuffle(files)
    export(lake.settings)
    process = start_run(log)
    try:
        for kill in range(15):
            kind = ("itself", "spark", "worker")[kill % 3]
            until = time.monotonic() + 10 + 20 * random.random()
            while time.monotonic() < until or not (target := process_of(process, kind)):
                assert time.monotonic() < until + 120, f"no {kind} to kill: {log.read_text()}"
                if process.poll() is not None:
                    process = start_run(log)
                # A worker is there once something has landed.
                if random.random() < 0.1 or time.monotonic() > until:
                    move_some(random, files, landing, staged)
                time.sleep(0.5)
            os.kill(target, signal.SIGKILL)
            if kind == "itself":
                process.wait()
        assert files, "there were files to land until the last kill"
        while files:
            move_some(random, files, landing, staged)
        if process.poll() is not None:
            process = start_run(log)
        wait_until(lambda: all_landed(lake), "all has landed", 300)
        wait_until(lambda: not read_status(lake.settings).gold.count, "all is built", 300)
        assert_stops_with_right_tables(process, log, lake)
    finally:
        process.kill()


@pytest.mark.slow
def test_a_heap_that_is_too_small_is_replaced_and_the_run_goes_on(
    warm_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heap is large enough for small files, but not for one of 80 MiB without a line end."""
    monkeypatch.setenv("FITNESS_DRIVER_MEMORY", SMALL_HEAP)
    lake, log = Lake(tmp_path), tmp_path / "run.log"
    export(lake.settings)
    with run_that_has_built(lake, log) as process:
        large = lake.settings.landing / "kafka_multiplex_bz" / "large.json"
        with atomic_write(large) as file:
            file.write("x" * 80 * 2**20)
        wait_until(lambda: "Restarting Spark" in log.read_text(), "Spark was replaced", 300)
        large.unlink()
        log.write_text("")
        land(lake, 2)
        wait_until(lambda: "Built: " in log.read_text(), "a build is done again", 300)
        found = read_status(lake.settings)
        assert found.restart
        assert "heap was full" in found.restart.reason
        assert_stops_with_right_tables(process, log, lake)
