"""Files appear whole."""

import os
from pathlib import Path

import pytest

from python_ingest.atomic_write import atomic_write


def test_a_file_is_hidden_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    with atomic_write(path) as file:
        file.write("one\n")
        file.flush()
        (partial,) = path.parent.iterdir()
        assert partial.name.startswith(".")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == b"one\n"


def test_a_file_is_on_disk_before_it_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    appeared_when_synced = []
    monkeypatch.setattr(os, "fsync", lambda _: appeared_when_synced.append(path.exists()))
    with atomic_write(path) as file:
        file.write("one\n")
    assert appeared_when_synced == [False]


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_nothing_behind(tmp_path: Path, reason: type[BaseException]) -> None:
    with pytest.raises(reason), atomic_write(tmp_path / "a.json") as file:
        file.write("half")
        raise reason
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("whole\n")
    with pytest.raises(RuntimeError), atomic_write(path) as file:
        file.write("half")
        raise RuntimeError
    assert [(p, p.read_text()) for p in tmp_path.iterdir()] == [(path, "whole\n")]
