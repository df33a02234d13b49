"""The files that Spark's file stream has found, which it notes in a log of its checkpoint."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from python_ingest.positions import newest_committed, newest_planned


@dataclass(frozen=True)
class Listed:
    """A file of a stream's list: when it had been modified (milliseconds since 1970), if landed."""

    modified: int
    is_landed: bool


def listed(checkpoint: Path) -> dict[str, Listed]:
    """Give the files that Spark's file stream has found, by source."""
    batches = {}
    for file in (checkpoint / "sources" / "0").glob("[0-9]*"):
        batches[int(file.name.split(".")[0])] = file
    compacted = max((n for n, file in batches.items() if file.suffix == ".compact"), default=0)
    last = newest_landed(checkpoint)
    found = {}
    for number in sorted(n for n in batches if n >= compacted):
        for line in batches[number].read_text(encoding="utf-8").splitlines()[1:]:
            entry = json.loads(line)
            source = entry["path"].replace("file:///", "file:/", 1)
            found[source] = Listed(entry["timestamp"], entry["batchId"] <= last)
    return found


def newest_landed(checkpoint: Path) -> int:
    """Give the number, in the stream's list, of the newest batch that has landed."""
    batch = newest_committed(checkpoint)
    if batch < 0:
        return -1
    offset = (checkpoint / "offsets" / str(batch)).read_text().splitlines()[-1]
    return int(json.loads(offset)["logOffset"])


def has_news(folder: Path, checkpoint: Path) -> bool:
    """Tell whether a folder has files that have not landed; starting a stream to see takes longer.

    When in doubt there are.
    """
    is_cut_short = newest_committed(checkpoint) != newest_planned(checkpoint)
    return is_cut_short or any(True for _ in waiting(folder, checkpoint))


def waiting(folder: Path, checkpoint: Path) -> Iterator[str]:
    """Give the paths of a folder's files that have not landed."""
    landed = {str(path_of(source)) for source, file in listed(checkpoint).items() if file.is_landed}
    return (path for path in visible_files(folder) if path not in landed)


def visible_files(folder: Path) -> Iterator[str]:
    """Give the paths of the files that Spark does not pass over for their names."""

    def refuse(error: OSError) -> None:
        raise error

    for here, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from (f"{here}/{name}" for name in files if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Tell whether Spark passes over a name."""
    if name.startswith(("_metadata", "_common_metadata")):
        return False
    is_private = name.startswith("_") and "=" not in name
    return is_private or name.startswith(".") or name.endswith("._COPYING_")


def path_of(source: str) -> Path:
    """Give the path of a local file by its source."""
    return Path(unquote(urlsplit(source).path))
