"""Logs that any tool can query: one line of JSON per entry, one file per month."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Entry = TypeVar("Entry", bound="DataclassInstance")
BLOCK = 1 << 18  # bytes


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
        return [*islice(self.newest_first(lakehouse), count)][::-1]

    def newest_first(self, lakehouse: Path) -> Iterator[Entry]:
        """Return all entries, the newest first; the files are read only as far as is asked for."""
        for path in sorted((lakehouse / self.name).glob("*.jsonl"), reverse=True):
            for line in last_lines(path):
                try:
                    entry = json.loads(line)
                    fields = {self.renamed.get(name, name): value for name, value in entry.items()}
                    yield self.kind(**fields)
                except (ValueError, TypeError, AttributeError):
                    continue  # A write that was cut short, or an entry of another version.


def last_lines(path: Path) -> Iterator[bytes]:
    """Return the lines of a file, the last one first, in blocks from its end."""
    with path.open("rb") as file:
        start, rest = file.seek(0, 2), b""
        while start:
            size = min(start, BLOCK)
            start -= size
            file.seek(start)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            yield from reversed(lines)
        yield rest
