"""The time that work takes."""

import time
from collections.abc import Callable
from statistics import median


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def pace() -> float:
    """Return the seconds of ten million additions in Python, to compare machines and days by."""

    def add() -> None:
        total = 0
        for number in range(10_000_000):
            total += number

    return median(timed(add) for _ in range(3))
