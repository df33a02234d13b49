"""A lakehouse in which a person is forgotten whose device and mac address another user has now.

Everything in it is similar to the person: numbers, names, and times before and after.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from python_ingest.settings import Settings
from python_ingest.suppression import Span, Suppressions

USER, OTHER, DEVICE, MAC = 12, 13, 7, "aa:bb:cc:00:00:07"
HANDOVER = 1_767_600_000.0  # when device and mac address become those of the other user
NAME, STREET = "Annabel", "12 Long Street"
LONG, PASSED = 2**62 + 12, 2**61 + 12  # ids that say by themselves what they are
RECORD = Suppressions((b"a key of the tests",)).forget(
    [
        ("user", USER, Span()),
        ("device", DEVICE, Span(None, HANDOVER)),
        ("mac", MAC, Span(None, HANDOVER)),
        ("device", LONG, Span()),
        ("device", PASSED, Span(None, HANDOVER)),
        ("name", NAME, Span()),
        ("address", STREET, Span()),
    ]
)
Row = dict[str, Any]


def instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def message(topic: str, as_text: bool = True, **value: object) -> str:
    content = json.dumps(value) if as_text else value
    key = str(value.get("device_id") or value.get("user_id"))
    return json.dumps({"key": key, "value": content, "topic": topic, "offset": LONG})


def reading(time: float, device: int = DEVICE) -> str:
    return message("bpm", device_id=device, time=time, heartrate=12.0)


def workout(user: int) -> str:
    fields: Row = {
        "workout_id": USER,
        "session_id": DEVICE,
        "timestamp": HANDOVER,
        "action": "start",
    }
    return message("workout", user_id=user, **fields)


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def append(settings: Settings, table: str, *rows: Row, by: str | None = None) -> Path:
    """Append rows to a table; return its folder."""
    folder = settings.lakehouse.joinpath(*table.split("."))
    new = pa.Table.from_pylist([*rows])
    partitions = [by] if by else None
    write_deltalake(folder, new, mode="append", schema_mode="merge", partition_by=partitions)
    return folder


def bronze_reading(time: float, device: int = DEVICE) -> Row:
    return {"device_id": device, "time": time, "heartrate": 12.0, "_raw": reading(time, device)}


def visit(login: float) -> Row:
    raw = f"{MAC},{USER},{login},{login + 60}"
    return {"mac_address": MAC, "gym": USER, "login": login, "_is_malformed": False, "_raw": raw}


def quarantined(feed: str, reason: str, raw: str, record: Row | None = None) -> Row:
    pending = json.dumps(record) if record else None
    return {"row_id": "a", "feed": feed, "reason": reason, "raw": raw, "_record": pending or "{}"}


def write_parquet(path: Path, *rows: Row, **metadata: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([*rows])
    pq.write_table(table.replace_schema_metadata(metadata or None), path)


def passed_on(folder: Path) -> Settings:
    """Write the lakehouse; return its settings."""
    found = Settings(folder / "landing", folder / "lake house ü", archive=folder / "archive")
    later = HANDOVER + USER
    registration = {"user_id": OTHER, "device_id": DEVICE, "mac_address": MAC}
    raw = f"{OTHER},{DEVICE},{MAC},{HANDOVER}"
    landed = {"registration_timestamp": HANDOVER, "_is_malformed": False, "_raw": raw}
    append(found, "bronze.registered_users_bz", {**registration, **landed})
    append(found, "bronze.heart_rate_bz", bronze_reading(HANDOVER), bronze_reading(later, USER))
    append(found, "bronze.heart_rate_bz", bronze_reading(later, PASSED) | {"key": str(PASSED)})
    append(found, "bronze.gym_logins_bz", visit(HANDOVER))
    append(found, "silver.users", {**registration, "registered_at": instant(HANDOVER)})
    for time in (HANDOVER, later):
        key = {"device_id": DEVICE, "event_time": instant(time), "event_date": "2026-01-05"}
        row = {**key, "user_id": OTHER, "heartrate": 12.0}
        append(found, "silver.heart_rate", row, by="event_date")
    profile = {"user_id": OTHER, "first_name": NAME, "last_name": "Li", "street_address": STREET}
    append(found, "silver.user_profile", profile)
    numbers = {"workout_id": USER, "session_id": DEVICE, "minutes_in_gym": 12.0}
    append(found, "gold.gym_summary", {"mac_address": MAC, "login": instant(later), **numbers})
    append(
        found,
        "silver.quarantine",
        quarantined("gym_logins_bz", "bad_value", f"{MAC},{USER},{later},{HANDOVER}"),
        quarantined("heart_rate_bz", "bad_value", reading(later)),
        quarantined("registered_users_bz", "bad_value", f"{OTHER},{USER},m,{HANDOVER}"),
        quarantined("registered_users_bz", "malformed", f"{OTHER};x,y"),
    )
    multiplex = found.landing / "kafka_multiplex_bz"
    write(
        multiplex / "12.json",
        "\n".join([*(reading(HANDOVER, each) for each in (DEVICE, PASSED)), workout(OTHER)]),
    )
    header = "user_id,device_id,mac_address,registration_timestamp\n"
    write(found.landing / "registered_users_bz" / "12.csv", f"{header}{raw}\n")
    write(
        found.landing / "gym_logins_bz" / "12.csv",
        f"mac_address,gym,login,logout\n{MAC},{USER},{HANDOVER},{later}\n",
    )
    log = (
        "user_id in (112L, 120L) took 12 s, workout_id = 12, user 13, user_id = 13 and device 7\n"
        "user 12:30, user_id = 12.5, user_id >= 12, superuser=12, users: 12, device 7a, gym 12\n"
        "(user_id, workout_id) in (\n select * from values (13L, 12L), (14L, 12L)\n)\n"
    )
    write(folder / "logs" / "dbt.log", log)
    write(found.lakehouse / "checkpoints" / "bpm" / "offsets" / "12", 'v1\n{"logOffset":12}')
    write(found.lakehouse / "metastore" / "seg0" / "c12.dat", b"\0\x0c\0user_id\0\x0c12\0")
    return found


def commit(folder: Path, *actions: Row) -> None:
    """Commit actions to a table by hand."""
    log = folder / "_delta_log"
    version = len([*log.glob("*.json")])
    write(log / f"{version:020}.json", "\n".join(map(json.dumps, actions)))


def did(operation: str, **more: object) -> Row:
    return {"commitInfo": {"timestamp": 1_767_600_000_000, "operation": operation, **more}}


def removed_file(**least: object) -> list[Row]:
    """Return the actions that add a data file with statistics, which is gone, and remove it."""
    values = {name: str(value) if name == "time" else value for name, value in least.items()}
    statistics = json.dumps({"numRecords": 2, "minValues": values, "maxValues": values})
    file = {"path": "gone.parquet", "partitionValues": {}, "size": 1, "dataChange": True}
    added = {**file, "modificationTime": 1, "stats": statistics}
    return [{"add": added}, {"remove": {**file, "deletionTimestamp": 1}}]
