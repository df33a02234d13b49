"""The lines of the multiplexed feed as records of their bronze tables, with nothing lost.

JSON is strict (RFC 8259). A field that is absent or of another type is None.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import orjson

from python_ingest.landing import BPM, USER_INFO, WORKOUT
from python_ingest.tables import FEED_OF_TOPIC, UNROUTED

JsonObject = Mapping[str, Any]
Reader = Callable[[Any], object]


def integer(value: object) -> int | None:
    """Give a 64-bit integer; 1.0, "1" and true are none."""
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def number(value: object) -> float | None:
    """Give a number as a double."""
    return float(value) if type(value) is float or type(value) is int else None


def string(value: object) -> str | None:
    """Give a text that is one in JSON too."""
    return value if type(value) is str else None


def text(value: object) -> str | None:
    """Give a text, also of what is a number in JSON."""
    return str(value) if type(value) in (str, int, float) else None


def address(value: object) -> JsonObject | None:
    """Give the parts of an address."""
    if not isinstance(value, dict):
        return None
    return {name: text(value.get(name)) for name in ADDRESS}


ADDRESS = ("street_address", "city", "state", "zip")
ENVELOPE: Mapping[str, Reader] = {
    "key": text,
    "topic": string,
    "partition": integer,
    "offset": integer,
    "timestamp": number,
}
# Columns by feed: the payload's field of each, and how it is read.
PAYLOADS: Mapping[str, Mapping[str, tuple[str, Reader]]] = {
    FEED_OF_TOPIC[USER_INFO]: {
        "user_id": ("user_id", integer),
        "event_timestamp": ("timestamp", number),
        **{
            name: (name, text)
            for name in ("update_type", "dob", "sex", "gender", "first_name", "last_name")
        },
        "address": ("address", address),
    },
    FEED_OF_TOPIC[WORKOUT]: {
        **{name: (name, integer) for name in ("user_id", "workout_id", "session_id")},
        "event_timestamp": ("timestamp", number),
        "action": ("action", string),
    },
    FEED_OF_TOPIC[BPM]: {
        "device_id": ("device_id", integer),
        "time": ("time", number),
        "heartrate": ("heartrate", number),
    },
    UNROUTED: {},
}
ENVELOPE_FIELDS = frozenset((*ENVELOPE, "value"))
PAYLOAD_FIELDS = {
    feed: frozenset(name for name, _ in readers.values()) for feed, readers in PAYLOADS.items()
}


class JsonRecord(NamedTuple):
    """A line: its bronze table, what surrounds its payload, and the payload unless malformed."""

    feed: str
    envelope: JsonObject
    payload: JsonObject | None

    @property
    def rescued(self) -> str | None:
        """The fields that the table has no column for, by path, as JSON; None without any."""
        payload, known = self.payload, PAYLOAD_FIELDS[self.feed]
        if payload is None or (
            ENVELOPE_FIELDS.issuperset(self.envelope)
            and known.issuperset(payload)
            and "address" not in payload
        ):
            return None
        fields = unknown(self.envelope, ENVELOPE_FIELDS, "") | unknown(payload, known, "value.")
        if "address" in known and isinstance(place := payload.get("address"), dict):
            fields |= unknown(place, frozenset(ADDRESS), "value.address.")
        return json.dumps(fields, ensure_ascii=False) if fields else None


def unknown(fields: JsonObject, known: frozenset[str], prefix: str) -> dict[str, object]:
    """Give the fields that are not known, by path, as in `value.address.country`."""
    return {prefix + name: value for name, value in fields.items() if name not in known}


def json_record(line: bytes) -> JsonRecord:
    """Read a line."""
    envelope = json_object(line)
    if envelope is None:
        return JsonRecord(UNROUTED, {}, None)
    topic, value = envelope.get("topic"), envelope.get("value")
    feed = FEED_OF_TOPIC.get(topic) if type(topic) is str else None
    if feed is None:
        return JsonRecord(UNROUTED, envelope, None)
    if type(value) is str:
        return JsonRecord(feed, envelope, json_object(value))
    return JsonRecord(feed, envelope, value if type(value) is dict else None)


def json_object(text: bytes | str) -> JsonObject | None:
    """Read a JSON object; None if the text is not one, or not UTF-8."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = rare_json(text)
    return value if type(value) is dict else None


def rare_json(text: bytes | str) -> object:
    """Read what is JSON by the standard but not for orjson, such as 1e999 and half a surrogate.

    Gives None if it is no JSON; U+FFFD stands for what no text can hold.
    """

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def whole(digits: str) -> int | float:
        return int(digits) if len(digits) < 20 else float(digits)

    try:
        characters = text.decode() if isinstance(text, bytes) else text
        value = json.loads(characters, parse_int=whole, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return without_surrogates(value)


def without_surrogates(value: object) -> object:
    """Replace halves of surrogates in all texts of a JSON value."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {
            cast(str, without_surrogates(name)): without_surrogates(item)
            for name, item in value.items()
        }
    return value
