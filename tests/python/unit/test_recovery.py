"""When a stream cannot go on from its checkpoint."""

import json
from pathlib import Path

import pytest

from python_ingest.recovery import Position, read_position, reset, reset_reason


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a checkpoint of which two batches are done."""
    checkpoint = tmp_path / "checkpoint"
    for log in ("offsets", "commits"):
        (checkpoint / log).mkdir(parents=True)
        for batch in (0, 1):
            (checkpoint / log / str(batch)).write_text("v1")
    (checkpoint / "metadata").write_text(json.dumps({"id": "q"}))
    return checkpoint


def why(checkpoint: Path, query: str | None, batch: int, *, has_rows: bool = True) -> str | None:
    position = Position(checkpoint.with_name("position.json"), query, batch)
    return reset_reason(position, checkpoint, lambda: has_rows)


def test_a_stream_goes_on_after_any_crash_of_its_own(checkpoint: Path) -> None:
    assert why(checkpoint, "q", 1) is None
    (checkpoint / "offsets" / "2").write_text("v1")
    assert why(checkpoint, "q", 1) is None
    assert why(checkpoint, "q", 2) is None


def test_a_stream_that_has_not_begun_begins(tmp_path: Path) -> None:
    assert why(tmp_path / "none", None, -1, has_rows=False) is None


@pytest.mark.parametrize(
    ("query", "batch", "reason"),
    [
        (None, -1, "its position is not known"),
        ("other", 1, "its checkpoint is another one than before"),
        ("q", 0, "its position is an older copy"),
        ("q", 2, "its checkpoint is an older copy"),
    ],
)
@pytest.mark.parametrize("has_rows", [True, False])
def test_a_position_and_a_checkpoint_that_do_not_fit_are_told(
    checkpoint: Path, query: str | None, batch: int, reason: str, has_rows: bool
) -> None:
    assert why(checkpoint, query, batch, has_rows=has_rows) == reason


@pytest.mark.parametrize("file", ["metadata", "offsets/1", "commits/1", "sources/0/1"])
def test_an_empty_file_of_a_checkpoint_is_told(checkpoint: Path, file: str) -> None:
    (checkpoint / file).parent.mkdir(parents=True, exist_ok=True)
    (checkpoint / file).write_text("")
    assert why(checkpoint, "q", 1) == "its checkpoint has an empty file"


def test_an_empty_position_is_none(tmp_path: Path, checkpoint: Path) -> None:
    file = tmp_path / "position.json"
    file.touch()
    position = read_position(file)
    assert position == Position(file)
    assert reset_reason(position, checkpoint, lambda: False) == "its position is not known"


def test_what_is_remembered_outlives_a_recovery(tmp_path: Path, checkpoint: Path) -> None:
    position = Position(tmp_path / "position.json", "q", 1, new_fields=["a.b"])
    reset(position, checkpoint)
    again = read_position(position.file)
    assert (again.query, again.batch, again.is_recovering) == (None, -1, True)
    assert again.new_fields == ["a.b"]
    assert not checkpoint.exists()
    assert reset_reason(again, checkpoint, lambda: False) == "its last reset was cut short"
