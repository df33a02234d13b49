"""How far each stream has come, kept apart from its checkpoint.

A checkpoint alone cannot tell that it was lost or is an old copy: it would land again what the
tables have, or take the numbers of batches that they have and so lose new ones. A position written
before each batch tells, and then the stream reads all of its source again and leaves out what the
tables have.

A batch that was planned by an earlier run may have landed in part. It is repeated without what the
tables have had since it began.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from python_ingest.landing import written_whole


@dataclass
class Position:
    """A stream's newest batch, and what it has to remember beyond its checkpoint.

    `began` is when the batch was first begun, as ISO 8601.
    `left_out` has the files that could not be taken, by source: their `path` and the `reason`.
    `taken_later` has when those that were landed in the end had been modified, in milliseconds
    since 1970. `new_fields` are the unknown fields that have been reported.
    """

    file: Path
    query: str | None = None
    batch: int = -1
    began: str = "1970-01-01T00:00:00+00:00"
    is_recovering: bool = False
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)
    taken_later: dict[str, int] = field(default_factory=dict)
    new_fields: list[str] = field(default_factory=list)

    def save(self) -> None:
        """Write the position to disk, whole."""
        state = {name: value for name, value in asdict(self).items() if name != "file"}
        with written_whole(self.file) as file:
            json.dump(state, file, indent=1)


def read_position(file: Path) -> Position:
    """Give the position in a file, or that of a stream which has not begun."""
    if not file.exists():
        return Position(file)
    # An empty file, which a crash of the machine may leave, is taken for none.
    state = json.loads(file.read_text() or "{}")
    known = {each.name for each in fields(Position)}  # An earlier version wrote more.
    return Position(file, **{name: value for name, value in state.items() if name in known})


def why_recover(position: Position, checkpoint: Path, has_rows: Callable[[], bool]) -> str | None:
    """Say why a checkpoint cannot be gone on with, or give None.

    `has_rows` tells whether the stream's tables hold any rows.
    """
    if position.query is None:
        if position.is_recovering:
            return "the recovery had not begun to read"
        is_under_way = newest_committed(checkpoint) >= 0 or has_rows()
        return "its position is not known" if is_under_way else None
    if not (checkpoint / "metadata").exists():
        return "its checkpoint is gone"
    if any(f.stat().st_size == 0 for f in checkpoint.rglob("[!.]*") if f.is_file()):
        return "its checkpoint has an empty file"
    if json.loads((checkpoint / "metadata").read_text())["id"] != position.query:
        return "its checkpoint is another one than before"
    if newest_committed(checkpoint) > position.batch:
        return "its position is an older copy"
    if position.batch > newest_planned(checkpoint):
        return "its checkpoint is an older copy"
    return None


def newest_planned(checkpoint: Path) -> int:
    """Give the number of the newest batch that a stream has begun; -1 without any."""
    return newest(checkpoint / "offsets")


def newest_committed(checkpoint: Path) -> int:
    """Give the number of the newest batch that a stream has finished; -1 without any."""
    return newest(checkpoint / "commits")


def newest(log: Path) -> int:
    """Give the largest number of a log's files; -1 without any."""
    return max((int(file.name) for file in log.glob("*") if file.name.isdigit()), default=-1)


def recover(position: Position, checkpoint: Path) -> None:
    """Let a stream read all of its source again, from a new checkpoint."""
    position.query, position.batch, position.is_recovering = None, -1, True
    # First: if the removal is cut short, what is left of the checkpoint is not gone on with.
    position.save()
    if checkpoint.exists():
        shutil.rmtree(checkpoint)
