"""Plain lines of the feeds, as text."""

import json
from collections.abc import Mapping, Sequence

from tests.python.lake import Lake

REGISTRATIONS, VISITS, MULTIPLEX = "registered_users_bz", "gym_logins_bz", "kafka_multiplex_bz"
HEADERS = {
    REGISTRATIONS: "user_id,device_id,mac_address,registration_timestamp",
    VISITS: "mac_address,gym,login,logout",
}


def write_feeds(lake: Lake, name: str, lines: Mapping[str, Sequence[str]]) -> None:
    """Land a file of each feed, whose lines are by its folder, with its header if it has one."""
    for folder, own in lines.items():
        if folder in HEADERS:
            lake.write_lines(f"{folder}/{name}.csv", HEADERS[folder], *own)
        else:
            lake.write_lines(f"{folder}/{name}.json", *own)


def message(topic: str, value: object, **broker: object) -> str:
    """Return a message; `value` is an object or a text, `broker` what the broker adds."""
    return json.dumps({"topic": topic, "value": value, **broker})


def workout(user: int, start: float) -> list[str]:
    """Return the start and the stop of a workout of ten minutes."""
    ids = {"user_id": user, "workout_id": 1, "session_id": 1}
    times = {"start": start, "stop": start + 600}
    return [message("workout", {**ids, "action": a, "timestamp": at}) for a, at in times.items()]
