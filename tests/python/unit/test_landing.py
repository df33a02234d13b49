"""The landing contract: files appear whole, and lines have the shape that the ingest reads."""

import csv
import json
import os
from pathlib import Path

import pytest

from python_ingest import landing


def test_a_file_is_hidden_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    with landing.written_whole(path) as file:
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
    with landing.written_whole(path) as file:
        file.write("one\n")
    assert appeared_when_synced == [False]


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_nothing_behind(tmp_path: Path, reason: type[BaseException]) -> None:
    with pytest.raises(reason), landing.written_whole(tmp_path / "a.json") as file:
        file.write("half")
        raise reason
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("whole\n")
    with pytest.raises(RuntimeError), landing.written_whole(path) as file:
        file.write("half")
        raise RuntimeError
    assert [(p, p.read_text()) for p in tmp_path.iterdir()] == [(path, "whole\n")]


@pytest.mark.parametrize("value", ['{"heartrate":80}', {"name": 'Chloé "C"\n', "id": 2**63 - 1}])
def test_a_multiplex_line_holds_the_six_fields_on_one_line(value: str | dict[str, object]) -> None:
    line = landing.multiplex_line("bpm", value, key="7", partition=3, offset=9, timestamp=1.5)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert json.loads(line) == {
        "key": "7",
        "value": value,
        "topic": "bpm",
        "partition": 3,
        "offset": 9,
        "timestamp": 1.5,
    }


def test_json_that_others_would_refuse_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        landing.json_text({"heartrate": float("nan")})


def test_a_csv_line_reads_back_and_none_is_empty() -> None:
    line = landing.csv_line('a "b", c', 2**63 - 1, None)
    assert line.endswith(",\n")
    assert list(csv.reader([line])) == [['a "b", c', str(2**63 - 1), ""]]


@pytest.mark.parametrize("bits", [0, 2**48 - 1, 0x0123456789AB, 2**63 - 1])
def test_a_mac_address_is_locally_administered_and_of_one_station(bits: int) -> None:
    octets = [int(octet, 16) for octet in landing.mac_address(bits).split(":")]
    assert len(octets) == 6
    assert octets[0] & 0b11 == 0b10
    assert octets[1:] == list((bits & (2**48 - 1)).to_bytes(6, "big"))[1:]
