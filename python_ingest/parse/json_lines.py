"""Lines of the multiplexed feed as records of their feeds, with nothing lost.

JSON is strict (RFC 8259). A field that is absent or of another type is None.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec.structs import astuple

from python_ingest.feeds import UNROUTED, Column, Feed

JsonObject = dict[str, Any]
Reader = Callable[[Any], object]
decode = msgspec.json.Decoder().decode


def integer(value: object) -> int | None:
    """Return a 64-bit integer; None for 1.0, "1" and true."""
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def number(value: object) -> float | None:
    """Return a number as a double."""
    # From text, since float() refuses an integer that is too large for a double.
    return float(str(value)) if type(value) in (int, float) else None


def string(value: object) -> str | None:
    """Return a string of JSON; None for any other value."""
    return value if type(value) is str else None


def text(value: object) -> str | None:
    """Return a string of JSON, or the text of a number."""
    return str(value) if type(value) in (str, int, float) else None


def struct(value: object, parts: tuple[str, ...]) -> JsonObject | None:
    """Return some fields of an object, as text."""
    return {name: text(value.get(name)) for name in parts} if isinstance(value, dict) else None


def reader_of(column: Column) -> Reader:
    """Return the function that reads a column; required text must be a string of JSON."""
    if column.parts:
        return partial(struct, parts=column.parts)
    if column.data_type == "string":
        return string if column.meta.required else text
    return integer if column.data_type == "bigint" else number


BROKER: Mapping[str, Reader] = {
    "key": text,
    "topic": string,
    "partition": integer,
    "offset": integer,
    "timestamp": number,
}
# The type that a field must have for the fast path, in which its reader is not called.
TYPES: Mapping[Reader, Any] = {
    integer: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None,
    number: float | None,
    string: str | None,
    text: str | None,
}
QUOTE = ord('"')
DECODE_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def decoder_of(fields: Iterable[tuple[str, Reader]], **others: Any) -> Callable[[Any], Any]:
    """Return a decoder of objects that have only these fields, each of the right type."""
    types = {name: TYPES.get(reader) for name, reader in fields} | others
    names = {f"_{place}": name for place, name in enumerate(types)}
    columns = [(name, types[field], None) for name, field in names.items()]
    kind = msgspec.defstruct("Fields", columns, rename=names, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(kind).decode


class JsonLine(NamedTuple):
    """A line: its table, and its values as JsonReader.columns has them.

    `rescued` has the fields that the table has no column for, by path, as JSON; None without any.
    """

    table: str
    is_malformed: bool
    rescued: str | None
    values: tuple[object, ...]


class JsonReader:
    """Reads lines of some feeds: in one step if all fields are as expected, else field by field.

    `columns` are the columns of each table that have a value in a line.
    """

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self.feeds = {feed.topic: feed for feed in feeds}
        self.columns = {UNROUTED: [*BROKER]}
        self.readers, self.decoders = {}, {}
        for topic, feed in self.feeds.items():
            self.columns[feed.table] = [*BROKER, *(column.name for column in feed.columns)]
            self.readers[topic] = [(column.field, reader_of(column)) for column in feed.columns]
            self.decoders[topic] = decoder_of(self.readers[topic])
        self.decode_envelope = decoder_of(BROKER.items(), value=msgspec.Raw)

    def read(self, line: bytes) -> JsonLine:
        """Read a line."""
        try:
            *broker, payload = astuple(self.decode_envelope(line.decode()))
            topic = broker[1]
            if memoryview(payload)[0] == QUOTE:
                payload = decode(payload)
            values = astuple(self.decoders[topic](payload))
            return JsonLine(self.feeds[topic].table, False, None, (*broker, *values))
        except (KeyError, TypeError, *DECODE_ERRORS):
            pass
        try:
            return self.read_by_field(json_object(line) or {})
        except RecursionError:  # Nested so deeply that it can be read but not written.
            return self.read_by_field({})

    def read_by_field(self, envelope: JsonObject) -> JsonLine:
        """Read a line of which fields may be unknown, of another type or malformed."""
        broker = tuple(reader(envelope.get(name)) for name, reader in BROKER.items())
        feed = self.feeds.get(string(envelope.get("topic")))
        if feed is None:
            return JsonLine(UNROUTED, True, None, broker)
        payload = envelope.get("value")
        if type(payload) is str:
            payload = json_object(payload)
        readers = self.readers[feed.topic]
        if type(payload) is not dict:
            return JsonLine(feed.table, True, None, (*broker, *(None for _ in readers)))
        rescued = unknown(envelope, {*BROKER, "value"}, "") | unknown(
            payload, feed.fields, "value."
        )
        for field, parts in feed.parts.items():
            if isinstance(inner := payload.get(field), dict):
                rescued |= unknown(inner, parts, f"value.{field}.")
        fields = json.dumps(rescued, ensure_ascii=False) if rescued else None
        values = (reader(payload.get(field)) for field, reader in readers)
        return JsonLine(feed.table, False, fields, (*broker, *values))


def unknown(fields: JsonObject, known: Set[str], prefix: str) -> JsonObject:
    """Return the fields that are not known, by path, as in `value.address.country`."""
    return {prefix + name: value for name, value in fields.items() if name not in known}


def json_object(text: bytes | str) -> JsonObject | None:
    """Read a JSON object; None if the text is not one, or not UTF-8."""
    try:
        value = decode(text)
    except DECODE_ERRORS:
        value = rare_json(text)
    return value if type(value) is dict else None


def rare_json(text: bytes | str) -> object:
    """Read JSON that the standard allows but msgspec refuses, such as 1e999 and a lone surrogate.

    Return None if it is not JSON. U+FFFD replaces a lone surrogate.
    """

    def whole(digits: str) -> int | float:
        return int(digits) if len(digits) <= 20 else float(digits)

    try:
        characters = text.decode() if isinstance(text, bytes) else text
        value = json.loads(characters, parse_int=whole, parse_constant=int)
        again = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
        return json.loads(again.decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        return None
