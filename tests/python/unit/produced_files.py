"""Helpers that read what `fitness produce` has written."""

import csv
import json
from pathlib import Path
from typing import Any

from fitness.samples import records
from fitness.samples.produce import World

SMALL = World(users=30, days=2, files=6, readings=30_000)
EVENT_KEYS = {
    records.BPM: {"device_id", "time", "heartrate"},
    records.WORKOUT: {"user_id", "workout_id", "session_id", "timestamp", "action"},
}


PROFILE = {"dob", "sex", "gender", "first_name", "last_name", "address"}


def lines(out: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return every multiplex line, its value decoded, with the number of its file."""
    found = []
    for piece, path in enumerate(sorted((out / records.MULTIPLEX).iterdir())):
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if isinstance(line["value"], str):
                line["value"] = json.loads(line["value"])
            found.append((piece, line))
    return found


def payloads(out: Path, topic: str) -> list[dict[str, Any]]:
    """Return the distinct payloads of a topic."""
    texts = {json.dumps(line["value"]) for _, line in lines(out) if line["topic"] == topic}
    return [json.loads(text) for text in sorted(texts)]


def rows(out: Path, folder: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for path in sorted((out / folder).iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            assert tuple(reader.fieldnames or ()) == records.CSV_HEADERS[folder]
            found.extend(reader)
    return found


def contents(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def event_time(line: dict[str, Any]) -> float:
    value = line["value"]
    return float(value["time"] if line["topic"] == records.BPM else value["timestamp"])
