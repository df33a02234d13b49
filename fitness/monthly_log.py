"""Logs that any tool can query: one line of JSON per entry, one file per month."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Entry = TypeVar("Entry", bound="DataclassInstance")


@dataclass(frozen=True)
class MonthlyLog(Generic[Entry]):
    """A log of entries of one kind, in a folder of that name in the lakehouse.

    `renamed` maps the field names of an earlier version to the present ones.
    """

    name: str
    kind: type[Entry]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def add(self, lakehouse: Path, entry: Entry) -> None:
        """Append an entry to this month's file."""
        path = lakehouse / self.name / f"{datetime.now(UTC):%Y-%m}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n"
        with path.open("a+b") as file:
            if file.tell():
                file.seek(-1, 2)
                if file.read() != b"\n":  # The last write was cut short: begin a new line.
                    line = b"\n" + line
            file.write(line)

    def newest(self, lakehouse: Path, count: int) -> list[Entry]:
        """Return the newest entries, the oldest of them first."""
        lines: list[str] = []
        for path in sorted((lakehouse / self.name).glob("*.jsonl"), reverse=True):
            lines = path.read_text(encoding="utf-8").splitlines() + lines
            if len(lines) >= count:
                break
        found = []
        for line in lines[-count:]:
            try:
                entry = json.loads(line)
                fields = {self.renamed.get(name, name): value for name, value in entry.items()}
                found.append(self.kind(**fields))
            except (ValueError, TypeError, AttributeError):
                continue  # A write that was cut short, or an entry of another version.
        return found
