"""Small random worlds for property tests: records to land, in batches, with few ids and instants.

So keys collide, ties happen and intervals touch. Each part of a world is a list of short stories (a
few records each), so hypothesis shrinks a failing world by leaving stories out. Worlds of different
numbers share no user, device or mac address, so that one lakehouse can hold many.
"""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import hypothesis
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

BATCHES = 6
START = 1767657300  # 2026-01-05 23:55 UTC, five minutes before midnight
# Seconds after START: midnight UTC is 300, midnight in Los Angeles 29,100. Two that are more than
# 3 hours apart make an overlong session.
INSTANTS = (
    *(0, 60, 299.5, 299.999999, 300, 300.000001, 300.3, 420.25, 900),
    *(10800, 10800.000001, 11100, 14400, 29099.5, 29100, 32400),
)
REGISTERED_USERS = "registered_users_bz"
GYM_LOGINS = "gym_logins_bz"
MULTIPLEX = "kafka_multiplex_bz"
UNKNOWN_HEADER = "colour,size"
# The first of each is the plain one. The last one of GYM_LOGINS has no logout.
HEADERS = {
    REGISTERED_USERS: (
        "user_id,device_id,mac_address,registration_timestamp",
        "registration_timestamp,mac_address,device_id,user_id",
        '"User_Id", DEVICE_ID ,mac_address,Registration_Timestamp',
        "device_id,user_id,mac_address,registration_timestamp",
    ),
    GYM_LOGINS: (
        "mac_address,gym,login,logout",
        "logout,login,gym,mac_address",
        "Mac_Address,gym, login,logout",
        "gym,mac_address,login",
    ),
}

Payload = Mapping[str, str]  # JSON texts by name


@dataclass(frozen=True)
class Ids:
    """The users, devices and mac addresses of the world with a number."""

    number: int

    @property
    def users(self) -> tuple[int, ...]:
        """Return the ids of the users."""
        return tuple(100 * self.number + n for n in (1, 2, 3))

    @property
    def devices(self) -> tuple[int, ...]:
        """Return the ids of the devices that may be registered; one more never is."""
        return tuple(100 * self.number + n for n in (11, 12, 13))

    @property
    def unknown_device(self) -> int:
        """Return the id of a device that nobody registers."""
        return 100 * self.number + 14

    @property
    def macs(self) -> tuple[str, ...]:
        """Return the mac addresses that may be registered."""
        return tuple(f"aa:{user:02}" for user in self.users)

    @property
    def unknown_mac(self) -> str:
        """Return a mac address that nobody registers."""
        return f"ff:{self.number:02}"


@dataclass(frozen=True)
class Record:
    """One line for a file of `folder`; `header` is its CSV file's, None in the multiplex feed."""

    folder: str
    header: str | None
    line: str


@dataclass(frozen=True)
class Batch:
    """What lands together: records by index, in file order, and how the files are written."""

    records: tuple[int, ...]
    byte_order_mark: bool
    line_end: str


@dataclass(frozen=True)
class World:
    """Records, and the batches that they land in, some more than once."""

    number: int
    records: tuple[Record, ...]
    batches: tuple[Batch, ...]

    def write(self, batch_index: int, landing: Path) -> list[Path]:
        """Land a batch: a file for each folder and header, whole and under a new name."""
        batch = self.batches[batch_index]
        files: dict[tuple[str, str | None], list[str]] = defaultdict(list)
        for record in (self.records[index] for index in batch.records):
            files[record.folder, record.header].append(record.line)
        paths = []
        for number, ((folder, header), lines) in enumerate(files.items()):
            suffix = "json" if header is None else "csv"
            path = landing / folder / f"{batch_index:02}-{number:02}-{uuid4().hex}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = batch.line_end.join([*([] if header is None else [header]), *lines, ""])
            partial = path.with_name(f".{path.name}")
            partial.write_bytes(("\ufeff" * batch.byte_order_mark + text).encode())
            paths.append(partial.rename(path))
        return paths

    def write_all(self, landing: Path) -> None:
        """Land all batches."""
        for batch in range(len(self.batches)):
            self.write(batch, landing)

    def has(self, row: Mapping[str, object]) -> bool:
        """Return whether a row of a silver or gold table is of this world."""
        if "raw" in row:  # Equal lines of two worlds are one row of quarantine, of both.
            return row["raw"] in {record.line for record in self.records}
        things = ("user_id", "device_id", "mac_address")
        name = next(name for name in things if row.get(name) is not None)
        ids = Ids(self.number)
        known = {
            "user_id": ids.users,
            "device_id": ids.devices,
            "mac_address": ids.macs,
        }
        return row[name] in known[name]

    def describe(self) -> str:
        """Return the world as text: each record with the batches that it is in."""
        lines = [f"World {self.number}, {len(self.records)} records in {BATCHES} batches"]
        for index, record in enumerate(self.records):
            batches = [n for n, batch in enumerate(self.batches) if index in batch.records]
            header = "" if record.header is None else f" ({record.header})"
            lines.append(f"  {batches} {record.folder}{header}: {record.line}")
        for number, batch in enumerate(self.batches):
            mark = " with byte order mark" if batch.byte_order_mark else ""
            lines.append(f"  batch {number}: {list(batch.records)} {batch.line_end!r}{mark}")
        return "\n".join(lines)


