"""Records of the five feeds as lines of landing files."""

import csv
import io
import json
from collections.abc import Mapping

from python_ingest import feeds

MULTIPLEX = feeds.MULTIPLEX
REGISTERED_USERS = "registered_users_bz"
GYM_LOGINS = "gym_logins_bz"

REGISTERED_USERS_HEADER = ("user_id", "device_id", "mac_address", "registration_timestamp")
GYM_LOGINS_HEADER = ("mac_address", "gym", "login", "logout")
CSV_HEADERS: Mapping[str, tuple[str, ...]] = {
    REGISTERED_USERS: REGISTERED_USERS_HEADER,
    GYM_LOGINS: GYM_LOGINS_HEADER,
}

USER_INFO = "user_info"
WORKOUT = "workout"
BPM = "bpm"


def json_text(value: object) -> str:
    """Return `value` as strict JSON on one line; ValueError on NaN and infinities."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def multiplex_line(
    topic: str,
    value: Mapping[str, object] | str,
    *,
    key: str,
    partition: int,
    offset: int,
    timestamp: float,
) -> str:
    """Return one line of the multiplex feed, with its line end.

    `value` is the payload as an object, or as a JSON text, and lands as given; `timestamp` is the
    broker's, in epoch seconds.
    """
    record = {
        "key": key,
        "value": value,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
    }
    return json_text(record) + "\n"


def csv_line(*fields: object) -> str:
    """Return one CSV line with its line end; None is an empty field."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(fields)
    return buffer.getvalue()


def mac_address(bits: int) -> str:
    """Return the 48 lowest `bits` as a mac address out of the locally administered range."""
    octets = (bits & (2**48 - 1)).to_bytes(6, "big")
    return bytes([octets[0] & 0xFC | 0x02, *octets[1:]]).hex(":")
