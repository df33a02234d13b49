"""What is read from the log of Spark's file stream, on checkpoints as Spark writes them."""

import json
from pathlib import Path

import pytest

from python_ingest.file_source_log import has_news, listed_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "feed"
    folder.mkdir()
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    checkpoint = tmp_path / "checkpoint"
    for log in ("sources/0", "offsets", "commits"):
        (checkpoint / log).mkdir(parents=True)
    return checkpoint


def note(checkpoint: Path, number: int, *files: Path) -> None:
    """Write the log entry of files that were found."""
    entries = [{"path": f.as_uri(), "timestamp": 1, "batchId": number} for f in files]
    lines = ["v1", *map(json.dumps, entries)]
    (checkpoint / "sources" / "0" / str(number)).write_text("\n".join(lines))


def plan(checkpoint: Path, batch: int) -> None:
    """Write the log entry of a batch that has begun."""
    (checkpoint / "offsets" / str(batch)).write_text(f'v1\n{{}}\n{{"logOffset":{batch}}}')


def finish(checkpoint: Path, batch: int) -> None:
    """Write the log entry of a batch that is done."""
    (checkpoint / "commits" / str(batch)).write_text("v1\n{}")


def test_after_a_crash_of_the_machine_no_file_counts_as_landed(
    folder: Path, checkpoint: Path
) -> None:
    """Which leaves an empty file; the ingest then resets the stream."""
    file = folder / "a.json"
    file.touch()
    note(checkpoint, 0, file)
    finish(checkpoint, 0)
    (checkpoint / "offsets" / "0").touch()
    assert has_news(folder, checkpoint)
    assert [file.is_landed for file in listed_files(checkpoint).values()] == [False]


def test_there_is_news_until_a_file_has_landed(folder: Path, checkpoint: Path) -> None:
    assert not has_news(folder, checkpoint)
    file = folder / "a %20ö.json"
    file.touch()
    assert has_news(folder, checkpoint)
    note(checkpoint, 0, file)
    # A crash may come between any two of these.
    assert has_news(folder, checkpoint)
    plan(checkpoint, 0)
    assert has_news(folder, checkpoint)
    finish(checkpoint, 0)
    assert not has_news(folder, checkpoint)
    assert [file.is_landed for file in listed_files(checkpoint).values()] == [True]
    deep = folder / "sub" / "b.json"
    deep.parent.mkdir()
    deep.touch()
    assert has_news(folder, checkpoint)
    note(checkpoint, 1, deep)
    assert has_news(folder, checkpoint)


@pytest.mark.parametrize(
    ("name", "is_news"),
    [
        (".a", False),
        ("_a", False),
        ("a._COPYING_", False),
        (".sub/a", False),
        ("_a=1", True),
        ("_metadata1", True),
        ("_common_metadata", True),
    ],
)
def test_files_are_ignored_by_name_as_spark_does(
    folder: Path, checkpoint: Path, name: str, is_news: bool
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    assert has_news(folder, checkpoint) == is_news


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(FileNotFoundError):
        has_news(tmp_path / "gone", checkpoint)
