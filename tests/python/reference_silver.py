"""The reference's rules of silver: ownership, profile versions and workout sessions."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any

from tests.python.reference_landing import ADDRESS, PROFILE, SESSION, Row, Rows

# Each table's key | its other columns, but for lineage. In quarantine the key stands in for row_id
# and is not unique: one raw line under two headers is two rows.
SILVER = {
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
}
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], Rows]:
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


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
