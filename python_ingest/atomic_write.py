"""Files that are complete as soon as they exist."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4


@contextmanager
def atomic_write(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears at `path` only once it is complete and on disk.

    It is written beside `path` under a name beginning with "." (which file streams ignore), then
    renamed, replacing what was there. Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        # newline="" keeps line ends as written on every system.
        with partial.open("x", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
