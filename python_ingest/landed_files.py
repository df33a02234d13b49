"""Landed files one by one: whether each can be read, and by which task."""

import bz2
import gzip
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGED = "changed while it was read"
CHANGED_SINCE = "changed after it had landed: put what is new into a file of another name"
# The least and the most bytes for one task; a file that cannot be divided may have more.
SMALL_TASK, LARGE_TASK = 2**20, 2**25
# How files that are compressed are opened, by suffix.
OPENERS: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}


@dataclass(frozen=True)
class LandedFile:
    """A file as a stream found it: `modified` is in milliseconds since 1970, `length` in bytes.

    `source` is its address as in `_source_file`.
    """

    path: Path
    source: str
    modified: int
    length: int

    def problem(self, landing: Path) -> str | None:
        """Return why the file cannot be read as it is now, or None."""
        try:
            now = self.path.stat()
        except OSError as error:
            return f"cannot be opened: {error.strerror}"
        if not self.path.resolve().is_relative_to(landing.resolve()):
            return f"leads outside the landing folder {landing}, to {self.path.resolve()}"
        if not stat.S_ISREG(now.st_mode):
            return "is not a regular file"
        if not os.access(self.path, os.R_OK):
            return "no right to read it"
        if (now.st_mtime_ns // 1_000_000, now.st_size) != (self.modified, self.length):
            return CHANGED
        return None


@dataclass(frozen=True)
class Part:
    """The lines of a file that start at byte `begin` or later, and before `end` (None: its end)."""

    file: LandedFile
    begin: int = 0
    end: int | None = None


def look_at(path: Path, source: str) -> LandedFile:
    """Return a file as it is now; raises OSError if it is gone."""
    now = path.stat()
    return LandedFile(path, source, now.st_mtime_ns // 1_000_000, now.st_size)


def problems(files: Sequence[LandedFile], landing: Path) -> dict[str, str]:
    """Return why files cannot be read, by source."""
    return {file.source: why for file in files if (why := file.problem(landing))}


def tasks_of(files: Sequence[LandedFile], cores: int, *, divide: bool) -> list[list[Part]]:
    """Distribute files over tasks: about one for each core, but none very small or large.

    With `divide` large files are divided, unless they are compressed.
    """
    size = min(max(sum(file.length for file in files) // cores + 1, SMALL_TASK), LARGE_TASK)
    tasks: list[list[Part]] = []
    left = 0
    for file in files:
        is_whole = not divide or file.length <= size or file.path.suffix.lower() in OPENERS
        for begin in [0] if is_whole else range(0, file.length, size):
            if left <= 0:
                tasks.append([])
                left = size
            tasks[-1].append(Part(file, begin, None if is_whole else begin + size))
            left -= file.length if is_whole else size
    return tasks