# --- Values -----------------------------------------------------------------------------------


def decimal_text(seconds: float, form: int = 0) -> str:
    """Return START + `seconds` as a number text to the microsecond, in one of three forms."""
    micros = START * 10**6 + round(seconds * 10**6)
    whole, part = divmod(micros, 10**6)
    if form == 2:
        return f"{micros}e-6"
    if part == 0 and form == 0:
        return str(whole)
    return f"{whole}.{part:06}" if part == 0 or form else f"{whole}.{part:06}".rstrip("0")


seconds = st.sampled_from(INSTANTS)
forms = st.sampled_from((0, 0, 0, 0, 0, 1, 2))
instants = st.builds(decimal_text, seconds, forms)
rates = st.sampled_from(
    ("72", "72.0", "60.5", "180", "95", "101", "30", "230", "29.9", "230.1", "0", "-5", "1e3")
)
small_ids = st.sampled_from((1, 2))
SPOILT = {
    *("user_id", "workout_id", "session_id", "device_id", "timestamp", "time"),
    *("action", "update_type", "heartrate"),
}
WORDS = ("null", '""', '"jump"', '"Start"', '"New"', "1", "[]")  # in place of action, update_type
WRONG = ("null", '"1"', "true", "[]", "{}", '""')
BAD_NUMBERS = ("-1", "1.0", "-0.5", "9223372036854775808", "253402300800", "1e30", "1e400")
WRONG_CSV = ("", "x", "NaN", "1.0", "-1", "9223372036854775808", "253402300800", "1e400", "1e")


def json_object(texts: Payload) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- Stories: a few records each ----------------------------------------------------------------


