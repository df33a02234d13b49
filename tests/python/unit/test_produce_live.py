"""The invented gym in real time."""

import threading
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from fitness.samples import records
from fitness.samples.produce import ProducedCounts, World, produce_continuously
from tests.python.unit.produced_files import payloads, rows


class Clock:
    """A clock and stop event that move on by the interval when waited for, `ticks` times."""

    def __init__(self, ticks: int, now: float = 1_800_000_000.25) -> None:
        self.now, self._left = now, ticks

    def __call__(self) -> float:
        """Return the epoch seconds."""
        return self.now

    def wait(self, timeout: float) -> bool:
        """Let `timeout` seconds pass; true when it is time to stop."""
        self.now += timeout
        self._left -= 1
        return self._left <= 0


def live(
    out: Path, rate: float, interval: float, ticks: int, monkeypatch: pytest.MonkeyPatch
) -> ProducedCounts:
    clock, stop = Clock(ticks), threading.Event()
    monkeypatch.setattr(stop, "wait", clock.wait)
    return produce_continuously(World(users=50), out, rate, interval, stop, clock)


@pytest.mark.parametrize(("rate", "interval"), [(10, 5), (2.5, 2), (0.25, 4), (7, 0.5)])
def test_live_readings_come_at_the_rate_with_present_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, interval: float
) -> None:
    counts = live(tmp_path, rate, interval, 8, monkeypatch)
    readings = payloads(tmp_path, records.BPM)
    assert counts.readings == len(readings) == int(rate * interval * 8)
    times = [value["time"] for value in readings]
    assert min(times) >= 1_800_000_000
    assert max(times) < 1_800_000_000 + 8 * interval
    if rate >= 1:
        assert Counter(times).keys() == set(range(min(times), min(times) + int(8 * interval)))
    registered = {int(row["device_id"]) for row in rows(tmp_path, records.REGISTERED_USERS)}
    assert {value["device_id"] for value in readings} <= registered


def test_live_files_are_one_an_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = live(tmp_path, 10, 5, 8, monkeypatch)
    assert counts.files == len(list((tmp_path / records.MULTIPLEX).iterdir())) == 8


def test_live_workouts_follow_one_another_and_end_when_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(tmp_path, 6, 30, 60, monkeypatch)
    events: dict[int, list[tuple[float, str, int]]] = defaultdict(list)
    for value in payloads(tmp_path, records.WORKOUT):
        events[value["user_id"]].append((value["timestamp"], value["action"], value["workout_id"]))
    assert len(events) == 6
    for found in events.values():
        starts = sorted((id_, at) for at, action, id_ in found if action == "start")
        stops = sorted((id_, at) for at, action, id_ in found if action == "stop")
        assert [id_ for id_, _ in starts] == [id_ for id_, _ in stops]
        ends = [at for _, at in stops]
        assert [at for _, at in starts] == [1_800_000_000, *ends[:-1]]
        assert ends[-1] == 1_800_001_800
        assert len(starts) >= 3
    visits = rows(tmp_path, records.GYM_LOGINS)
    closed = {(r["mac_address"], r["login"]) for r in visits if r["logout"]}
    assert {(r["mac_address"], r["login"]) for r in visits if not r["logout"]} == closed
    assert closed


@pytest.mark.parametrize(("rate", "interval"), [(0, 1), (51, 1), (float("nan"), 1), (1, 0)])
def test_an_impossible_live_rate_or_interval_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, interval: float
) -> None:
    with pytest.raises(ValueError, match="give more than 0"):
        live(tmp_path, rate, interval, 1, monkeypatch)
    assert list(tmp_path.iterdir()) == []
