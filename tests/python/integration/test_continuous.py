"""Continuous ingest: it stops cleanly, retries after temporary errors, ends at permanent ones."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any, cast

import pytest

from benchmarks.process_memory import children
from fitness.landing import ingest_continuously
from fitness.settings import export
from python_ingest import stream
from python_ingest.errors import IngestError
from python_ingest.ingest import catch_up
from python_ingest.recovery import Position
from python_ingest.tables import append, missing_tables
from tests.python.lake import (
    FITNESS,
    Lake,
    all_landed,
    land,
    landed_lines,
    wait_until,
)

SECOND = timedelta(seconds=1)
HEART = "heart_rate_bz"


def test_new_files_land_until_it_is_stopped(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """With streams that are prepared again every second."""
    monkeypatch.setattr("fitness.landing.EVERY", 1.0)
    stop, landed = Event(), []
    arguments = (lake.spark, lake.settings, SECOND, stop)
    thread = Thread(target=lambda: landed.append(ingest_continuously(*arguments)))
    thread.start()
    try:
        for seed in range(3):
            wait_until(lambda: not missing_tables(lake.spark, lake.settings), "the ingest runs")
            land(lake, seed)
            wait_until(lambda: all_landed(lake), f"batch {seed} has landed")
    finally:
        stop.set()
        thread.join(60)
    assert landed[0].total() == landed_lines(lake.settings.landing).total()
    assert not lake.ingest()


class Endless:
    """A stream that never catches up, and its query."""

    isActive = True  # noqa: N815 - as Spark names it

    def may_have_news(self) -> bool:
        """Return True, always."""
        return True


def test_a_stop_ends_catch_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Endless()
    monkeypatch.setattr("python_ingest.ingest.running", lambda *_, **__: nullcontext([endless]))
    stop = Event()
    Timer(0.3, stop.set).start()
    catch_up(cast(Any, [endless]), stop)
    assert stop.is_set()


def test_a_temporary_error_is_retried(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Appends fail, then the file that keeps the position, which is written before any batch."""
    stop, failures = Event(), iter(("append", "append", "save"))
    failing = next(failures)

    def fail_when(name: str, real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            nonlocal failing
            if failing == name:
                failing = next(failures, "")
                raise OSError("No space left on device")
            real(*arguments)

        return call

    monkeypatch.setattr(stream, "append", fail_when("append", append))
    monkeypatch.setattr(Position, "save", fail_when("save", Position.save))
    land(lake, 1)
    arguments = (lake.spark, lake.settings, SECOND, stop)
    thread = Thread(target=ingest_continuously, args=arguments)
    thread.start()
    try:
        wait_until(lambda: not failing and all_landed(lake), "all has landed")
    finally:
        stop.set()
        thread.join(60)
    retries = [message for message in caplog.messages if "Trying again in" in message]
    assert retries
    assert all("No space left on device" in message for message in retries)


def test_a_permanent_error_ends_the_ingest(lake: Lake) -> None:
    """A column of a table has another type than its contract says."""
    lake.ingest()
    table = lake.settings.lakehouse / "bronze" / HEART
    shutil.rmtree(table)
    lake.forget_logs()
    lake.spark.sql(
        f"create table delta.`{table}` (device_id array<string>, _source_file string) using delta"
    )
    land(lake, 1)
    with pytest.raises(IngestError, match="kafka_multiplex_bz stopped") as caught:
        ingest_continuously(lake.spark, lake.settings, SECOND, Event())
    assert caught.value.is_permanent


def start_ingest(lake: Lake) -> "subprocess.Popen[str]":
    """Start the continuous ingest as a process, with a process group of its own."""
    export(lake.settings)
    return subprocess.Popen(  # noqa: S603 - our own command line
        [*FITNESS, "ingest", "--continuous", "--interval", "1s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_stops_it_cleanly(warm_lake: Lake, tmp_path: Path, number: signal.Signals) -> None:
    lake = Lake(tmp_path)
    land(lake, 1)
    process = start_ingest(lake)
    wait_until((lake.settings.lakehouse / "ingest_log").exists, "a batch has landed")
    # The metastore admits one process: the ingest leaves it to builds.
    assert not (lake.settings.lakehouse / "metastore").exists()
    os.killpg(process.pid, number)  # As a terminal does: the JVM gets the signal too.
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert HEART in output
    lake.ingest()
    assert all_landed(lake)


@pytest.mark.slow
def test_the_end_of_spark_ends_the_ingest_with_a_message(warm_lake: Lake, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    process = start_ingest(lake)
    wait_until((lake.settings.landing / "gym_logins_bz").exists, "the ingest runs")
    for child in children(process.pid):
        os.kill(child, signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    assert "spark.log" in output