@st.composite
def registrations(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw a registration: of three users, devices and macs, so things are passed on and back."""
    values = {
        "user_id": str(draw(st.sampled_from(ids.users))),
        "device_id": str(draw(st.sampled_from(ids.devices))),
        "mac_address": draw(st.sampled_from(ids.macs)),
        "registration_timestamp": draw(instants),
    }
    return [draw(csv_records(REGISTERED_USERS, values, spoil))]


@st.composite
def visits(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw a visit: open, perhaps closed, perhaps corrected or impossible."""
    values = {
        "mac_address": draw(st.sampled_from((*ids.macs, ids.unknown_mac))),
        "gym": str(draw(st.sampled_from((1, 2, 99)))),
        "login": draw(instants),
    }
    logouts = draw(st.lists(st.one_of(st.just(""), instants), min_size=1, max_size=3))
    return [draw(csv_records(GYM_LOGINS, values | {"logout": out}, spoil)) for out in logouts]


@st.composite
def csv_records(draw: st.DrawFn, folder: str, values: Mapping[str, str], spoil: bool) -> Record:
    header = draw(st.sampled_from(HEADERS[folder]))
    how = draw(
        st.sampled_from(("value", "value", "more", "fewer", "unknown header") * spoil or [""])
    )
    if how == "value":
        name = draw(st.sampled_from(sorted(values)))
        values = {**values, name: "" if name == "mac_address" else draw(st.sampled_from(WRONG_CSV))}
    names = (name.strip().lower() for name in next(csv.reader([header])))
    quote = '"' if draw(st.booleans()) else ""
    line = ",".join(f"{quote}{values.get(name, '')}{quote}" for name in names)
    line = {"more": f"{line},7", "fewer": line.split(",")[0]}.get(how, line)
    return Record(folder, UNKNOWN_HEADER if how == "unknown header" else header, line)


@st.composite
def messages(draw: st.DrawFn, topic: str, payload: Payload, spoil: bool = False) -> Record:
    """Draw the envelope of a payload, which is an object or its text; or a spoilt one."""
    value = json_object(payload)
    if spoil:
        lax = (value.replace('"', "'"), value[:-1], value + "]", value[:-1] + ",}")
        no_object = ("null", "7", "[]", '""', '"NaN"', '"[1]"', '"{} x"')
        not_a_number = json_object({**payload, "note": "NaN"})
        spoilt = spoilt_payloads(payload).map(json_object)
        malformed = st.sampled_from((*no_object, *map(text, (*lax, not_a_number))))
        value = draw(st.one_of(spoilt, spoilt, malformed))
    if value.startswith("{") and draw(st.booleans()):
        value = text(value)
    envelope = {
        "key": text(draw(st.sampled_from(("a", None)))),
        "value": value,
        "topic": text(topic),
        "partition": "0",
        "offset": draw(st.sampled_from(("0", "1", "10", "9", "null"))),
        "timestamp": draw(st.one_of(st.just("null"), instants)),
    }
    broken = draw(st.sampled_from((*("",) * 6, "name", "value", "line"))) if spoil else ""
    if broken == "name":
        envelope["topic"] = draw(st.sampled_from(("null", '"BPM"', "1", '"weather"')))
    elif broken == "value":
        del envelope["value"]
    line = json_object(envelope)
    if broken == "line":
        lax_lines = (line[:-1], line.replace('"', "'"), line[:-1] + ', "note": NaN}')
        line = draw(st.sampled_from((*lax_lines, "[1]", "7")))
    return Record(MULTIPLEX, None, line)


@st.composite
def spoilt_payloads(draw: st.DrawFn, payload: Payload) -> Payload:
    """Draw the payload with a field missing or not as it should be, or with a name twice."""
    name = draw(st.sampled_from([name for name in payload if name in SPOILT]))
    others = {other: value for other, value in payload.items() if other != name}
    choices = WORDS if name in ("action", "update_type") else (*WRONG, *BAD_NUMBERS)
    wrong = draw(st.sampled_from(("absent", "twice", *choices)))
    if wrong == "absent":
        return others
    if wrong == "twice":  # the last of two equal names counts
        return {name: f"7, {text(name)}: {payload[name]}", **others}
    return {name: wrong, **others}


@st.composite
def profiles(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw profile events of a user: out of order, at equal instants, deleted and made again."""
    user_id = str(draw(st.sampled_from(ids.users)))
    records = []
    for kind in draw(
        st.lists(st.sampled_from(("new", "update", "delete")), min_size=1, max_size=3)
    ):
        payload = {"user_id": user_id, "update_type": text(kind), "timestamp": draw(instants)}
        if kind != "delete" or draw(st.booleans()):
            address = {"city": draw(st.sampled_from(('"Oslo"', '"Ob, \\"x\\""'))), "state": "null"}
            payload["dob"] = text(draw(st.sampled_from(DATES)))
            payload["gender"] = draw(st.sampled_from(('"F"', '"M"', "null", '""')))
            payload["first_name"] = draw(st.sampled_from(('"Åsa"', '"Bo"')))
            address["zip"] = draw(st.sampled_from(('"02139"', "94110")))
            payload["address"] = draw(st.sampled_from((json_object(address), "null")))
        records.append(draw(messages("user_info", payload, spoil)))
    return records


DATES = (
    *("01/05/1990", "01/06/1990", "02/29/2004", "02/29/2023", "12/31/1999"),
    *("13/01/1990", "1990-01-05", "", None),
)


@st.composite
def workouts(draw: st.DrawFn, ids: Ids, spoil: bool = False) -> list[Record]:
    """Draw a session's starts and stops, in any order, with readings at and about them."""
    session = {
        "user_id": str(draw(st.sampled_from(ids.users))),
        "workout_id": str(draw(small_ids)),
        "session_id": str(draw(small_ids)),
    }
    at = draw(st.lists(st.tuples(st.booleans(), instants), min_size=1, max_size=4))
    records = []
    for is_stop, time in at:
        action = text("stop" if is_stop else "start")
        payload = {**session, "timestamp": time, "action": action}
        records.append(draw(messages("workout", payload, spoil)))
    for time in draw(st.lists(st.sampled_from([time for _, time in at]), max_size=2)):
        records += draw(readings(ids, times=st.just(time)))
    return records


@st.composite
def readings(
    draw: st.DrawFn, ids: Ids, spoil: bool = False, times: st.SearchStrategy[str] = instants
) -> list[Record]:
    """Draw readings of one device and instant, which differ in value, offset and sending time."""
    device_id = draw(st.sampled_from((*ids.devices, *ids.devices, ids.unknown_device)))
    payload = {"device_id": str(device_id), "time": draw(times)}
    values = draw(st.lists(rates, min_size=1, max_size=3))
    return [draw(messages("bpm", payload | {"heartrate": rate}, spoil)) for rate in values]


@st.composite
def trainings(draw: st.DrawFn, ids: Ids) -> list[Record]:
    """Draw a user's workout with a device and a mac of their own, mostly during a visit."""
    user, device, mac = (
        draw(st.sampled_from(things)) for things in (ids.users, ids.devices, ids.macs)
    )
    owned = {"user_id": str(user), "device_id": str(device), "mac_address": str(mac)}
    session = {"user_id": str(user), "workout_id": str(draw(small_ids)), "session_id": "1"}
    # In order of time; equal ones make intervals of zero length.
    a, b, c, d = (decimal_text(s) for s in sorted(draw(st.tuples(*[seconds] * 4))))
    login, start, stop, logout = draw(st.sampled_from([(a, b, c, d), (b, a, c, d), (a, b, d, c)]))
    registered = owned | {"registration_timestamp": draw(instants)}
    visit = {"mac_address": str(mac), "gym": "1", "login": login, "logout": logout}
    records = [
        draw(csv_records(REGISTERED_USERS, registered, False)),
        draw(csv_records(GYM_LOGINS, visit, False)),
        draw(messages("workout", {**session, "timestamp": start, "action": text("start")})),
        draw(messages("workout", {**session, "timestamp": stop, "action": text("stop")})),
    ]
    for time in draw(st.lists(st.sampled_from([start, start, b, c, stop]), max_size=3)):
        reading = {"device_id": str(device), "time": time, "heartrate": draw(rates)}
        records.append(draw(messages("bpm", reading)))
    return records


# --- Worlds -----------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn, number: int = 0) -> World:
    """Draw a world of some forty records."""
    ids = Ids(number)
    kinds: Iterable[Any] = (registrations, profiles, workouts, readings, visits)
    stories = [st.lists(kind(ids), max_size=10) for kind in (*kinds, trainings)]
    spoilt = st.one_of([kind(ids, spoil=True) for kind in kinds])
    stories.append(st.lists(spoilt, max_size=10))
    records = tuple(r for part in stories for story in draw(part) for r in story)
    landed: Sequence[list[tuple[int, int]]] = [[] for _ in range(BATCHES)]
    slots = st.lists(st.integers(0, 16 * BATCHES - 1), min_size=1, max_size=3)
    for index in range(len(records)):
        for slot in draw(slots):
            landed[slot // 16].append((slot % 16, index))
    line_ends = st.sampled_from(("\n", "\n", "\r\n", "\n\n"))
    batches = [
        Batch(tuple(index for _, index in sorted(batch)), draw(st.booleans()), draw(line_ends))
        for batch in landed
    ]
    return World(number, records, tuple(batches))


def world_from_seed(seed: int) -> World:
    """Return the largest of four worlds drawn from a seed, which is its number too.

    It is the same for one version of hypothesis.
    """
    drawn: list[World] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=4,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(worlds(seed))
    def draw(world: World) -> None:
        drawn.append(world)

    # Hypothesis also draws constants of the loaded modules; a world must depend on its seed only.
    with mock.patch.object(providers, "_get_local_constants", Constants):
        draw()
    return max(drawn, key=lambda world: len(world.records))


# --- Comparison -------------------------------------------------------------------------------


def same(expected: object, actual: object) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(expected, actual, rel_tol=1e-9)
    return expected == actual


def compare(
    expected_rows: Iterable[Mapping[str, object]],
    actual_rows: Iterable[Mapping[str, object]],
    key: Sequence[str],
) -> list[str]:
    """Return the differences as lines; none if every expected row is there, and no other.

    Columns that only the actual rows have are ignored. Several rows may share a key.
    """
    sides: dict[str, tuple[list[Mapping[str, object]], list[Mapping[str, object]]]] = {}
    for side, rows in enumerate((expected_rows, actual_rows)):
        for row in sorted(rows, key=lambda row: repr(sorted(row.items(), key=lambda i: i[0]))):
            name = ", ".join(f"{column}={row.get(column)!s}" for column in key)
            sides.setdefault(name, ([], []))[side].append(row)
    differences = []
    for name, (expected, actual) in sorted(sides.items()):
        # Equal rows first: what is left over differs, is missing or is unexpected.
        left = list(actual)
        for row in expected:
            equal = [o for o in left if all(same(v, o.get(c, ...)) for c, v in row.items())]
            if equal:
                left.remove(equal[0])
                continue
            if len(expected) > 1 or not left:
                differences.append(f"missing: {name} {dict(row)}")
                continue
            other = left.pop(0)
            changed = [
                f"{column} is {other.get(column, 'no column')!s}, expected {value!s}"
                for column, value in row.items()
                if not same(value, other.get(column, ...))
            ]
            differences.append(f"differs: {name}: {'; '.join(changed)}")
        differences += [f"unexpected: {name} {dict(row)}" for row in left]
    return differences
