"""Lines of the multiplexed feed as records of their feeds, with nothing lost.

JSON is strict (RFC 8259). A field that is absent or of another type is None.
"""

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from python_ingest.feeds import UNROUTED, Column, Feed

JsonObject = dict[str, Any]
Reader = Callable[[Any], object]
decode = msgspec.json.Decoder().decode


def integer(value: object) -> int | None:
    """Return a 64-bit integer; 1.0, "1" and true are none."""
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def number(value: object) -> float | None:
    """Return a number as a double."""
    if type(value) is not float and type(value) is not int:
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def string(value: object) -> str | None:
    """Return a text that is one in JSON too."""
    return value if type(value) is str else None


def text(value: object) -> str | None:
    """Return a text, also of a number in JSON."""
    return str(value) if type(value) in (str, int, float) else None


def struct(value: object, parts: tuple[str, ...]) -> JsonObject | None:
    """Return the texts of an object."""
    return {name: text(value.get(name)) for name in parts} if isinstance(value, dict) else None


def reader_of(column: Column) -> Reader:
    """Return how a column is read: a text that is required must be one in JSON too."""
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
ENVELOPE = frozenset((*BROKER, "value"))


class JsonLine(NamedTuple):
    """A line: its table, the fields around its payload, and the payload unless it is malformed.

    `rescued` has the fields that the table has no column for, by path, as JSON; None without any.
    """

    table: str
    envelope: JsonObject
    payload: JsonObject | None
    rescued: str | None


def read_line(line: bytes, topics: Mapping[str | None, Feed]) -> JsonLine:
    """Read a line; `topics` are the feeds by their topic."""
    envelope = json_object(line)
    if envelope is None:
        return JsonLine(UNROUTED, {}, None, None)
    feed = topics.get(string(envelope.get("topic")))
    if feed is None:
        return JsonLine(UNROUTED, envelope, None, None)
    payload = envelope.get("value")
    if type(payload) is str:
        payload = json_object(payload)
    if type(payload) is not dict:
        return JsonLine(feed.table, envelope, None, None)
    rescued = unknown(envelope, ENVELOPE, "") | unknown(payload, feed.fields, "value.")
    for field, parts in feed.parts.items():
        if isinstance(inner := payload.get(field), dict):
            rescued |= unknown(inner, parts, f"value.{field}.")
    try:
        fields = json.dumps(rescued, ensure_ascii=False) if rescued else None
    except RecursionError:  # Nested so deeply that it is read but not written again.
        return JsonLine(UNROUTED, envelope, None, None)
    return JsonLine(feed.table, envelope, payload, fields)


def unknown(fields: JsonObject, known: frozenset[str], prefix: str) -> JsonObject:
    """Return the fields that are not known, by path, as in `value.address.country`."""
    if fields.keys() <= known:
        return {}
    return {prefix + name: value for name, value in fields.items() if name not in known}


def json_object(text: bytes | str) -> JsonObject | None:
    """Read a JSON object; None if the text is not one, or not UTF-8."""
    try:
        value = decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        value = rare_json(text)
    return value if type(value) is dict else None


def rare_json(text: bytes | str) -> object:
    """Read what is JSON by the standard but not for msgspec, such as 1e999 and half a surrogate.

    Return None if it is no JSON; U+FFFD stands for what no text can hold.
    """

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def whole(digits: str) -> int | float:
        return int(digits) if len(digits) < 20 else float(digits)

    try:
        characters = text.decode() if isinstance(text, bytes) else text
        value = json.loads(characters, parse_int=whole, parse_constant=refuse)
        return without_surrogates(value)
    except (ValueError, RecursionError):
        return None


def without_surrogates(value: Any) -> Any:
    """Replace halves of surrogates in all texts of a JSON value."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(name): without_surrogates(v) for name, v in value.items()}
    return value
