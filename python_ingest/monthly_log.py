"""Logs of figures: a line of JSON an entry, in a file a month, for any tool to query."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from python_ingest.lock import is_volume

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Streams of one process write to one log.
WHOLE_WRITES = Lock()
Entry = TypeVar("Entry", bound="DataclassInstance")


@dataclass(frozen=True)
class MonthlyLog(Generic[Entry]):
    """A log of entries of one kind, in a folder of that name in the lakehouse."""

    name: str
    kind: type[Entry]

    def add(self, lakehouse: Path, entry: Entry) -> None:
        """Append an entry to this month's file."""
        path = lakehouse / self.name / f"{datetime.now(UTC):%Y-%m}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n"
        if is_volume(path):  # It takes no appends.
            with WHOLE_WRITES:
                path.write_bytes((path.read_bytes() if path.exists() else b"") + line)
            return
        with path.open("a+b") as file:
            if file.tell() and not ends_with_newline(path):
                line = b"\n" + line  # A write was cut short: keep it apart.
            file.write(line)

    def newest(self, lakehouse: Path, count: int) -> list[Entry]:
        """Give the newest entries, the oldest of them first."""
        lines: list[str] = []
        for path in sorted((lakehouse / self.name).glob("*.jsonl"), reverse=True):
            lines = path.read_text(encoding="utf-8").splitlines() + lines
            if len(lines) >= count:
                break
        found = []
        for line in lines[-count:]:
            try:
                found.append(self.kind(**json.loads(line)))
            except (ValueError, TypeError):
                continue  # A write that was cut short, or an entry of another version.
        return found


def ends_with_newline(path: Path) -> bool:
    """Tell whether a file that is not empty ends with a line end."""
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"
