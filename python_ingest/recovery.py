"""The position of each stream: how far it has come, kept apart from its checkpoint.

A checkpoint cannot show that it was lost or is an old copy: lines would land again, or be lost. The
position, written before each batch, shows it. The stream then reads all of its source again, and
leaves out the rows that its tables have. A batch that an earlier run began may have landed in part:
it is repeated, without the rows that have landed since it began.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from python_ingest.atomic_write import atomic_write

RENAMED = {"left_out": "skipped_files", "taken_later": "retried_files"}  # names in version 0.1


@dataclass
class Position:
    """A stream's newest batch, and what it has to remember beyond its checkpoint.

    `began` is when the batch was first begun, as ISO 8601. `skipped_files` has the files that could
    not be read, by source: their `path` and the `reason`. `retried_files` has the time of
    modification, in milliseconds since 1970, of those that landed in the end. `new_fields` are the
    unknown fields that have been reported. `cleaned_at` is when the folder was last cleaned, in
    epoch seconds. `tables` are those that the stream writes to, each with its columns.
    """

    file: Path
    query: str | None = None
    batch: int = -1
    began: str = "1970-01-01T00:00:00+00:00"
    is_recovering: bool = False
    skipped_files: dict[str, dict[str, str]] = field(default_factory=dict)
    retried_files: dict[str, int] = field(default_factory=dict)
    new_fields: list[str] = field(default_factory=list)
    cleaned_at: float = 0.0
    tables: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Write the position to disk, whole."""
        state = {name: value for name, value in asdict(self).items() if name != "file"}
        with atomic_write(self.file) as file:
            json.dump(state, file, indent=1)


def read_position(file: Path) -> Position:
    """Return the position in a file, or that of a stream which has not begun."""
    # A crash of the machine may leave an empty file, which counts as missing.
    state = json.loads((file.read_text() if file.exists() else "") or "{}")
    known = {each.name for each in fields(Position)}
    named = {RENAMED.get(name, name): value for name, value in state.items()}
    return Position(file, **{name: value for name, value in named.items() if name in known})


def reset_reason(position: Position, checkpoint: Path, has_rows: Callable[[], bool]) -> str | None:
    """Return why a stream cannot continue from its checkpoint, or None.

    `has_rows` returns whether the stream's tables hold any rows.
    """
    if position.query is None:
        if position.is_recovering:
            return "its last reset was cut short"
        has_begun = newest(checkpoint / "commits") >= 0 or has_rows()
        return "its position is not known" if has_begun else None
    if not (checkpoint / "metadata").exists():
        return "its checkpoint is gone"
    if any(f.stat().st_size == 0 for f in checkpoint.rglob("[!.]*") if f.is_file()):
        return "its checkpoint has an empty file"
    if json.loads((checkpoint / "metadata").read_text())["id"] != position.query:
        return "its checkpoint belongs to another query than its position"
    if newest(checkpoint / "commits") > position.batch:
        return "its position is an older copy"
    if position.batch > newest(checkpoint / "offsets"):
        return "its checkpoint is an older copy"
    return None


def newest(log: Path) -> int:
    """Return the number of the newest batch in a checkpoint's log; -1 without any.

    A batch is in `offsets` once it has begun, in `commits` once it is finished.
    """
    return max((int(file.name) for file in log.glob("*") if file.name.isdigit()), default=-1)


def reset(position: Position, checkpoint: Path) -> None:
    """Make a stream read all of its source again, from a new checkpoint."""
    position.query, position.batch, position.is_recovering = None, -1, True
    # First: if the removal is interrupted, the rest of the checkpoint is not used.
    position.save()
    if checkpoint.exists():
        shutil.rmtree(checkpoint)
