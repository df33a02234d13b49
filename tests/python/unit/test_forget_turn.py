"""`fitness forget` waits for its turn, and continuous runs give it one."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any
from unittest.mock import MagicMock

import pytest

from fitness.alerts import Alerts
from fitness.continuous import run_continuously
from fitness.doctor import metastore_holder
from fitness.landing import ingest_continuously
from fitness.lock import FORGET, holder, only_one
from fitness.privacy.forget import when_idle
from fitness.run import run_both
from fitness.settings import Rhythm
from python_ingest.errors import BusyError
from python_ingest.settings import Settings

LOCK = """
import sys
from pathlib import Path
from fitness.lock import only_one
with only_one(Path(sys.argv[1]), sys.argv[2]):
    print(flush=True)
    sys.stdin.read()
"""
OPEN = "import sys; file = open('/'.join(sys.argv[1:]), 'w'); print(flush=True); sys.stdin.read()"
OTHERS = [
    (LOCK, "ingest", "Another ingest (process {}) is at work"),
    (LOCK, "build", "Another build (process {}) is at work"),
    (OPEN, "metastore/db.lck", "Process {} has the metastore"),
]
SPARK: Any = MagicMock()
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RHYTHM = Rhythm(HOUR, timedelta(), HOUR)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "lakehouse" / "metastore").mkdir(parents=True)
    return Settings(tmp_path / "landing", tmp_path / "lakehouse")


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> "Queue[Event]":
    """Return where each round of a continuous ingest or run is put, in which nothing lands."""
    found: Queue[Event] = Queue()

    def land(stop: Event) -> int:
        found.put(stop)
        return 0

    for module in ("landing", "continuous"):
        ingest = MagicMock(side_effect=land)
        ingest.run.landed = Counter()
        monkeypatch.setattr(f"fitness.{module}.RepeatedIngest", MagicMock(return_value=ingest))
        monkeypatch.setattr(f"fitness.{module}.Upkeep", MagicMock())
    return found


def at_work(settings: Settings) -> list[str | None]:
    """Return who holds the locks of the ingest and of builds."""
    return [holder(settings.lakehouse, work) for work in ("ingest", "build")]


@contextmanager
def other(code: str, lakehouse: Path, name: str) -> "Iterator[subprocess.Popen[str]]":
    """Run a process that has something until the end of its input."""
    command = [sys.executable, "-c", code, str(lakehouse), name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        process.stdout.readline()
        yield process


@pytest.mark.parametrize(("code", "name", "message"), OTHERS)
def test_it_says_what_it_waits_for_and_then_has_both_locks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, code: str, name: str, message: str
) -> None:
    messages: Queue[str] = Queue()
    monkeypatch.setattr("fitness.lock.log.info", lambda text, who: messages.put(text % who))

    def take_turn() -> list[str | None]:
        with when_idle(settings, MINUTE):
            return at_work(settings)

    with other(code, settings.lakehouse, name) as process, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(take_turn)
        assert messages.get(timeout=60).startswith(f"Waiting: {message.format(process.pid)}")
        assert not waiting.done()
        process.communicate()
        assert waiting.result() == [str(os.getpid())] * 2
    assert at_work(settings) == [None, None]
    assert messages.empty()


@pytest.mark.parametrize(("code", "name", "message"), OTHERS)
def test_when_its_patience_is_over_it_says_whom_to_stop(
    settings: Settings, code: str, name: str, message: str
) -> None:
    with (
        other(code, settings.lakehouse, name) as process,
        pytest.raises(BusyError, match="wait until it has finished, or stop it") as caught,
        when_idle(settings, timedelta()),
    ):
        pass
    assert str(caught.value).startswith(message.format(process.pid))
    assert at_work(settings) == [None, None]


def test_its_patience_is_for_all_that_it_waits_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    patiences: list[float] = []

    def wait_while(_: object, patience: timedelta) -> None:
        patiences.append(patience.total_seconds())
        now[0] += 20

    now = [0.0]
    monkeypatch.setattr("fitness.lock.time", MagicMock(monotonic=lambda: now[0]))
    monkeypatch.setattr("fitness.lock.wait_while", wait_while)
    monkeypatch.setattr("fitness.privacy.forget.wait_while", wait_while)
    with when_idle(settings, MINUTE):
        assert patiences == [60, 40, 20]


def test_the_process_that_has_the_metastore_open_is_found_through_a_link(
    settings: Settings, tmp_path: Path
) -> None:
    (link := tmp_path / "link").symlink_to(settings.lakehouse)
    with other(OPEN, link, "metastore/db.lck") as process:
        assert metastore_holder(link / "metastore") == process.pid


def test_a_continuous_ingest_pauses_while_people_are_forgotten(
    settings: Settings, rounds: "Queue[Event]"
) -> None:
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ingest_continuously, SPARK, settings, HOUR, stop)
        try:
            rounds.get(timeout=60)
            with only_one(settings.lakehouse, FORGET), when_idle(settings, MINUTE):
                pass
            rounds.get(timeout=60)
        finally:
            stop.set()
        running.result()
        assert rounds.empty()


def test_after_a_pause_a_continuous_ingest_waits_for_an_ingest_that_was_quicker(
    settings: Settings, rounds: "Queue[Event]", monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: Queue[str] = Queue()
    monkeypatch.setattr("fitness.lock.RETRY", 0.01)
    monkeypatch.setattr("fitness.lock.log.info", lambda text, *of: tries.put(text % of))
    stop = Event()
    with ThreadPoolExecutor(1) as pool, ExitStack() as quicker:
        running = pool.submit(ingest_continuously, SPARK, settings, HOUR, stop)
        try:
            rounds.get(timeout=60)
            with only_one(settings.lakehouse, FORGET):
                quicker.enter_context(only_one(settings.lakehouse, "ingest", MINUTE))
            while "Trying again" not in tries.get(timeout=60):
                pass
            quicker.close()
            rounds.get(timeout=60)
        finally:
            stop.set()
        running.result()


def test_a_continuous_run_that_has_not_paused_is_refused_beside_an_ingest(
    settings: Settings, rounds: "Queue[Event]"
) -> None:
    arguments = (SPARK, settings, RHYTHM, Event(), MagicMock(), MagicMock())
    with only_one(settings.lakehouse, "ingest"), pytest.raises(BusyError, match="Another ingest"):
        run_continuously(*arguments)
    assert rounds.empty()


def test_a_continuous_run_begins_when_people_are_forgotten_and_ends_for_the_next(
    settings: Settings, rounds: "Queue[Event]"
) -> None:
    stop, builds = Event(), Queue[bool]()
    arguments = (SPARK, settings, RHYTHM, stop, MagicMock(), builds.put)
    with ThreadPoolExecutor(1) as pool:
        try:
            with only_one(settings.lakehouse, FORGET):
                running = pool.submit(run_continuously, *arguments)
                with when_idle(settings, timedelta()):
                    pass
                assert rounds.empty()
            builds.get(timeout=60)
            with only_one(settings.lakehouse, FORGET), when_idle(settings, MINUTE):
                running.result()
            assert not stop.is_set()
        finally:
            stop.set()


def test_a_stop_ends_the_pause(settings: Settings, rounds: "Queue[Event]") -> None:
    stop = Event()
    stop.set()
    with only_one(settings.lakehouse, FORGET), when_idle(settings, timedelta()):
        assert not ingest_continuously(SPARK, settings, HOUR, stop)
        run_continuously(SPARK, settings, RHYTHM, stop, MagicMock(), MagicMock())
    assert rounds.empty()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_run_that_ends_for_it_starts_again_unless_it_was_stopped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    restart, stop = MagicMock(), MagicMock(**{"is_set.return_value": is_stopped})
    monkeypatch.setattr("fitness.run.stop_on_signals", lambda: stop)
    monkeypatch.setattr("fitness.run.restart", restart)
    monkeypatch.setattr("fitness.continuous.run_continuously", MagicMock())
    run_both(SPARK, settings, RHYTHM, [], Alerts(settings))
    assert restart.called == (not is_stopped)
