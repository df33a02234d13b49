"""When and why a continuous run replaced its Spark, an entry a time."""

from dataclasses import dataclass

from fitness.monthly_log import MonthlyLog


@dataclass(frozen=True)
class Restart:
    """A replacement of Spark: when, as ISO 8601 in UTC, and why."""

    at: str
    reason: str


_log = MonthlyLog("restart_log", Restart)
add, newest = _log.add, _log.newest
