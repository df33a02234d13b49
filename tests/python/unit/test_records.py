"""Lines of landing files have the shape that the ingest reads."""

import csv
import json

import pytest

from fitness.samples import records


@pytest.mark.parametrize("value", ['{"heartrate":80}', {"name": 'Chloé "C"\n', "id": 2**63 - 1}])
def test_a_multiplex_line_holds_the_six_fields_on_one_line(value: str | dict[str, object]) -> None:
    line = records.multiplex_line("bpm", value, key="7", partition=3, offset=9, timestamp=1.5)
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


def test_nan_is_not_written_as_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        records.json_text({"heartrate": float("nan")})


def test_a_csv_line_reads_back_and_none_is_empty() -> None:
    line = records.csv_line('a "b", c', 2**63 - 1, None)
    assert line.endswith(",\n")
    assert list(csv.reader([line])) == [['a "b", c', str(2**63 - 1), ""]]


@pytest.mark.parametrize("bits", [0, 2**48 - 1, 0x0123456789AB, 2**63 - 1])
def test_a_mac_address_is_locally_administered_and_of_one_station(bits: int) -> None:
    octets = [int(octet, 16) for octet in records.mac_address(bits).split(":")]
    assert len(octets) == 6
    assert octets[0] & 0b11 == 0b10
    assert octets[1:] == list((bits & (2**48 - 1)).to_bytes(6, "big"))[1:]
