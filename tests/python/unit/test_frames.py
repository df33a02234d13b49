"""Several tasks read parts of a file; each line is read by exactly one of them."""

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_ingest import landed_files
from python_ingest.landed_files import LandedFile, look_at, tasks_of
from python_ingest.parse.frames import read_chunks

CONTENTS = st.lists(st.binary(max_size=6), max_size=12).map(b"\n".join)


def read(files: list[LandedFile], cores: int) -> list[bytes]:
    """Return the bytes of all parts, in order."""
    parts = [part for task in tasks_of(files, cores, divide=True) for part in task]
    return [chunk for part in parts for chunk in read_chunks(part)]


@given(content=CONTENTS, size=st.integers(1, 9), at_once=st.integers(1, 9))
def test_the_parts_of_a_file_are_whole_lines_and_all_of_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, size: int, at_once: int
) -> None:
    path = tmp_path_factory.mktemp("landing") / "a.json"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(landed_files, "SMALL_TASK", 1)
        patched.setattr(landed_files, "LARGE_TASK", size)
        patched.setattr("python_ingest.parse.frames.BYTES_AT_ONCE", at_once)
        chunks = read([look_at(path, "a")], 1)
    assert b"".join(chunks) == content
    assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])


def test_many_small_files_share_a_task_and_a_large_one_is_divided(tmp_path: Path) -> None:
    small = [LandedFile(tmp_path / f"{n}.json", str(n), 0, 1000) for n in range(100)]
    assert [len(task) for task in tasks_of(small, 4, divide=True)] == [100]
    large = LandedFile(tmp_path / "large.jsonl", "large", 0, 10 * 2**20)
    assert len(tasks_of([large], 4, divide=True)) == 4
    assert len(tasks_of([large], 4, divide=False)) == 1


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_a_compressed_file_is_one_part(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"a.json{suffix}"
    path.write_bytes(compress(b"one\ntwo\n"))
    assert read([look_at(path, "a")], 1) == [b"one\ntwo\n"]
