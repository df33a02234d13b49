"""An invented world of users, wearables and gyms: all that happens in it, in order of time.

Everything is drawn from the seed. The readings of a stretch are made when they are sent, so
memory grows with the number of users, not with days or readings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf
from random import Random
from typing import ClassVar

from python_ingest import landing

DAY = 86_400
READINGS_PER_USER_DAY = 2_400  # a session of 40 minutes at one reading a second
LONGEST_STRETCH = 7_200  # seconds; whoever wears a device for longer makes several workouts
BATCH = 60  # readings that a device sends at a time: late and resent together
STRANGER_READINGS = 30  # a day, of a device that nobody registered
PARTITIONS = 8
REGISTERED_FROM = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())

INVALID_SHARE = 0.004  # readings of a sensor that lost contact: 0 or 255
OBJECT_SHARE = 0.05  # stretches whose values are JSON objects instead of JSON text
LOST_STOP_SHARE = 0.01
IN_GYM_SHARE = 0.8  # of the workouts
OPEN_VISIT_SHARE = 0.15  # visits reported at login, and again at logout
IDLE_VISIT_SHARE = 0.04  # of the days of a user: a visit without a workout
UPDATE_SHARE = 0.03  # of the days of a user

FIRST_NAMES = ("Ada", "Bilal", "Chloé", "Dmitri", "Elena", "Femi", "Grace", "Hiro", "Inés", "Jo")
LAST_NAMES = ("Alvarez", "Brown", "Chen", "Díaz", "Evans", "Fofana", "Gupta", "Haas", "O'Neil")
STREETS = ("Oak Street", "Mission Street", "2nd Avenue", "Sunset Boulevard", "Harbor Drive")
CITIES = (
    ("Los Angeles", "CA", "900"),
    ("San Diego", "CA", "921"),
    ("Portland", "OR", "972"),
    ("Seattle", "WA", "981"),
    ("Reno", "NV", "895"),
)


@dataclass(frozen=True)
class World:
    """What to invent: `users` over `days` days from `start`, cut into `files` multiplex files.

    `readings` is the number of heart rate readings in all (None: 2,400 a user and day). Of the
    records, `late_share` come in a later file than their time would say and `duplicate_share`
    are sent twice. Raises ValueError when built of values that cannot be.
    """

    users: int = 100
    days: int = 7
    seed: int = 0
    files: int = 10
    readings: int | None = None
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    late_share: float = 0.01
    duplicate_share: float = 0.01
    gyms: int = 10

    def __post_init__(self) -> None:
        for name in ("users", "days", "files", "gyms"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 1 or more")
        for name in ("late_share", "duplicate_share"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(f"{name} is {getattr(self, name)}: give a share from 0 to 0.5")
        if self.start.tzinfo is None or self.start.microsecond:
            raise ValueError(f"start is {self.start}: give whole seconds and a time zone")
        if self.total_readings < self.files:
            raise ValueError(
                f"{self.total_readings} readings in {self.files} files: "
                "give at least as many readings as files"
            )
        if self.total_readings > self.users * self.days * DAY:
            raise ValueError(
                f"{self.total_readings} readings are more than one a second of {self.users} users "
                f"over {self.days} days: give more users or days, or fewer readings"
            )

    @property
    def total_readings(self) -> int:
        """How many readings are made, duplicates not counted."""
        if self.readings is not None:
            return self.readings
        return self.users * self.days * READINGS_PER_USER_DAY

    @property
    def began(self) -> int:
        """The start in epoch seconds."""
        return int(self.start.timestamp())

    @property
    def handover(self) -> int:
        """When some devices pass on to another user, halfway, in epoch seconds."""
        return self.began + self.days * DAY // 2

    @property
    def stranger(self) -> int:
        """The id of a device that nobody registers."""
        return drawn(self.seed, "stranger").getrandbits(63)


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
    folder: ClassVar[str] = landing.MULTIPLEX

    @property
    def size(self) -> int:
        """How many readings these are."""
        return len(self.rates)

    def cut(self, room: int) -> "tuple[Readings, Readings | None]":
        """Give the first `room` readings, and the others if there are any."""
        if self.size <= room:
            return self, None
        rest = replace(self, first=self.first + room, rates=self.rates[room:])
        return replace(self, rates=self.rates[:room]), rest

    def lines(self, offset: int) -> str:
        """Give what `landing.multiplex_line` would, some ten times faster."""
        device, first = self.device_id, self.first
        quote, opened, closed = ('\\"', '"{', '}"') if self.is_text else ('"', "{", "}")
        head = f'{{"key":"{device}","value":{opened}{quote}device_id{quote}:{device},'
        head += f"{quote}time{quote}:"
        rate = f",{quote}heartrate{quote}:"
        tail = f'{closed},"topic":"{landing.BPM}","partition":{device % PARTITIONS},"offset":'
        lag = f".{self.lag_ms:03}}}\n"
        return "".join(
            [
                f'{head}{first + i}{rate}{bpm}{tail}{offset + i},"timestamp":{first + i}{lag}'
                for i, bpm in enumerate(self.rates)
            ]
        )


@dataclass(frozen=True)
class Person:
    """A user with a device, and a spare one for when the first is handed on."""

    index: int
    user_id: int
    device_id: int
    mac: str
    spare_device_id: int
    spare_mac: str
    registered_at: int
    resting_bpm: int
    highest_bpm: int
    profile: dict[str, object]


_Sent = Row | Iterator[Readings]  # planned as a whole, but sent a batch at a time


def drawn(*key: object) -> Random:
    """Give the random numbers that belong to `key`: the same on every machine."""
    return Random("/".join(map(str, key)))  # noqa: S311 - it invents and guards nothing


def in_order_of_time(world: World) -> Iterator[Row | Readings]:
    """Give every record once, by the time that it is sent; plans one day at a time."""
    for index in range(world.users):
        yield from joining(person(world.seed, index))
    agenda: list[tuple[float, int, _Sent]] = []
    order = count()  # breaks ties, so that what is planned is never compared
    for day in range(world.days):
        for index in range(world.users):
            for at, sent in _day(world, day, person(world.seed, index)):
                heappush(agenda, (at, next(order), sent))
        until = world.began + (day + 1) * DAY if day + 1 < world.days else inf
        while agenda and agenda[0][0] < until:
            at, place, sent = heappop(agenda)
            if isinstance(sent, Row):
                yield sent
            elif batch := next(sent, None):
                yield batch
                heappush(agenda, (at + BATCH, place, sent))


def person(seed: int, index: int) -> Person:
    """Invent the user of that `index`; the same one in every world of the `seed`."""
    random = drawn(seed, "person", index)
    born = date(1946, 1, 1) + timedelta(days=random.randrange(60 * 365))
    sex = random.choice("FM")
    return Person(
        index=index,
        user_id=random.getrandbits(63),
        device_id=random.getrandbits(63),
        mac=landing.mac_address(random.getrandbits(48)),
        spare_device_id=random.getrandbits(63),
        spare_mac=landing.mac_address(random.getrandbits(48)),
        # Whatever the start of the world: its users are the same ones in the next one.
        registered_at=REGISTERED_FROM + random.randrange(365 * DAY),
        resting_bpm=random.randint(48, 75),
        highest_bpm=208 - (2026 - born.year) * 7 // 10,  # Tanaka, Monahan and Seals 2001
        profile={
            "dob": born.strftime("%m/%d/%Y"),
            "sex": sex,
            "gender": sex if random.random() < 0.97 else "X",
            "first_name": random.choice(FIRST_NAMES),
            "last_name": random.choice(LAST_NAMES),
            "address": _address(random),
        },
    )


def joining(user: Person) -> Iterator[Row]:
    """Give the first profile and the registration of a user."""
    yield _profile_event(user, "new", user.registered_at, user.profile)
    yield _registration(user, user.device_id, user.mac, user.registered_at)


def action(user: Person, session: tuple[int, int], name: str, at: float) -> Row:
    """Give the `start` or `stop` of a workout; `session` is workout_id and session_id."""
    value = {
        "user_id": user.user_id,
        "workout_id": session[0],
        "session_id": session[1],
        "timestamp": at,
        "action": name,
    }
    return _event("workouts", landing.WORKOUT, user.user_id, at, value, user.index % 10 > 0)


def gym_login(mac: str, gym: int, login: int, logout: int | None) -> Row:
    """Give a visit of a gym; `logout` is None while it is open."""
    line = landing.csv_line(mac, gym, login, logout)
    return Row("gym_logins", landing.GYM_LOGINS, lambda _: line)


def heart_rates(random: Random, user: Person, seconds: int, rest: int) -> bytes:
    """Give a rate for each of `seconds`: rest, warm-up, intervals, recovery; few are invalid."""
    hard, easy = random.uniform(0.75, 0.95), random.uniform(0.5, 0.65)
    interval, exercise = random.randint(60, 240), seconds - 2 * rest
    phases = [(rest, 0.1), (exercise // 6, 0.45)]
    while (left := seconds - rest - sum(length for length, _ in phases)) > 0:
        phases.append((min(interval, left), hard if len(phases) % 2 == 0 else easy))
    phases.append((rest, 0.2))
    reserve = user.highest_bpm - user.resting_bpm
    rate = user.resting_bpm + 0.1 * reserve
    rates = bytearray()
    for length, effort in phases:
        target = user.resting_bpm + effort * reserve
        for _ in range(length):
            rate += (target - rate) / 40  # the heart follows an effort within a minute or two
            rates.append(int(rate + 4 * random.random()))
    for place in random.sample(range(seconds), int(seconds * INVALID_SHARE + random.random())):
        rates[place] = random.choice((0, 255))
    return bytes(rates)


def _day(world: World, day: int, user: Person) -> Iterator[tuple[float, _Sent]]:
    """Plan the day of a user, in any order, each record with the epoch seconds when it is sent."""
    midnight = world.began + day * DAY
    random = drawn(world.seed, user.index, midnight)
    yield from _news(world, midnight, user, random)

    place, all_days = day * world.users + user.index, world.users * world.days
    readings = _share(world.total_readings, place, all_days)
    if user.index == day % world.users and readings >= 2 * STRANGER_READINGS:
        readings -= STRANGER_READINGS
        at = midnight + random.randrange(DAY - STRANGER_READINGS)
        yield at, _worn(world, user, world.stranger, at, STRANGER_READINGS)

    # Stretches keep to equal parts of the day, an even number of them: none overlap, and none
    # runs across the handover, which is at midnight or noon.
    parts = 2 * ceil(readings / (2 * LONGEST_STRETCH)) or 2
    taken = range(parts)
    if readings < 2 * READINGS_PER_USER_DAY and random.random() < 0.8:
        taken = range(half := random.randrange(2), half + 1)
    for number, part in enumerate(taken):
        seconds = _share(readings, number, len(taken))
        if seconds:
            since = midnight + part * DAY // parts
            first = since + random.randrange(DAY // parts - seconds + 1)
            yield from _workout(world, user, random, since, first, seconds, number)
    if random.random() < IDLE_VISIT_SHARE:
        login = midnight + random.randrange(DAY)
        mac = _device(world, user, login)[1]
        yield from _visit(world, random, mac, login, login + random.randint(600, 3600))


def _news(world: World, midnight: int, user: Person, random: Random) -> Iterator[tuple[float, Row]]:
    """Plan what changes about a user and their device in a day."""
    device = _device(world, user, world.handover)
    if midnight <= world.handover < midnight + DAY and device[0] != user.device_id:
        yield world.handover, _registration(user, *device, world.handover)
    deleted_at = world.began + world.days * DAY * 3 // 4 if user.index % 25 == 7 else inf
    if midnight <= deleted_at < midnight + DAY:
        # A delete may carry the profile or not: both occur.
        carried = user.profile if user.index % 2 else {}
        yield deleted_at, _profile_event(user, "delete", int(deleted_at), carried)
    changed_at = midnight + random.randrange(DAY)
    if random.random() < UPDATE_SHARE and changed_at < deleted_at:
        moved = user.profile | {"address": _address(random)}
        yield changed_at, _profile_event(user, "update", changed_at, moved)


def _workout(
    world: World, user: Person, random: Random, since: int, first: int, seconds: int, number: int
) -> Iterator[tuple[float, _Sent]]:
    """Plan the readings from `first`, the workout within them, and mostly a visit around it."""
    device_id, mac = _device(world, user, first)
    yield first, _worn(world, user, device_id, first, seconds)
    rest = _rest(seconds)
    # The phone of every other user stamps to the millisecond.
    start = round(first + rest - user.index % 2 * random.randrange(1000) / 1000, 3)
    stop = first + seconds - rest
    yield start, action(user, (first, number), "start", start)
    if random.random() >= LOST_STOP_SHARE:
        yield stop, action(user, (first, number), "stop", stop)
    if random.random() < IN_GYM_SHARE:
        login = max(since, first + rest - random.randint(120, 600))
        yield from _visit(world, random, mac, login, stop + random.randint(120, 900))


def _visit(
    world: World, random: Random, mac: str, login: int, logout: int
) -> Iterator[tuple[float, Row]]:
    gym = random.randint(1, world.gyms)
    if random.random() < OPEN_VISIT_SHARE:
        yield login, gym_login(mac, gym, login, None)
    yield logout, gym_login(mac, gym, login, logout)


def _worn(
    world: World, user: Person, device_id: int, first: int, seconds: int
) -> Iterator[Readings]:
    """Send the readings of a stretch in batches; they are made when the first is asked for."""
    random = drawn(world.seed, device_id, first)
    rates = heart_rates(random, user, seconds, _rest(seconds))
    is_text, lag_ms = random.random() >= OBJECT_SHARE, random.randrange(1000)
    for at in range(0, seconds, BATCH):
        yield Readings(device_id, first + at, rates[at : at + BATCH], is_text, lag_ms)


def _device(world: World, user: Person, at: int) -> tuple[int, str]:
    """Give device_id and mac that the user has: each 20th user hands theirs to the next one."""
    if at >= world.handover and user.index % 20 == 4:
        giver = person(world.seed, user.index - 1)
        return giver.device_id, giver.mac
    if at >= world.handover and user.index % 20 == 3 and user.index + 1 < world.users:
        return user.spare_device_id, user.spare_mac
    return user.device_id, user.mac


def _rest(seconds: int) -> int:
    """How long a device is worn before a workout, and after it."""
    return min(300, seconds // 10)


def _share(total: int, place: int, places: int) -> int:
    """Deal `total` out evenly and give what falls to a place: the shares add up to it."""
    return total * (place + 1) // places - total * place // places


def _address(random: Random) -> dict[str, object]:
    city, state, area = random.choice(CITIES)
    return {
        "street_address": f"{random.randint(1, 9999)} {random.choice(STREETS)}",
        "city": city,
        "state": state,
        "zip": f"{area}{random.randrange(100):02}",
    }


def _profile_event(user: Person, update_type: str, at: int, profile: dict[str, object]) -> Row:
    value = {"user_id": user.user_id, "update_type": update_type, "timestamp": at, **profile}
    return _event("user_info", landing.USER_INFO, user.user_id, at, value, False)


def _event(
    kind: str, topic: str, key: int, at: float, value: dict[str, object], is_text: bool
) -> Row:
    payload = landing.json_text(value) if is_text else value

    def line(offset: int) -> str:
        return landing.multiplex_line(
            topic,
            payload,
            key=str(key),
            partition=key % PARTITIONS,
            offset=offset,
            timestamp=at,
        )

    return Row(kind, landing.MULTIPLEX, line)


def _registration(user: Person, device_id: int, mac: str, at: int) -> Row:
    line = landing.csv_line(user.user_id, device_id, mac, at)
    return Row("registrations", landing.REGISTERED_USERS, lambda _: line)
