"""Logs of figures: a line of JSON an entry, in a file a month, for any tool to query."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def add(folder: Path, entry: Mapping[str, Any]) -> None:
    """Append an entry to this month's file."""
    path = folder / f"{datetime.now(UTC):%Y-%m}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
    with path.open("a+b") as file:
        if file.tell() and not ends_with_newline(path):
            line = b"\n" + line  # A write was cut short: keep it apart.
        file.write(line)


def ends_with_newline(path: Path) -> bool:
    """Tell whether a file that is not empty ends with a line end."""
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


def newest(folder: Path, count: int) -> list[dict[str, Any]]:
    """Give the newest entries, the oldest of them first."""
    lines: list[str] = []
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        lines = path.read_text(encoding="utf-8").splitlines() + lines
        if len(lines) >= count:
            break
    found = []
    for line in lines[-count:]:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # A write that was cut short.
    return found
