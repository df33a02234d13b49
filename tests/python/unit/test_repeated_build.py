"""When a continuous run builds, and when it tests."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from fitness.continuous import FIRST_WAIT, RepeatedBuild
from fitness.errors import BuildError, HeapError
from fitness.settings import Rhythm

RHYTHM = Rhythm(
    ingest=timedelta(seconds=2),
    shortest=timedelta(seconds=10),
    longest=timedelta(hours=1),
    tests=timedelta(minutes=1),
)


class Clock:
    """The time, in seconds, as a test sets it."""

    def __init__(self) -> None:
        self.now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    with monkeypatch.context() as patched:
        patched.setattr("fitness.continuous.time.monotonic", lambda: clock.now)
        yield clock


def at(clock: Clock, repeated: RepeatedBuild, seconds: float, *, news: bool = False) -> bool:
    """Call at some seconds from the beginning; return whether a build was run."""
    clock.now = 1000.0 + seconds
    repeated.has_news |= news
    return repeated()


def test_a_build_begins_with_new_data_but_not_sooner_than_the_shortest_time(
    clock: Clock,
) -> None:
    repeated = RepeatedBuild(RHYTHM, lambda _: None)
    assert at(clock, repeated, 0)
    assert not at(clock, repeated, 9, news=True)
    assert at(clock, repeated, 10)
    assert not at(clock, repeated, 30)


def test_a_build_without_new_data_begins_after_the_longest_time(clock: Clock) -> None:
    repeated = RepeatedBuild(RHYTHM, lambda _: None)
    assert at(clock, repeated, 0)
    assert not at(clock, repeated, 3599)
    assert at(clock, repeated, 3600)


def test_tests_are_part_of_a_build_once_a_minute_and_after_the_last_new_data(clock: Clock) -> None:
    tested: list[bool] = []
    repeated = RepeatedBuild(RHYTHM, tested.append)
    for second in (0, 20, 40, 60, 80):
        assert at(clock, repeated, second, news=True)
    assert tested == [True, False, False, True, False]
    assert not at(clock, repeated, 119)
    assert at(clock, repeated, 120)
    assert tested[-1]
    assert not at(clock, repeated, 300)


def test_a_failed_build_is_tried_again_at_longer_and_longer_intervals(clock: Clock) -> None:
    failures = iter([True, True, True, False])

    def build(_: bool) -> None:
        if next(failures):
            raise BuildError("It failed.")

    repeated = RepeatedBuild(RHYTHM, build)
    assert not at(clock, repeated, 0)
    assert not at(clock, repeated, 10)
    assert not at(clock, repeated, 20)
    third = 20 + 4 * FIRST_WAIT
    assert not at(clock, repeated, third - 1)
    assert at(clock, repeated, third)
    assert not at(clock, repeated, third + 60)


def test_a_build_with_a_full_heap_is_not_tried_again(clock: Clock) -> None:
    def build(_: bool) -> None:
        raise HeapError("It is full.")

    with pytest.raises(HeapError):
        at(clock, RepeatedBuild(RHYTHM, build), 0)
