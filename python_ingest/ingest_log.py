"""The ingest's figures, an entry a batch."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from python_ingest.monthly_log import MonthlyLog


@dataclass(frozen=True)
class BatchFigures:
    """What a batch did. Instants are ISO 8601 in UTC.

    `rows` are those appended, by table; of them `malformed` are not of their feed's format and
    `unrouted` of no feed. `left_out` has the files that could not be taken, with the reason.
    `lag_seconds` is the time from the oldest file's or record's arrival to now.
    """

    stream: str
    batch: int | None
    started_at: str
    seconds: float
    files: int
    rows: dict[str, int]
    malformed: int
    unrouted: int
    newest_event_at: str | None
    lag_seconds: float | None
    new_fields: list[str]
    left_out: dict[str, str]

    @property
    def landed_at(self) -> datetime:
        """When it had landed."""
        return datetime.fromisoformat(self.started_at) + timedelta(seconds=self.seconds)

    @property
    def total(self) -> int:
        """The rows appended to all tables."""
        return sum(self.rows.values())

    def __str__(self) -> str:
        refused = [
            f"{count:,} {what}"
            for what, count in (("malformed", self.malformed), ("unrouted", self.unrouted))
            if count
        ]
        parts = [
            f"{self.stream}: {self.total:,} rows",
            f" ({', '.join(refused)})" if refused else "",
            f" of {self.files:,} files" if self.files else "",
            f" in {self.seconds:.1f} s ({self.total / self.seconds:,.0f} rows/s)",
            f", lag {self.lag_seconds:,.0f} s" if self.lag_seconds is not None else "",
        ]
        return "".join(parts)


_log = MonthlyLog("ingest_log", BatchFigures)
add, newest = _log.add, _log.newest
