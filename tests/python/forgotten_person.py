"""A person who is to be forgotten, a stranger, and another who takes over their device and mac."""

import json

from tests.python.lake import Lake
from tests.python.lines import (
    MULTIPLEX,
    REGISTRATIONS,
    VISITS,
    message,
    workout,
    write_feeds,
)

THEY, STRANGER, OTHER = 7000007, 9000009, 8000008  # the stranger has not registered
DEVICE, OTHERS_DEVICE = 7700077, 8800088  # the first is passed on, as the mac address is
MAC, OTHERS_MAC = "aa:07", "aa:08"
FROM, HANDOVER = 1767657600, 1767700000


def profile(user: int, at: float, name: str) -> str:
    address = {"street_address": f"1 {name} Street", "city": "Oslo"}
    event = {"user_id": user, "update_type": "update", "timestamp": at, "dob": "01/05/1990"}
    return message("user_info", {**event, "first_name": name, "address": address})


def readings(device: int, start: float) -> list[str]:
    values = [
        {"device_id": device, "time": start + second, "heartrate": 90}
        for second in range(0, 60, 10)
    ]
    # Every other one as text.
    return [message("bpm", v if n % 2 else json.dumps(v)) for n, v in enumerate(values)]


THEIRS = {
    REGISTRATIONS: [
        f"{THEY},{DEVICE},{MAC},{FROM}",
        f"{THEY},{DEVICE}",
        f"x,{DEVICE},aa:09,{FROM}",
    ],
    VISITS: [
        f"{MAC},1,{FROM},{FROM + 3600}",
        f"{MAC},1,{HANDOVER - 0.5},",
        f"{MAC},1,{FROM},x,y",
    ],
    MULTIPLEX: [
        profile(THEY, FROM, "Åsa"),
        profile(THEY, FROM + 60, "Anna"),
        *workout(THEY, FROM + 60),
        *workout(STRANGER, FROM + 60),
        *readings(DEVICE, FROM + 60),
        message("bpm", {"device_id": DEVICE, "time": None, "heartrate": 90}),
        f'{{"topic":"workout","value":{{"user_id":{THEY}',
        message("weather", {"user_id": THEY}),
        message("workout", {"user_id": str(THEY), "workout_id": 2}),
    ],
}
OTHERS = {
    REGISTRATIONS: [
        f"{OTHER},{OTHERS_DEVICE},{OTHERS_MAC},{FROM}",
        f"{OTHER},{DEVICE},{MAC},{HANDOVER}",
        f"{OTHER},{OTHERS_DEVICE}",
    ],
    VISITS: [
        f"{MAC},1,{HANDOVER},{HANDOVER + 3600}",
        f"{OTHERS_MAC},1,{FROM},",
        "ff:ff,1,5,6",
    ],
    MULTIPLEX: [
        profile(OTHER, FROM, "Bo"),
        *workout(OTHER, HANDOVER + 60),
        *readings(DEVICE, HANDOVER),
        *readings(OTHERS_DEVICE, FROM + 60),
        message("bpm", {"device_id": 99, "time": FROM, "heartrate": 90}),
        message("weather", {"user_id": OTHER}),
        '{"topic":"workout","value":{"user_id":8',
    ],
}


def write_lines_of_all(lake: Lake) -> None:
    """Land files with the lines of all of them, and files with the person's and the stranger's."""
    mixed = {folder: [*lines, *OTHERS[folder]] for folder, lines in THEIRS.items()}
    write_feeds(lake, "mixed", mixed)
    write_feeds(lake, "theirs", THEIRS)
