"""The ingest's figures: a line of JSON a batch, in a file a month, for any tool to query."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


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


def folder_of(lakehouse: Path) -> Path:
    """Give the folder of the log's files."""
    return lakehouse / "ingest_log"


def add(lakehouse: Path, figures: BatchFigures) -> None:
    """Append a batch's figures to this month's file."""
    path = folder_of(lakehouse) / f"{datetime.now(UTC):%Y-%m}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(figures), ensure_ascii=False).encode() + b"\n"
    with path.open("a+b") as file:
        if file.tell() and not ends_with_newline(path):
            line = b"\n" + line  # A write was cut short: keep it apart.
        file.write(line)


def ends_with_newline(path: Path) -> bool:
    """Tell whether a file that is not empty ends with a line end."""
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


def newest(lakehouse: Path, count: int) -> list[BatchFigures]:
    """Give the figures of the newest batches, the oldest of them first."""
    lines: list[str] = []
    for path in sorted(folder_of(lakehouse).glob("*.jsonl"), reverse=True):
        lines = path.read_text(encoding="utf-8").splitlines() + lines
        if len(lines) >= count:
            break
    found = []
    for line in lines[-count:]:
        try:
            found.append(BatchFigures(**json.loads(line)))
        except (ValueError, TypeError):
            continue  # A write that was cut short.
    return found
