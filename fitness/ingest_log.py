"""The log of the ingest, one entry per batch."""

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from fitness.monthly_log import MonthlyLog
from python_ingest.stream import BatchFigures


class LoggedBatch(BatchFigures):
    """A batch that has landed."""

    @property
    def landed_at(self) -> datetime:
        """When the batch had landed."""
        return datetime.fromisoformat(self.started_at) + timedelta(seconds=self.seconds)

    @property
    def total(self) -> int:
        """The rows appended to all tables."""
        return sum(self.rows.values())

    def __str__(self) -> str:
        unusable = {"malformed": self.malformed, "unrouted": self.unrouted}
        counts = ", ".join(f"{count:,} {what}" for what, count in unusable.items() if count)
        parts = [
            f"{self.stream}: {self.total:,} rows",
            f" ({counts})" if counts else "",
            f" of {self.files:,} files" if self.files else "",
            f" in {self.seconds:.1f} s ({self.total / self.seconds:,.0f} rows/s)",
            f", lag {self.lag_seconds:,.0f} s" if self.lag_seconds is not None else "",
            f", {self.refused:,} lines refused" if self.refused else "",
        ]
        return "".join(parts)


_log = MonthlyLog("ingest_log", LoggedBatch, {"left_out": "skipped_files"})
newest, newest_first = _log.newest, _log.newest_first


def add(lakehouse: Path, figures: BatchFigures) -> LoggedBatch:
    """Append a batch to the log; return its entry."""
    entry = LoggedBatch(**asdict(figures))
    _log.add(lakehouse, entry)
    return entry
