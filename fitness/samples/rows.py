"""What the invented gym sends, as lines of its feeds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from fitness.samples import records
from fitness.samples.people import Person

PARTITIONS = 8


@dataclass(frozen=True, slots=True)
class Row:
    """A record other than a reading; `lines` gives its text at an offset."""

    kind: str
    folder: str
    lines: Callable[[int], str]
    size: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Readings:
    """One reading a second of a device, from the epoch second `first`."""

    device_id: int
    first: int
    rates: bytes
    is_text: bool = True
    lag_ms: int = 0
    kind: ClassVar[str] = "readings"
    folder: ClassVar[str] = records.MULTIPLEX

    @property
    def size(self) -> int:
        """How many readings these are."""
        return len(self.rates)

    def cut(self, room: int) -> "tuple[Readings, Readings | None]":
        """Return the first `room` readings, and the others if there are any."""
        if self.size <= room:
            return self, None
        rest = replace(self, first=self.first + room, rates=self.rates[room:])
        return replace(self, rates=self.rates[:room]), rest

    def lines(self, offset: int) -> str:
        """Return what `records.multiplex_line` would, some ten times faster."""
        device, first = self.device_id, self.first
        quote, opened, closed = ('\\"', '"{', '}"') if self.is_text else ('"', "{", "}")
        head = f'{{"key":"{device}","value":{opened}{quote}device_id{quote}:{device},'
        head += f"{quote}time{quote}:"
        rate = f",{quote}heartrate{quote}:"
        tail = f'{closed},"topic":"{records.BPM}","partition":{device % PARTITIONS},"offset":'
        lag = f".{self.lag_ms:03}}}\n"
        return "".join(
            [
                f'{head}{first + i}{rate}{bpm}{tail}{offset + i},"timestamp":{first + i}{lag}'
                for i, bpm in enumerate(self.rates)
            ]
        )


def sign_up(user: Person) -> Iterator[Row]:
    """Return the first profile and the registration of a user."""
    yield profile_event(user, "new", user.registered_at, user.profile)
    yield registration(user, user.device_id, user.mac, user.registered_at)


def action(user: Person, session: tuple[int, int], name: str, at: float) -> Row:
    """Return the `start` or `stop` of a workout; `session` is workout_id and session_id."""
    value = {
        "user_id": user.user_id,
        "workout_id": session[0],
        "session_id": session[1],
        "timestamp": at,
        "action": name,
    }
    return event("workouts", records.WORKOUT, user.user_id, at, value, user.index % 10 > 0)


def gym_login(mac: str, gym: int, login: int, logout: int | None) -> Row:
    """Return a visit of a gym; `logout` is None while it is open."""
    line = records.csv_line(mac, gym, login, logout)
    return Row("gym_logins", records.GYM_LOGINS, lambda _: line)


def profile_event(user: Person, update_type: str, at: int, profile: dict[str, object]) -> Row:
    """Return an event of a profile."""
    value = {"user_id": user.user_id, "update_type": update_type, "timestamp": at, **profile}
    return event("user_info", records.USER_INFO, user.user_id, at, value, False)


def event(
    kind: str, topic: str, key: int, at: float, value: dict[str, object], is_text: bool
) -> Row:
    """Return a message of a topic; `is_text` says whether its payload is JSON text."""
    payload = records.json_text(value) if is_text else value

    def line(offset: int) -> str:
        return records.multiplex_line(
            topic,
            payload,
            key=str(key),
            partition=key % PARTITIONS,
            offset=offset,
            timestamp=at,
        )

    return Row(kind, records.MULTIPLEX, line)


def registration(user: Person, device_id: int, mac: str, at: int) -> Row:
    """Return the registration of a device and a mac address."""
    line = records.csv_line(user.user_id, device_id, mac, at)
    return Row("registrations", records.REGISTERED_USERS, lambda _: line)
