"""Helpers of the reference's tests: lines to land, and values of its tables."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Tables = dict[str, list[dict[str, object]]]
Land = Callable[..., Tables]
T0 = 1767657300  # 2026-01-05 23:55 UTC
USERS = "user_id,device_id,mac_address,registration_timestamp\n"
GYMS = "mac_address,gym,login,logout\n"
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
ONE = USERS + f"1,11,m1,{T0}\n"  # user 1 has device 11 and mac m1 from the beginning


def at(seconds: float) -> datetime:
    return datetime(2026, 1, 5, 23, 55, tzinfo=UTC) + timedelta(seconds=seconds)


def message(topic: str, value: object, timestamp: object = None, offset: object = 0) -> str:
    record = {"value": value, "topic": topic, "offset": offset, "timestamp": timestamp}
    return json.dumps(record, ensure_ascii=False) + "\n"


def bpm(
    time: float, rate: object, timestamp: object = None, offset: object = 0, device: int = 11
) -> str:
    value = {"device_id": device, "time": T0 + time, "heartrate": rate}
    return message("bpm", value, timestamp, offset)


def workout(action: str, time: float, user: int = 1, number: int = 1) -> str:
    ids = {"user_id": user, "workout_id": number, "session_id": 5}
    return message("workout", {**ids, "timestamp": T0 + time, "action": action})


def training(start: float, end: float, user: int = 1, number: int = 1) -> str:
    return workout("start", start, user, number) + workout("stop", end, user, number)


def profile(kind: str, time: float, **fields: object) -> str:
    event = {"user_id": 1, "update_type": kind, "timestamp": T0 + time}
    return message("user_info", {**event, **fields})


def values(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Return the columns `names` of the rows, sorted with NULL first."""
    found = (tuple(row[name] for name in names) for row in rows)
    return sorted(found, key=lambda row: [(value is not None, value) for value in row])


def reasons(made: Tables) -> list[tuple[object, ...]]:
    return values(made["quarantine"], "feed", "reason")
