"""The lines of the multiplexed feed as records of their bronze tables, with nothing lost.

JSON is strict (RFC 8259). A field that is absent or of another type is None. A line that is just as
it should be is read at once, into typed objects; any other by its parts, more slowly.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, cast

import msgspec
from msgspec import Meta, Raw
from msgspec.json import Decoder

from python_ingest.landing import BPM, USER_INFO, WORKOUT
from python_ingest.tables import FEED_OF_TOPIC, UNROUTED

JsonObject = Mapping[str, Any]
Reader = Callable[[Any], object]
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


def integer(value: object) -> int | None:
    """Give a 64-bit integer; 1.0, "1" and true are none."""
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def number(value: object) -> float | None:
    """Give a number as a double."""
    if type(value) is not float and type(value) is not int:
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


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
# Columns: the field of each, and how it is read.
ENVELOPE: Mapping[str, tuple[str, Reader]] = {
    "key": ("key", text),
    "topic": ("topic", string),
    "partition": ("partition", integer),
    "offset": ("offset", integer),
    "timestamp": ("timestamp", number),
}
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
# What a field must be for its line to be read at once; a reader gives the same of it.
TYPES: Mapping[Reader, Any] = {
    integer: Integer | None,
    number: float | None,
    string: str | None,
    text: str | None,
    address: None,
}


def record_type(name: str, readers: Mapping[str, tuple[str, Reader]], **others: object) -> Any:
    """Give a type of records with the fields of some columns, and others with their defaults."""
    fields: list[tuple[str, Any, object]] = [
        (field, TYPES[reader], None) for field, reader in readers.values()
    ]
    fields += [(field, type(default), default) for field, default in others.items()]
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)


Envelope = record_type("Envelope", ENVELOPE, value=Raw(b"null"))
PAYLOAD_TYPES = {feed: record_type(feed, readers) for feed, readers in PAYLOADS.items()}
read_envelope = Decoder(Envelope).decode
read_payload = {feed: Decoder(kind).decode for feed, kind in PAYLOAD_TYPES.items()}
read_text = Decoder(str).decode
read_any = Decoder().decode
QUOTE = ord('"')
NOT_READ = (msgspec.MsgspecError, ValueError, RecursionError)
ENVELOPE_FIELDS = frozenset((*ENVELOPE, "value"))
PAYLOAD_FIELDS = {
    feed: frozenset(name for name, _ in readers.values()) for feed, readers in PAYLOADS.items()
}


class JsonRecord(NamedTuple):
    """A line: its bronze table, what surrounds its payload, and the payload unless malformed.

    `rescued` has the fields that the table has no column for, by path, as JSON; None without any.
    """

    feed: str
    envelope: Any
    payload: Any
    rescued: str | None


def json_record(line: bytes) -> JsonRecord:
    """Read a line."""
    try:
        envelope = read_envelope(line)
        feed = FEED_OF_TOPIC[envelope.topic]
        value = envelope.value
        if memoryview(value)[0] == QUOTE:
            value = read_text(value)
        return JsonRecord(feed, envelope, read_payload[feed](value), None)
    except (KeyError, *NOT_READ):
        pass
    try:
        return record_by_parts(line)
    except NOT_READ:  # Nested so deeply that it is read but not written again.
        return JsonRecord(UNROUTED, Envelope(), None, None)


def record_by_parts(line: bytes) -> JsonRecord:
    """Read a line of which some field may be of another type, unknown or malformed."""
    fields = json_object(line)
    if fields is None:
        return JsonRecord(UNROUTED, Envelope(), None, None)
    envelope = Envelope(**read_fields(ENVELOPE, fields))
    feed = FEED_OF_TOPIC.get(envelope.topic, UNROUTED)
    value = fields.get("value")
    payload = json_object(value) if type(value) is str else value
    if feed == UNROUTED or type(payload) is not dict:
        return JsonRecord(feed, envelope, None, None)
    return JsonRecord(
        feed,
        envelope,
        PAYLOAD_TYPES[feed](**read_fields(PAYLOADS[feed], payload)),
        rescued(feed, fields, payload),
    )


def read_fields(readers: Mapping[str, tuple[str, Reader]], fields: JsonObject) -> dict[str, object]:
    """Read the fields of some columns."""
    return {name: read(fields.get(name)) for name, read in readers.values()}


def rescued(feed: str, envelope: JsonObject, payload: JsonObject) -> str | None:
    """Give the fields that the table has no column for, by path, as JSON; None without any."""
    known = PAYLOAD_FIELDS[feed]
    fields = unknown(envelope, ENVELOPE_FIELDS, "") | unknown(payload, known, "value.")
    if "address" in known and isinstance(place := payload.get("address"), dict):
        fields |= unknown(place, frozenset(ADDRESS), "value.address.")
    return json.dumps(fields, ensure_ascii=False) if fields else None


def unknown(fields: JsonObject, known: frozenset[str], prefix: str) -> dict[str, object]:
    """Give the fields that are not known, by path, as in `value.address.country`."""
    return {prefix + name: value for name, value in fields.items() if name not in known}


def json_object(text: bytes | str) -> JsonObject | None:
    """Read a JSON object; None if the text is not one, or not UTF-8."""
    try:
        value = read_any(text)
    except NOT_READ:
        value = rare_json(text)
    return value if type(value) is dict else None


def rare_json(text: bytes | str) -> object:
    """Read what is JSON by the standard but not for msgspec, such as 1e999 and half a surrogate.

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
