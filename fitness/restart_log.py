"""The log of when and why a continuous run restarted Spark, one entry per restart."""

from dataclasses import dataclass

from fitness.monthly_log import MonthlyLog


@dataclass(frozen=True)
class Restart:
    """A restart of Spark: when, as ISO 8601 in UTC, and why."""

    at: str
    reason: str


_log = MonthlyLog("restart_log", Restart)
add, newest = _log.add, _log.newest
