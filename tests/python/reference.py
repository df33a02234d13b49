"""What silver and gold must hold, computed in plain Python from the landing folder alone.

It follows the tables' contract sentence by sentence and shares no code with the project: a bug goes
unnoticed only if it is in both. It reads everything at once and is not fast.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import chain, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Rows = list[Row]

PROFILE = ("dob", "sex", "gender", "first_name", "last_name")
ADDRESS = ("street_address", "city", "state", "zip")
SESSION = ("user_id", "workout_id", "session_id")
# Each table's key | its other columns, but for lineage. In quarantine the key stands in for row_id
# and is not unique: one raw line under two headers is two rows.
COLUMNS = {
    "users": "user_id device_id | registered_at mac_address",
    "device_assignments": "device_id valid_from | valid_to user_id mac_address registered_at",
    "mac_assignments": "mac_address valid_from | valid_to user_id device_id",
    "user_profile": " ".join(("user_id |", *PROFILE, *ADDRESS, "updated_at")),
    "user_profile_history": " ".join(
        ("user_id valid_from | valid_to is_current", *PROFILE, *ADDRESS, "updated_at")
    ),
    "workouts": "user_id workout_id session_id action event_time |",
    "workout_sessions": "user_id workout_id session_id | start_time end_time state",
    "completed_workouts": "user_id workout_id session_id | start_time end_time",
    "heart_rate": "device_id event_time | event_date user_id heartrate is_valid",
    "gym_logs": "mac_address gym login | logout user_id",
    "quarantine": "feed raw | reason",
    "workout_bpm_summary": "user_id workout_id session_id"
    " | age gender city state min_bpm avg_bpm max_bpm num_recordings",
    "gym_summary": "mac_address gym login workout_id session_id"
    " | date minutes_in_gym minutes_exercising",
}
KEYS = {table: tuple(names.split("|")[0].split()) for table, names in COLUMNS.items()}
SCHEMA = {table: tuple(names.replace("|", " ").split()) for table, names in COLUMNS.items()}

GYM_TIME_ZONES = dict.fromkeys(range(1, 11), "America/Los_Angeles")
CSV_FIELDS = {
    "registered_users_bz": {"user_id", "device_id", "mac_address", "registration_timestamp"},
    "gym_logins_bz": {"mac_address", "gym", "login", "logout"},
}
FEED_OF_TOPIC = {"user_info": "user_info_bz", "workout": "workouts_bz", "bpm": "heart_rate_bz"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
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


# --- Landing: files to lines ------------------------------------------------------------------


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


# --- Silver -----------------------------------------------------------------------------------


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], Rows]:
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def one_by_key(table: str, rows: Iterable[Row], choose: Callable[[Rows], Row]) -> Rows:
    return [choose(group) for group in grouped(rows, *KEYS[table]).values()]


def ownerships(registrations: Rows, of: str, *ties: str) -> dict[object, Rows]:
    """Return each device's or mac's ownerships in order; only another user ends one."""
    owned: dict[object, Rows] = {}
    for (thing,), group in grouped(registrations, of).items():
        began: Rows = []
        for row in sorted(group, key=itemgetter("registered_at", "user_id", *ties)):
            if not began or began[-1]["user_id"] != row["user_id"]:
                began.append(row)
        instants = [BEGINNING, *(row["registered_at"] for row in began[1:]), None]
        owned[thing] = [
            {**row, "valid_from": start, "valid_to": end}
            for row, (start, end) in zip(began, pairwise(instants), strict=True)
            if start != end
        ]
    return owned


def owner(owned: Rows, time: datetime) -> int:
    """Return the owner at `time`: the last whose ownership began by then, as there are no gaps."""
    user_id: int = [row["user_id"] for row in owned if row["valid_from"] <= time][-1]
    return user_id


def profile_versions(events: Rows) -> Rows:
    versions: Rows = []
    for (user_id,), group in grouped(events, "user_id").items():
        state: Row | None = None
        for (time,), rivals in sorted(grouped(group, "updated_at").items()):
            profile = max(rivals, key=lambda event: event["rank"])["profile"]
            if profile == state:
                continue
            if state is not None:
                versions[-1] |= {"valid_to": time, "is_current": False}
            if profile is not None:
                span = {"valid_from": time, "valid_to": None, "is_current": True}
                versions.append({"user_id": user_id, **span, **profile, "updated_at": time})
            state = profile
    return versions


def session(events: Rows, longest: timedelta) -> Row:
    starts, stops = (
        [event["event_time"] for event in events if event["action"] == action]
        for action in ("start", "stop")
    )
    start = min(starts, default=None)
    end = min((stop for stop in stops if start is None or stop >= start), default=None)
    if start is None:
        state = "orphan_stop"
    elif end is None:
        state = "open"
    else:
        state = "overlong" if end - start > longest else "completed"
    key = {name: events[0][name] for name in SESSION}
    return {**key, "start_time": start, "end_time": end, "state": state}


# --- Gold -------------------------------------------------------------------------------------


def bpm_summary(workout: Row, profile: Row, readings: Rows) -> Row:
    """Return the summary of a completed workout from all heart_rate rows of its user."""
    start, end, born = workout["start_time"], workout["end_time"], profile.get("dob")
    bpm = [r["heartrate"] for r in readings if r["is_valid"] and start <= r["event_time"] < end]
    day = start.date()
    before_birthday = born and (day.month, day.day) < (born.month, born.day)
    return {
        **workout,
        "age": day.year - born.year - bool(before_birthday) if born else None,
        **{name: profile.get(name) for name in ("gender", "city", "state")},
        "min_bpm": min(bpm, default=None),
        "avg_bpm": sum(bpm) / len(bpm) if bpm else None,
        "max_bpm": max(bpm, default=None),
        "num_recordings": len(bpm),
    }


def minutes(length: timedelta) -> float:
    """Return minutes to 2 decimals, half up, by whole numbers: a hundredth is 600,000 us."""
    return (length // timedelta(microseconds=1) + 300_000) // 600_000 / 100


def gym_rows(visited: Row, workouts: Rows, zone: ZoneInfo) -> Rows:
    """Return a closed visit's rows from all completed workouts of its user."""
    login, logout = visited["login"], visited["logout"]
    row = {
        **visited,
        "date": login.astimezone(zone).date(),
        "minutes_in_gym": minutes(logout - login),
        "minutes_exercising": 0.0,
    }
    rows = []
    for workout in workouts:
        shared = min(logout, workout["end_time"]) - max(login, workout["start_time"])
        if shared > timedelta(0):
            rows.append({**row, **workout, "minutes_exercising": minutes(shared)})
    return rows or [{**row, "workout_id": None, "session_id": None}]


