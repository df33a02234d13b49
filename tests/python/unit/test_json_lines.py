"""Lines of the multiplexed feed: what is valid JSON, types of fields, unknown fields."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_ingest.feeds import UNROUTED, read_feeds
from python_ingest.parse.json_lines import BROKER, JsonLine, JsonReader, json_object

READER = JsonReader(feed for feed in read_feeds() if not feed.is_csv)


def read(topic: str, field: str, value: str) -> object:
    """Read a field of a line, in the fast way and in the general way, field by field."""
    line = f'{{"topic":"{topic}","value":{{"{field}":{value}}}}}'
    found, again = READER.read(line.encode()), READER.read_by_field(json.loads(line))
    if found.rescued is None:
        assert repr(found) == repr(again)
    [read] = [value for name, value in columns(found).items() if name == field]
    return read


def columns(line: JsonLine) -> dict[str, object]:
    """Return the values of a line by column, without the broker's columns."""
    names = READER.columns[line.table]
    return dict([*zip(names, line.values, strict=True)][len(BROKER) :])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-0", 0),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), None),
        (str(-(2**63) - 1), None),
        ("1" * 400, None),
        ("1.0", None),
        ("1e3", None),
        ('"7"', None),
        ("true", None),
        ("null", None),
        ("[7]", None),
    ],
)
def test_ids_are_json_integers_of_64_bits(text: str, value: int | None) -> None:
    assert read("bpm", "device_id", text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7.0),
        ("1.5e2", 150.0),
        ("1e999", math.inf),
        ("1" * 400, math.inf),
        ('"7"', None),
        ("false", None),
        ("null", None),
    ],
)
def test_times_and_rates_are_json_numbers(text: str, value: float | None) -> None:
    found = read("bpm", "time", text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("text", "value"), [('"start"', "start"), ("5", None), ("null", None)])
def test_an_action_is_json_text(text: str, value: str | None) -> None:
    assert read("workout", "action", text) == value


@pytest.mark.parametrize(
    ("text", "value"), [('"Ö"', "Ö"), ("97201", "97201"), ("1.5", "1.5"), ("true", None)]
)
def test_a_profile_field_is_text_or_a_number(text: str, value: str | None) -> None:
    assert read("user_info", "first_name", text) == value


def test_an_address_has_its_parts_or_is_none() -> None:
    parts = {"street_address": None, "city": "Graz", "state": None, "zip": "8010"}
    assert read("user_info", "address", '{"city":"Graz","zip":8010,"lat":47}') == parts
    assert read("user_info", "address", '"Graz"') is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        b"[{}]",
        b"7",
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":1.}',
        b'{"a":"\x01"}',
        b'{"a":1} {}',
        b'{"a":1}\x00',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_anything_but_a_json_object_is_none(text: bytes) -> None:
    assert json_object(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b' {"a" : 1}\t', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":"\\u0000"}', {"a": "\0"}),
        (b'{"a":-1234567890123456789,"b":1e999}', {"a": -1234567890123456789, "b": math.inf}),
        # Lone surrogates, which UTF-8 cannot encode.
        (b'{"\\ud800":["\\udc00x"]}', {"\ufffd": ["\ufffdx"]}),
        (b'{"a":"\\ud83d\\ude00","b":1e999}', {"a": "😀", "b": math.inf}),
    ],
)
def test_valid_json_is_read(text: bytes, value: dict[str, Any]) -> None:
    assert json_object(text) == value


def test_the_payload_is_an_object_or_its_text() -> None:
    for value in ('{"device_id":1}', json.dumps('{"device_id":1}')):
        record = READER.read(f'{{"topic":"bpm","value":{value}}}'.encode())
        assert (record.table, record.rescued) == ("heart_rate_bz", None)
        assert columns(record) == {"device_id": 1, "time": None, "heartrate": None}


@pytest.mark.parametrize("line", [b"x", b"[]", b"{}", b'{"topic":["bpm"]}', b'{"topic":"BPM"}'])
def test_a_line_of_no_topic_is_unrouted(line: bytes) -> None:
    record = READER.read(line)
    assert (record.table, record.is_malformed, record.rescued) == (UNROUTED, True, None)


@pytest.mark.parametrize("inner", ["7", "1e999", '"\\ud800"'])
@pytest.mark.parametrize("depth", [100, 600, 900, 990, 994, 1100, 100_000])
def test_deep_nesting_does_not_stop_the_reader(depth: int, inner: str) -> None:
    for line in (
        f'{{"topic":"bpm","value":{{"x":{"[" * depth}{inner}{"]" * depth}}}}}',
        json.dumps({"topic": "bpm", "value": f'{{"x":{"[" * depth}{inner}{"]" * depth}}}'}),
    ):
        record = READER.read(line.encode())
        if depth == 100:
            assert record.table == "heart_rate_bz"
            assert record.rescued is not None
        else:
            assert record.table in ("heart_rate_bz", UNROUTED)


def test_unknown_fields_are_kept_by_their_paths() -> None:
    line = b'{"topic":"user_info","v":2,"value":{"user_id":1,"team":"A","address":{"lat":47.1}}}'
    assert READER.read(line).rescued == '{"v": 2, "value.team": "A", "value.address.lat": 47.1}'


@pytest.mark.parametrize(
    ("line", "table", "time"),
    [
        (b'{"topic":"bpm","value":"{\\"time\\":\xff}"}', UNROUTED, None),
        (b'{"topic":"bpm","value":{"time":1}', UNROUTED, None),
        (b'{"topic":"bpm","value":"\x80","value":{"time":1}}', UNROUTED, None),
        (b'{"topic":"bpm","value":"{\\"time\\":1,}"}', "heart_rate_bz", None),
        (b'{"topic":"bpm","value":{"time":-0,"time":5}} ', "heart_rate_bz", 5.0),
    ],
)
def test_invalid_json_makes_the_line_or_its_payload_malformed(
    line: bytes, table: str, time: float | None
) -> None:
    record = READER.read(line)
    assert (record.table, record.is_malformed) == (table, time is None)
    assert columns(record).get("time") == time


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text('7aö"\\😀\x01', max_size=5),
    st.sampled_from(["bpm", "workout", "user_info", [], {}]),
)
FIELDS = ["device_id", "time", "heartrate", "user_id", "timestamp", "action", "address", "new"]
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), VALUES)
LINES = st.fixed_dictionaries(
    {"topic": st.sampled_from(["bpm", "workout", "user_info", "x"])},
    optional={
        "value": PAYLOADS | PAYLOADS.map(json.dumps) | VALUES,
        "key": VALUES,
        "partition": VALUES,
        "offset": VALUES,
        "timestamp": VALUES,
        "new": VALUES,
    },
).map(lambda fields: json.dumps(fields, ensure_ascii=False))


@given(LINES)
def test_a_line_is_read_as_by_pythons_own_parser(line: str) -> None:
    """In the fast way and in the general way."""
    fields = json.loads(line)
    feed = READER.feeds.get(fields["topic"])
    payload = object_of(fields.get("value")) if feed else None
    record = READER.read(line.encode())
    assert record.table == (feed.table if feed else UNROUTED)
    assert record.is_malformed == (payload is None)
    assert repr(record) == repr(READER.read_by_field({**fields, "value": payload}))


def object_of(value: object) -> object:
    """Return the payload in a value, an object or its text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
