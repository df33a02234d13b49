"""The time that work takes."""

import time
from collections.abc import Callable


def timed(work: Callable[[], object]) -> float:
    """Give the seconds that a piece of work takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began
