"""Landed files are removed when they are old, and no file outside of the landing folder."""

import os
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fitness.cleaning import clean_folder
from python_ingest.recovery import Position
from python_ingest.settings import Settings
from tests.python.unit.test_file_source_log import checkpoint, finish, note, plan

__all__ = ["checkpoint"]


@pytest.mark.parametrize("archive", [None, "archive"])
def test_old_files_of_another_landing_folder_stay(
    archive: str | None, tmp_path: Path, checkpoint: Path
) -> None:
    """A copied lakehouse has them in its list of landed files."""
    copied, original = tmp_path / "landing" / "feed", tmp_path / "original" / "feed"
    for folder in (copied, original):
        folder.mkdir(parents=True)
        (folder / "a.json").touch()
    note(checkpoint, 0, copied / "a.json", original / "a.json")
    plan(checkpoint, 0)
    finish(checkpoint, 0)
    for folder in (copied, original):
        os.utime(folder / "a.json", (0, 0.001))  # as note() says
    settings = Settings(
        tmp_path / "landing",
        tmp_path / "lakehouse",
        clean_after=timedelta(microseconds=1),
        archive=tmp_path / archive if archive else None,
    )
    stream: Any = SimpleNamespace(
        run=SimpleNamespace(settings=settings),
        folder=copied,
        checkpoint=checkpoint,
        position=Position(tmp_path / "position.json"),
    )
    time.sleep(0.01)
    clean_folder(stream)
    assert not (copied / "a.json").exists()
    assert (original / "a.json").exists()
    assert not archive or (tmp_path / archive / "feed" / "a.json").exists()
