"""Chunks of lines: one task reads each line of a file, and those refused are dropped."""

import bz2
import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from python_ingest import landed_files
from python_ingest.feeds import MULTIPLEX, UNROUTED, feeds_by_folder
from python_ingest.landed_files import LandedFile, look_at, tasks_of
from python_ingest.parse.frames import chunk_encoder, json_lines, read_chunks
from python_ingest.parse.json_lines import JsonReader
from python_ingest.suppression import Span, Suppressions

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


TYPES: dict[str, DataType] = {
    "_is_malformed": BooleanType(),
    "_raw": StringType(),
    "_source_modified_at": TimestampType(),
    "device_id": LongType(),
    "time": DoubleType(),
}


def line_columns(table: str) -> StructType:
    """Return some of a table's columns, without Spark, which would parse all of them."""
    names = [*TYPES][: 3 if table == UNROUTED else None]
    return StructType([StructField(name, TYPES[name]) for name in names])


def test_a_refused_line_is_in_no_figure_of_its_chunk_but_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("python_ingest.parse.frames.line_columns", line_columns)
    feeds = feeds_by_folder()[MULTIPLEX]
    lines = (
        b'{"topic":"bpm","value":{"device_id":1,"time":5}}',
        b'{"topic":"bpm","value":{"device_id":2,"time":7,"theirs":0}}',
        b'{"topic":"bpm","value":"{\\"device_id\\":2"}',
        b'{"topic":"weather","device_id":2}',
    )
    landed = datetime(2026, 1, 5, tzinfo=UTC)
    chunks = [*json_lines([(line, "a file", landed) for line in lines], JsonReader(feeds))]

    encode = chunk_encoder(feeds)
    readings, other = (encode(*chunk) for chunk in chunks)
    assert [readings[name] for name in ("rows", "malformed", "refused")] == [3, 1, 0]
    assert (readings["newest"], readings["new_fields"]) == (7, {"value.theirs"})
    assert (other["rows"], other["refused"]) == (1, 0)

    forgotten = Suppressions((b"a key",)).forget([("device", 2, Span())])
    encode = chunk_encoder(feeds, forgotten.lets_land)
    readings, other = (encode(*chunk) for chunk in chunks)
    assert [readings[name] for name in ("rows", "malformed", "refused")] == [1, 0, 2]
    assert (readings["newest"], readings["new_fields"]) == (5, set())
    assert pa.ipc.open_stream(readings["lines"]).read_all()["device_id"].to_pylist() == [1]
    assert (other["rows"], other["refused"], other["arrived"]) == (0, 1, landed.timestamp())
    assert pa.ipc.open_stream(other["lines"]).read_all().num_rows == 0
