"""The landing folder as the reference reads it: files to lines, and lines to rows or refusals."""

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Rows = list[Row]

PROFILE = ("dob", "sex", "gender", "first_name", "last_name")
ADDRESS = ("street_address", "city", "state", "zip")
SESSION = ("user_id", "workout_id", "session_id")
CSV_FIELDS = {
    "registered_users_bz": {"user_id", "device_id", "mac_address", "registration_timestamp"},
    "gym_logins_bz": {"mac_address", "gym", "login", "logout"},
}
FEED_OF_TOPIC = {"user_info": "user_info_bz", "workout": "workouts_bz", "bpm": "heart_rate_bz"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_10000 = 253402300800  # its first epoch second
DECIMAL_TEXT = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
INTEGER_TEXT = re.compile(r"[+-]?[0-9]+")


class RefusedError(Exception):
    """A line that goes to quarantine; its only argument is the reason."""


class Number(str):
    """The text of a number: a JSON number, or a CSV value that reads as a decimal number."""


@dataclass(frozen=True)
class Line:
    """One landed line: its feed, its text, its fields (None if malformed), its Kafka envelope.

    `named` tells apart equal lines whose fields differ: a CSV file's header names the fields.
    """

    feed: str
    raw: str
    fields: Row | None
    envelope: Row = field(default_factory=dict)
    named: tuple[tuple[str, str], ...] = ()


# --- Files to lines -----------------------------------------------------------------------------


def files_lines(folder: Path) -> Iterator[list[str]]:
    """Return each file's lines that are not blank, without line ends and byte order mark."""
    for path in sorted(folder.iterdir() if folder.is_dir() else []):
        if not path.name.startswith((".", "_")):
            text = path.read_text(encoding="utf-8-sig", errors="replace")  # CRLF becomes LF
            yield [line for line in text.split("\n") if line.strip()]


def csv_values(line: str) -> list[str]:
    """Return a line's values; an empty list if its quotes do not match."""
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        return []


def csv_feed(landing: Path, feed: str) -> Iterator[Line]:
    for lines in files_lines(landing / feed):
        names = [name.strip().lower() for line in lines[:1] for name in csv_values(line)]
        if not CSV_FIELDS[feed] & set(names):
            yield from (Line(feed, raw, None) for raw in lines)
            continue
        for raw in lines[1:]:
            values = csv_values(raw)
            if len(values) != len(names):
                yield Line(feed, raw, None)
                continue
            texts = dict(zip(names, values, strict=True))
            fields = {n: Number(t) if DECIMAL_TEXT.fullmatch(t) else t for n, t in texts.items()}
            yield Line(feed, raw, fields, named=tuple(sorted(texts.items())))


def json_object(text: str) -> Row | None:
    """Read a JSON object by RFC 8259, its numbers as Number; None for anything else."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        value = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def multiplex_feed(landing: Path) -> Iterator[Line]:
    for raw in (raw for lines in files_lines(landing / "kafka_multiplex_bz") for raw in lines):
        envelope = json_object(raw) or {}
        topic, value = envelope.get("topic"), envelope.get("value")
        if not is_text(topic) or topic not in FEED_OF_TOPIC:
            yield Line("unrouted_bz", raw, None)
            continue
        payload = json_object(value) if isinstance(value, str) and is_text(value) else value
        fields = payload if isinstance(payload, dict) else None
        yield Line(FEED_OF_TOPIC[topic], raw, fields, envelope)


# --- Lines to values: each parser raises the first reason that applies --------------------------


def decimal_of(number: str) -> Decimal:
    try:
        return Decimal(number)
    except InvalidOperation:  # an exponent beyond even Decimal's: zero or infinite
        return Decimal(float(number))


def integer(fields: Row, name: str) -> int:
    """Return a 64-bit integer; a JSON 1.0 or "1" is not one."""
    value = fields.get(name)
    if isinstance(value, Number) and INTEGER_TEXT.fullmatch(value.strip()):
        number = decimal_of(value)
        if -(2**63) <= number < 2**63:
            return int(number)
    raise RefusedError("missing_key")


def number(fields: Row, name: str) -> Decimal:
    value = fields.get(name)
    if isinstance(value, Number):
        return decimal_of(value)
    raise RefusedError("missing_key")


def mac(fields: Row) -> str:
    """Return the mac address; any text that is not blank, also one like a number."""
    value = str(fields.get("mac_address", ""))
    if value.strip():
        return value
    raise RefusedError("missing_key")


def instant(seconds: Decimal) -> datetime:
    """Return the UTC instant of epoch seconds, to the microsecond."""
    require(0 <= seconds < YEAR_10000)
    micros = int(seconds.scaleb(6).to_integral_value(ROUND_HALF_EVEN))
    require(micros < YEAR_10000 * 10**6)
    return EPOCH + timedelta(microseconds=micros)


def require(condition: bool) -> None:
    if not condition:
        raise RefusedError("bad_value")


def registration(_: Line, fields: Row) -> Row:
    ids = {name: integer(fields, name) for name in ("user_id", "device_id")}
    mac_address, seconds = mac(fields), number(fields, "registration_timestamp")
    require(min(ids.values()) >= 0)
    return {**ids, "mac_address": mac_address, "registered_at": instant(seconds)}


def visit(_: Line, fields: Row) -> Row:
    mac_address, gym, seconds = mac(fields), integer(fields, "gym"), number(fields, "login")
    require(gym >= 0)
    login, logout, text = instant(seconds), None, str(fields.get("logout", ""))
    if text.strip():
        require(DECIMAL_TEXT.fullmatch(text) is not None)
        logout = instant(decimal_of(text))
        require(logout >= login)
    return {"mac_address": mac_address, "gym": gym, "login": login, "logout": logout}


def date_of_birth(text: object) -> date | None:
    if not isinstance(text, str) or not re.fullmatch("[0-9]{2}/[0-9]{2}/[0-9]{4}", text):
        return None
    try:
        return date(int(text[6:]), int(text[:2]), int(text[3:5]))
    except ValueError:
        return None


def profile_event(line: Line, fields: Row) -> Row:
    """Return what a user's profile becomes (None when deleted), when, and its rank then."""
    user_id, seconds = integer(fields, "user_id"), number(fields, "timestamp")
    kinds, kind = ("new", "update", "delete"), fields.get("update_type")
    require(kind in kinds and user_id >= 0)
    address = fields.get("address")
    parts = ((PROFILE, fields), (ADDRESS, address if isinstance(address, dict) else {}))
    given = {name: part.get(name) for names, part in parts for name in names}
    profile: Row = {n: str(v) if isinstance(v, str) else None for n, v in given.items()}
    profile["dob"] = date_of_birth(given["dob"])
    return {
        "user_id": user_id,
        "updated_at": instant(seconds),
        "rank": (kinds.index(str(kind)), line.raw),
        "profile": None if kind == "delete" else profile,
    }


def workout_event(_: Line, fields: Row) -> Row:
    ids = {name: integer(fields, name) for name in SESSION}
    seconds, action = number(fields, "timestamp"), fields.get("action")
    if not is_text(action) or not action:
        raise RefusedError("missing_key")
    require(action in ("start", "stop") and min(ids.values()) >= 0)
    return {**ids, "action": action, "event_time": instant(seconds)}


def reading(line: Line, fields: Row) -> Row:
    device_id, seconds = integer(fields, "device_id"), number(fields, "time")
    rate = fields.get("heartrate")
    require(device_id >= 0 and isinstance(rate, Number))
    heartrate, rank = float(str(rate)), []
    for read, name in ((number, "timestamp"), (integer, "offset")):
        try:
            rank.append(Decimal(read(line.envelope, name)))
        except RefusedError:
            rank.append(Decimal("-Infinity"))  # NULL is oldest
    key = {"device_id": device_id, "event_time": instant(seconds)}
    return {**key, "heartrate": heartrate, "rank": (*rank, heartrate)}


class Intake:
    """Parses the feeds' lines, and keeps the refused ones as quarantine rows."""

    def __init__(self) -> None:
        self.refused: dict[tuple[object, ...], Row] = {}

    def accepted(
        self,
        lines: Iterable[Line],
        parse: Callable[[Line, Row], Row],
        known: tuple[str, Collection[object], str] | None = None,
    ) -> Rows:
        """Return the rows of the lines not refused; `known` is (column, known values, reason)."""
        rows = []
        for line in lines:
            try:
                if line.fields is None:
                    raise RefusedError("malformed")
                row = parse(line, line.fields)
                if known and row[known[0]] not in known[1]:
                    raise RefusedError(known[2])
                rows.append(row)
            except RefusedError as error:
                refusal = {"feed": line.feed, "reason": error.args[0], "raw": line.raw}
                self.refused[line.feed, line.named, line.raw] = refusal
        return rows
