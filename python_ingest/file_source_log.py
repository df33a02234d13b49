"""The private log of Spark's file stream: the files that it has found, in a stream's checkpoint.

tests/python/integration/test_recovery.py fails if a new version of Spark changes it.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from python_ingest.recovery import newest


@dataclass(frozen=True)
class ListedFile:
    """A file of the log: its time of modification (milliseconds since 1970), and if it landed."""

    modified: int
    is_landed: bool


def listed_files(checkpoint: Path) -> dict[str, ListedFile]:
    """Return the files that a stream has found, by source."""
    logs = {int(f.name.split(".")[0]): f for f in (checkpoint / "sources" / "0").glob("[0-9]*")}
    first = max((number for number, file in logs.items() if file.suffix == ".compact"), default=0)
    last = newest_landed(checkpoint)
    found = {}
    for number in sorted(number for number in logs if number >= first):
        for line in logs[number].read_text(encoding="utf-8").splitlines()[1:]:
            entry = json.loads(line)
            source = entry["path"].replace("file:///", "file:/", 1)
            found[source] = ListedFile(entry["timestamp"], entry["batchId"] <= last)
    return found


def newest_landed(checkpoint: Path) -> int:
    """Return the number, in the log, of the newest batch that has landed; -1 without any."""
    batch = newest(checkpoint / "commits")
    # After a crash of the machine a file may be empty: then the stream will be reset.
    lines = (checkpoint / "offsets" / str(batch)).read_text().splitlines() if batch >= 0 else []
    return int(json.loads(lines[-1])["logOffset"]) if lines else -1


def has_news(folder: Path, checkpoint: Path) -> bool:
    """Return whether a folder may have files that have not landed, without starting a stream."""
    is_cut_short = newest(checkpoint / "commits") != newest(checkpoint / "offsets")
    return is_cut_short or any(True for _ in waiting_files(folder, checkpoint))


def waiting_files(folder: Path, checkpoint: Path) -> Iterator[str]:
    """Return the paths of a folder's files that have not landed."""
    landed = {str(path_of(s)) for s, file in listed_files(checkpoint).items() if file.is_landed}
    return (path for path in visible_files(folder) if path not in landed)


def visible_files(folder: Path) -> Iterator[str]:
    """Return the paths of the files, except those whose names Spark ignores."""

    def refuse(error: OSError) -> None:
        raise error

    for here, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from (f"{here}/{name}" for name in files if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Return whether Spark ignores files and folders of a name."""
    if name.startswith(("_metadata", "_common_metadata")):
        return False
    is_private = name.startswith("_") and "=" not in name
    return is_private or name.startswith(".") or name.endswith("._COPYING_")


def path_of(source: str) -> Path:
    """Return the path of a local file by its source."""
    return Path(unquote(urlsplit(source).path))