# --- All tables -------------------------------------------------------------------------------


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


def tables(
    landing: Path,
    *,
    heart_rate_min: float = 30,
    heart_rate_max: float = 230,
    max_session_hours: float = 3,
    gym_time_zones: Mapping[int, str] = GYM_TIME_ZONES,
    default_time_zone: str = "UTC",
) -> dict[str, list[dict[str, object]]]:
    """Return every silver and gold table of the records in `landing`, with the columns of SCHEMA.

    Instants are aware and in UTC; quarantine has a row for each distinct feed, fields by name and
    raw line. Raises OSError when the folder cannot be read.
    """
    read = Intake()
    registrations = read.accepted(csv_feed(landing, "registered_users_bz"), registration)
    users = {row["user_id"] for row in registrations}
    devices = ownerships(registrations, "device_id", "mac_address")
    macs = ownerships(registrations, "mac_address", "device_id")
    of_feed: dict[str, list[Line]] = defaultdict(list)
    for line in multiplex_feed(landing):
        of_feed[line.feed].append(line)
    read.accepted(of_feed["unrouted_bz"], registration)  # all are malformed: none is parsed
    history = profile_versions(read.accepted(of_feed["user_info_bz"], profile_event))
    known_user, known_mac = ("user_id", users, "unknown_user"), ("mac_address", macs, "unknown_mac")
    known_device = ("device_id", devices, "unknown_device")
    events = read.accepted(of_feed["workouts_bz"], workout_event, known_user)
    readings = read.accepted(of_feed["heart_rate_bz"], reading, known_device)
    visits = read.accepted(csv_feed(landing, "gym_logins_bz"), visit, known_mac)

    longest = timedelta(hours=max_session_hours)
    sessions = [session(group, longest) for group in grouped(events, *SESSION).values()]
    completed = [row for row in sessions if row["state"] == "completed"]
    heart_rate = one_by_key("heart_rate", readings, lambda g: max(g, key=itemgetter("rank")))
    for row in heart_rate:
        row["event_date"] = row["event_time"].date()
        row["user_id"] = owner(devices[row["device_id"]], row["event_time"])
        row["is_valid"] = heart_rate_min <= row["heartrate"] <= heart_rate_max
    gym_logs = one_by_key(
        "gym_logs", visits, lambda g: max(g, key=lambda row: row["logout"] or BEGINNING)
    )
    for row in gym_logs:
        row["user_id"] = owner(macs[row["mac_address"]], row["login"])
    profiles = [row for row in history if row["is_current"]]

    profile_of = {row["user_id"]: row for row in profiles}
    readings_of = grouped(heart_rate, "user_id")
    bpm_rows = [
        bpm_summary(row, profile_of.get(row["user_id"], {}), readings_of[row["user_id"],])
        for row in completed
    ]
    workouts_of = grouped(completed, "user_id")
    visit_rows = []
    for row in gym_logs:
        zone = ZoneInfo(gym_time_zones.get(row["gym"], default_time_zone))
        if row["logout"] is not None:
            visit_rows += gym_rows(row, workouts_of[row["user_id"],], zone)
    made: dict[str, Iterable[Row]] = {
        "users": one_by_key(
            "users", registrations, lambda g: min(g, key=itemgetter("registered_at", "mac_address"))
        ),
        "device_assignments": chain(*devices.values()),
        "mac_assignments": chain(*macs.values()),
        "user_profile": profiles,
        "user_profile_history": history,
        "workouts": one_by_key("workouts", events, lambda g: g[0]),
        "workout_sessions": sessions,
        "completed_workouts": completed,
        "heart_rate": heart_rate,
        "gym_logs": gym_logs,
        "quarantine": read.refused.values(),
        "workout_bpm_summary": bpm_rows,
        "gym_summary": visit_rows,
    }
    return {
        table: [{name: row[name] for name in SCHEMA[table]} for row in rows]
        for table, rows in made.items()
    }
