"""When a stream must be reset, since it cannot continue from its checkpoint."""

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


def found_reason(
    checkpoint: Path, query: str | None, batch: int, *, has_rows: bool = True
) -> str | None:
    position = Position(checkpoint.with_name("position.json"), query, batch)
    return reset_reason(position, checkpoint, lambda: has_rows)


def test_a_stream_continues_after_a_crash_at_any_moment(checkpoint: Path) -> None:
    assert found_reason(checkpoint, "q", 1) is None
    (checkpoint / "offsets" / "2").write_text("v1")
    assert found_reason(checkpoint, "q", 1) is None
    assert found_reason(checkpoint, "q", 2) is None


def test_a_stream_that_has_not_begun_begins(tmp_path: Path) -> None:
    assert found_reason(tmp_path / "none", None, -1, has_rows=False) is None


@pytest.mark.parametrize(
    ("query", "batch", "reason"),
    [
        (None, -1, "its position is not known"),
        ("other", 1, "its checkpoint belongs to another query than its position"),
        ("q", 0, "its position is an older copy"),
        ("q", 2, "its checkpoint is an older copy"),
    ],
)
@pytest.mark.parametrize("has_rows", [True, False])
def test_a_position_that_does_not_match_the_checkpoint_is_a_reason(
    checkpoint: Path, query: str | None, batch: int, reason: str, has_rows: bool
) -> None:
    assert found_reason(checkpoint, query, batch, has_rows=has_rows) == reason


@pytest.mark.parametrize("file", ["metadata", "offsets/1", "commits/1", "sources/0/1"])
def test_an_empty_file_of_a_checkpoint_is_a_reason(checkpoint: Path, file: str) -> None:
    (checkpoint / file).parent.mkdir(parents=True, exist_ok=True)
    (checkpoint / file).write_text("")
    assert found_reason(checkpoint, "q", 1) == "its checkpoint has an empty file"


def test_an_empty_position_file_is_a_missing_one(tmp_path: Path, checkpoint: Path) -> None:
    file = tmp_path / "position.json"
    file.touch()
    position = read_position(file)
    assert position == Position(file)
    assert reset_reason(position, checkpoint, lambda: False) == "its position is not known"


def test_a_reset_keeps_the_list_of_reported_fields(tmp_path: Path, checkpoint: Path) -> None:
    position = Position(tmp_path / "position.json", "q", 1, new_fields=["a.b"])
    reset(position, checkpoint)
    again = read_position(position.file)
    assert (again.query, again.batch, again.is_recovering) == (None, -1, True)
    assert again.new_fields == ["a.b"]
    assert not checkpoint.exists()
    assert reset_reason(again, checkpoint, lambda: False) == "its last reset was cut short"
