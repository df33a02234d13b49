"""Random lines to land: values with few different instants and numbers, plain or spoilt."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

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
class Record:
    """One line for a file of `folder`; `header` is its CSV file's, None in the multiplex feed."""

    folder: str
    header: str | None
    line: str


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


# --- Lines ------------------------------------------------------------------------------------


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
