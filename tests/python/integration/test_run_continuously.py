"""Ingest and builds side by side: what lands is built, whatever a build comes to."""

import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from python_ingest.continuous import run_continuously
from python_ingest.errors import BuildError
from python_ingest.settings import Rhythm
from tests.python.lake import (
    FITNESS,
    MODELS_ONLY,
    Lake,
    all_landed,
    bronze_lines,
    land,
    landed_lines,
    wait_until,
)

OFTEN = Rhythm(timedelta(seconds=1), timedelta(seconds=1), timedelta(hours=1))


def test_a_build_that_fails_is_tried_again_while_the_ingest_goes_on(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for wait in ("FIRST_WAIT", "LONGEST_WAIT"):
        monkeypatch.setattr(f"python_ingest.continuous.{wait}", 0.1)
    stop, builds, has_landed = Event(), 0, Event()

    def build() -> None:
        nonlocal builds
        builds += 1
        if not has_landed.is_set():
            raise BuildError("The build failed in users.")

    arguments = (lake.spark, lake.settings, OFTEN, stop, lambda _: None, build)
    thread = Thread(target=run_continuously, args=arguments)
    thread.start()
    try:
        wait_until(lambda: builds > 1, "a build has failed twice")
        wait_until((lake.settings.checkpoints / "gym_logins_bz").exists, "the ingest runs")
        land(lake, 1)
        wait_until(lambda: all_landed(lake), "what came meanwhile has landed")
        failed = builds
        has_landed.set()
        wait_until(lambda: builds > failed, "a build has begun since")
    finally:
        stop.set()
        thread.join(60)
    assert "The build failed in users. Trying again in 0 s; the ingest goes on." in caplog.messages


def test_an_ingest_that_cannot_go_on_ends_the_run(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a mistake in the code")

    monkeypatch.setattr("python_ingest.ingest.prepare", fail)
    arguments = (lake.spark, lake.settings, OFTEN, Event(), lambda _: None, lambda: None)
    with pytest.raises(ValueError, match="a mistake in the code"):
        run_continuously(*arguments)


def test_what_lands_reaches_gold_until_a_signal_stops_it(warm_lake: Lake, tmp_path: Path) -> None:
    """By the command line, as a service runs it."""
    lake = Lake(tmp_path)
    lake.settings.export()
    land(lake, 1)
    log = tmp_path / "said.txt"
    with log.open("a") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*FITNESS, "run", "--continuous", "--interval", "1s", "--shortest", "1s", *MODELS_ONLY],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "Built: " in log.read_text(), "a build is done", 300)
        log.write_text("")
        land(lake, 2)
        lines = landed_lines(lake.settings.landing)
        wait_until(lambda: bronze_lines(lake) == lines, "all has landed", 300)
        log.write_text("")
        wait_until(lambda: "Built: " in log.read_text(), "it is built", 300)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, log.read_text()
    finally:
        process.kill()
    lake.forget_logs()
    assert not lake.differences()
