"""The landing contract: folders, fields and lines, and files that appear whole.

Every producer writes through this module, and the ingest takes the folder names from it.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

REGISTERED_USERS = "registered_users_bz"
GYM_LOGINS = "gym_logins_bz"
MULTIPLEX = "kafka_multiplex_bz"

REGISTERED_USERS_HEADER = ("user_id", "device_id", "mac_address", "registration_timestamp")
GYM_LOGINS_HEADER = ("mac_address", "gym", "login", "logout")
CSV_HEADERS: Mapping[str, tuple[str, ...]] = {
    REGISTERED_USERS: REGISTERED_USERS_HEADER,
    GYM_LOGINS: GYM_LOGINS_HEADER,
}

USER_INFO = "user_info"
WORKOUT = "workout"
BPM = "bpm"


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears at `path` only once it is complete and on disk.

    It is written beside `path` under a name beginning with "." (which file streams ignore), then
    renamed, replacing what was there. Missing folders are made. If the block raises, the file is
    removed and the exception goes on; raises OSError when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        # newline="" keeps line ends as written on every system.
        with partial.open("x", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def json_text(value: object) -> str:
    """Give `value` as strict JSON on one line; ValueError on NaN and infinities."""
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
    """Give one line of the multiplex feed, with its line end.

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
    """Give one CSV line with its line end; None is an empty field."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(fields)
    return buffer.getvalue()


def mac_address(bits: int) -> str:
    """Give the 48 lowest `bits` as a mac address out of the locally administered range."""
    octets = (bits & (2**48 - 1)).to_bytes(6, "big")
    return bytes([octets[0] & 0xFC | 0x02, *octets[1:]]).hex(":")
