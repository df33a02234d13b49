"""An invented world of users, wearables and gyms: all that happens in it, in order of time.

Everything is drawn from the seed. The readings of a stretch are made when they are sent, so
memory grows with the number of users, not with days or readings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf
from random import Random

from fitness.samples.people import DAY, Person, address, drawn, heart_rates, person
from fitness.samples.rows import (
    Readings,
    Row,
    action,
    gym_login,
    profile_event,
    registration,
    sign_up,
)

READINGS_PER_USER_DAY = 2_400  # a session of 40 minutes at one reading a second
LONGEST_STRETCH = 7_200  # seconds; a device that is worn for longer makes several workouts
BATCH = 60  # readings that a device sends at a time: late and resent together
UNKNOWN_DEVICE_READINGS = 30  # a day, of a device that nobody registered

OBJECT_SHARE = 0.05  # stretches whose values are JSON objects instead of JSON text
LOST_STOP_SHARE = 0.01
IN_GYM_SHARE = 0.8  # of the workouts
OPEN_VISIT_SHARE = 0.15  # visits reported at login, and again at logout
IDLE_VISIT_SHARE = 0.04  # of the days of a user: a visit without a workout
UPDATE_SHARE = 0.03  # of the days of a user


@dataclass(frozen=True)
class World:
    """What to invent: `users` over `days` days from `start`, cut into `files` multiplex files.

    `readings` is the number of heart rate readings in all (None: 2,400 a user and day). Of the
    records, `late_share` come in a later file than their time calls for and `duplicate_share`
    are sent twice. Raises ValueError for values that are not possible.
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
        """When some devices change their owner, halfway, in epoch seconds."""
        return self.began + self.days * DAY // 2

    @property
    def unknown_device(self) -> int:
        """The id of a device that nobody registers."""
        return drawn(self.seed, "stranger").getrandbits(63)


_Sent = Row | Iterator[Readings]  # planned as a whole, but sent a batch at a time


def in_order_of_time(world: World) -> Iterator[Row | Readings]:
    """Return every record once, by the time that it is sent; plans one day at a time."""
    for index in range(world.users):
        yield from sign_up(person(world.seed, index))
    agenda: list[tuple[float, int, _Sent]] = []
    order = count()  # breaks ties, so that the records themselves are never compared
    for day in range(world.days):
        for index in range(world.users):
            for at, sent in _plan_day(world, day, person(world.seed, index)):
                heappush(agenda, (at, next(order), sent))
        until = world.began + (day + 1) * DAY if day + 1 < world.days else inf
        while agenda and agenda[0][0] < until:
            at, place, sent = heappop(agenda)
            if isinstance(sent, Row):
                yield sent
            elif batch := next(sent, None):
                yield batch
                heappush(agenda, (at + BATCH, place, sent))


def _plan_day(world: World, day: int, user: Person) -> Iterator[tuple[float, _Sent]]:
    """Plan the day of a user, in any order, each record with the epoch seconds when it is sent."""
    midnight = world.began + day * DAY
    random = drawn(world.seed, user.index, midnight)
    yield from _changes(world, midnight, user, random)

    place, all_days = day * world.users + user.index, world.users * world.days
    readings = _share(world.total_readings, place, all_days)
    if user.index == day % world.users and readings >= 2 * UNKNOWN_DEVICE_READINGS:
        readings -= UNKNOWN_DEVICE_READINGS
        at = midnight + random.randrange(DAY - UNKNOWN_DEVICE_READINGS)
        yield at, _readings(world, user, world.unknown_device, at, UNKNOWN_DEVICE_READINGS)

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


def _changes(
    world: World, midnight: int, user: Person, random: Random
) -> Iterator[tuple[float, Row]]:
    """Plan what changes about a user and their device in a day."""
    device = _device(world, user, world.handover)
    if midnight <= world.handover < midnight + DAY and device[0] != user.device_id:
        yield world.handover, registration(user, *device, world.handover)
    deleted_at = world.began + world.days * DAY * 3 // 4 if user.index % 25 == 7 else inf
    if midnight <= deleted_at < midnight + DAY:
        # A delete may carry the profile or not: both occur.
        carried = user.profile if user.index % 2 else {}
        yield deleted_at, profile_event(user, "delete", int(deleted_at), carried)
    changed_at = midnight + random.randrange(DAY)
    if random.random() < UPDATE_SHARE and changed_at < deleted_at:
        moved = user.profile | {"address": address(random)}
        yield changed_at, profile_event(user, "update", changed_at, moved)


def _workout(
    world: World, user: Person, random: Random, since: int, first: int, seconds: int, number: int
) -> Iterator[tuple[float, _Sent]]:
    """Plan the readings from `first`, the workout within them, and mostly a visit around it."""
    device_id, mac = _device(world, user, first)
    yield first, _readings(world, user, device_id, first, seconds)
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


def _readings(
    world: World, user: Person, device_id: int, first: int, seconds: int
) -> Iterator[Readings]:
    """Send the readings of a stretch in batches; they are made when the first is asked for."""
    random = drawn(world.seed, device_id, first)
    rates = heart_rates(random, user, seconds, _rest(seconds))
    is_text, lag_ms = random.random() >= OBJECT_SHARE, random.randrange(1000)
    for at in range(0, seconds, BATCH):
        yield Readings(device_id, first + at, rates[at : at + BATCH], is_text, lag_ms)


def _device(world: World, user: Person, at: int) -> tuple[int, str]:
    """Return device_id and mac that the user has: each 20th user hands theirs to the next one."""
    if at >= world.handover and user.index % 20 == 4:
        previous_owner = person(world.seed, user.index - 1)
        return previous_owner.device_id, previous_owner.mac
    if at >= world.handover and user.index % 20 == 3 and user.index + 1 < world.users:
        return user.spare_device_id, user.spare_mac
    return user.device_id, user.mac


def _rest(seconds: int) -> int:
    """Return the seconds for which a device is worn before a workout, and after it."""
    return min(300, seconds // 10)


def _share(total: int, place: int, places: int) -> int:
    """Split `total` evenly over `places`; return the share of one: the shares add up to it."""
    return total * (place + 1) // places - total * place // places
