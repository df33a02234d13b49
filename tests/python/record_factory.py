"""Records made by hand, of users, devices and macs that no other test shares."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.python.records import GYM_LOGINS, HEADERS, MULTIPLEX, REGISTERED_USERS, Record
from tests.python.worlds import Batch, World

Row = dict[str, object]

NINE_IN_LOS_ANGELES = datetime(2026, 1, 5, 17, tzinfo=UTC)  # Times are in minutes after it.


def at(minute: float) -> datetime:
    """Return an instant."""
    return NINE_IN_LOS_ANGELES + timedelta(minutes=minute)


def seconds(minute: float) -> int:
    """Return an instant as messages and files have it."""
    return round(at(minute).timestamp())


def message(topic: str, sent: float, payload: Row) -> Record:
    """Return a message of a topic."""
    envelope = {"key": None, "partition": 0, "offset": 0, "timestamp": seconds(sent)}
    return Record(MULTIPLEX, None, json.dumps({**envelope, "topic": topic, "value": payload}))


@dataclass(frozen=True)
class RecordFactory:
    """Makes the records of one scenario."""

    number: int

    def id(self, number: int) -> int:
        """Return the id of one of the scenario's users or devices."""
        return 100 * self.number + number

    def mac(self, number: int) -> str:
        """Return one of the scenario's mac addresses."""
        return f"aa:{self.id(number):02}"

    def registration(self, user: int, device: int, mac: int, minute: int) -> Record:
        """Register a device and a mac address for a user."""
        line = f"{self.id(user)},{self.id(device)},{self.mac(mac)},{seconds(minute)}"
        return Record(REGISTERED_USERS, HEADERS[REGISTERED_USERS][0], line)

    def visit(self, mac: int, gym: int, login: int, logout: int | None = None) -> Record:
        """Record a visit of a mac address to a gym."""
        left = "" if logout is None else seconds(logout)
        line = f"{self.mac(mac)},{gym},{seconds(login)},{left}"
        return Record(GYM_LOGINS, HEADERS[GYM_LOGINS][0], line)

    def reading(self, device: int, minute: float, rate: int, sent: int | None = None) -> Record:
        """Record a heart rate, measured by a device."""
        payload: Row = {"device_id": self.id(device), "time": seconds(minute), "heartrate": rate}
        return message("bpm", minute if sent is None else sent, payload)

    def five_readings(self, device: int, minute: float, rate: int) -> list[Record]:
        """Record a heart rate five times, once a second."""
        return [self.reading(device, minute + second / 60, rate) for second in range(5)]

    def workout(self, user: int, workout_id: int, action: str, minute: float) -> Record:
        """Record that a user starts or stops a workout."""
        ids: Row = {"user_id": self.id(user), "workout_id": workout_id, "session_id": 1}
        return message("workout", minute, {**ids, "timestamp": seconds(minute), "action": action})

    def profile(self, user: int, minute: int, city: str, born: str = "01/06/1990") -> Record:
        """Record a change of a user's profile."""
        event: Row = {"user_id": self.id(user), "timestamp": seconds(minute)}
        about: Row = {"dob": born, "gender": "F", "address": {"city": city, "state": "CA"}}
        return message("user_info", minute, {**event, "update_type": "update", **about})


def write_records(landing: Path, records: list[Record]) -> None:
    """Land records, in one file for each feed."""
    batch = Batch(tuple(range(len(records))), byte_order_mark=False, line_end="\n")
    World(0, tuple(records), (batch,)).write(0, landing)
