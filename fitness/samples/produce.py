"""Write an invented world as landing files: all of it at once, or continuously in real time."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count, groupby
from math import ceil, floor
from operator import itemgetter
from pathlib import Path
from random import Random
from threading import Event
from typing import TextIO

from fitness.samples import records
from fitness.samples.people import Person, drawn, heart_rates, person
from fitness.samples.rows import Readings, Row, action, gym_login, sign_up
from fitness.samples.world import World, in_order_of_time
from python_ingest.atomic_write import atomic_write

__all__ = ["ProducedCounts", "World", "produce", "produce_continuously", "write_files"]

LIVE_SESSION = 600  # seconds; short, so that a running demo soon has completed workouts
LIVE_CURVES = 32  # curves of heart rates, shared by all users

_Batch = Row | Readings


@dataclass
class ProducedCounts:
    """Records made, by feed and each once; `late` and `duplicates` are of all feeds.

    `files` are the multiplex files written.
    """

    registrations: int = 0
    gym_logins: int = 0
    user_info: int = 0
    workouts: int = 0
    readings: int = 0
    invalid_readings: int = 0
    unknown_device_readings: int = 0
    late: int = 0
    duplicates: int = 0
    files: int = 0


def produce(
    world: World, out: Path, progress: Callable[[int], None] | None = None
) -> ProducedCounts:
    """Write the whole `world` under the landing folder `out`.

    File i of each feed holds the i-th stretch of time, cut so that the multiplex files share the
    readings evenly. The names depend on the world alone: producing it again replaces each file
    with itself. `progress` is called often, with the number of readings so far. Raises OSError
    when `out` cannot be written.
    """
    counts = ProducedCounts()
    random = drawn(world.seed, "arrivals")
    delayed: dict[int, list[_Batch]] = defaultdict(list)
    for piece, on_time in groupby(_cut(world), key=itemgetter(0)):
        batches = _counted((batch for _, batch in on_time), world, counts, progress)
        arriving = _arriving(batches, world, random, piece, delayed, counts)
        counts.files += write_files(out, f"world-{_fingerprint(world)}-{piece:05}", arriving)
    return counts


def produce_continuously(
    world: World,
    out: Path,
    rate: float,
    interval: float,
    stop: Event,
    clock: Callable[[], float] = time.time,
) -> ProducedCounts:
    """Write a small file of each feed every `interval` seconds until `stop` is set.

    `rate` is in readings a second, one of each user who takes part (so at most `users`), stamped
    with the present time by `clock` (epoch seconds). Once stopped, the running workouts end. The
    days, files, readings and shares of the `world` do not apply. Raises ValueError for a rate or
    interval that is not possible, OSError when `out` cannot be written.
    """
    if not 0 < rate <= world.users:
        raise ValueError(
            f"rate is {rate} readings a second: give more than 0 and at most one a user "
            f"(there are {world.users} users), or more users"
        )
    if not interval > 0:
        raise ValueError(f"interval is {interval} seconds: give more than 0")
    counts = ProducedCounts()
    live = _Live(world, rate, clock())
    for number in count():
        stopped = stop.wait(interval)
        batches = _counted(live.until(clock(), stopped), world, counts)
        counts.files += write_files(out, f"{live.name}-{number:06}", batches)
        if stopped:
            break
    return counts


class _Live:
    """The users of a world who train now, one workout after the other."""

    def __init__(self, world: World, rate: float, now: float) -> None:
        self.name = f"live-{_fingerprint(world)}-{round(now * 1000)}"
        self._gyms = world.gyms
        self._rate = rate
        self._people = [person(world.seed, index) for index in range(ceil(rate))]
        self._curves = [
            heart_rates(drawn(world.seed, "live", user.index), user, LIVE_SESSION, 30)
            for user in self._people[:LIVE_CURVES]
        ]
        self._began = self._next = int(now)

    def until(self, now: float, is_last: bool) -> Iterator[_Batch]:
        """Return what happened since the last call, up to the whole second before `now`."""
        first, end = self._next, max(int(now), self._next)
        self._next = end
        for user in self._people:
            if first == self._began < end:
                yield from sign_up(user)
            for at in range(first, end):
                if at == self._began or self._place(user, at) == 0:
                    yield from self._ending(user, at)
                    yield action(user, (at, 0), "start", at)
                    yield from self._at_gym(user, at, None)
            if is_last:
                yield from self._ending(user, end)
            yield from self._readings(user, first, end)

    def _place(self, user: Person, at: int) -> int:
        """How far into their workout a user is, in seconds; not all begin at once."""
        return (at - self._began + 37 * user.index) % LIVE_SESSION

    def _ending(self, user: Person, at: int) -> Iterator[Row]:
        """End the workout that runs up to `at`, if there is one."""
        if at > self._began:
            start = max(self._began, at - 1 - self._place(user, at - 1))
            yield action(user, (start, 0), "stop", at)
            yield from self._at_gym(user, start, at)

    def _at_gym(self, user: Person, login: int, logout: int | None) -> Iterator[Row]:
        if user.index % 2 == 0:
            yield gym_login(user.mac, 1 + user.index % self._gyms, login, logout)

    def _readings(self, user: Person, first: int, end: int) -> Iterator[Readings]:
        curve = self._curves[user.index % LIVE_CURVES]
        rates = bytes(curve[self._place(user, at)] for at in range(first, end))
        if user.index < floor(self._rate):
            if rates:
                yield Readings(user.device_id, first, rates)
            return
        # The last user makes up for the fraction of the rate, with a reading now and then.
        for at in range(first, end):
            if (at - self._began + 1) * self._rate % 1 < self._rate % 1:
                yield Readings(user.device_id, at, rates[at - first : at - first + 1])


def write_files(out: Path, name: str, batches: Iterable[_Batch]) -> int:
    """Write `batches` to a file of each feed that they have; return how many multiplex files."""
    with ExitStack() as open_files:
        files: dict[str, TextIO] = {}
        # Offsets restart in each file, as in a topic that was created again.
        offsets: Counter[str] = Counter()
        for batch in batches:
            if batch.folder not in files:
                header = records.CSV_HEADERS.get(batch.folder)
                path = out / batch.folder / f"{name}.{'csv' if header else 'json'}"
                files[batch.folder] = open_files.enter_context(atomic_write(path))
                if header:
                    files[batch.folder].write(records.csv_line(*header))
            files[batch.folder].write(batch.lines(offsets[batch.folder]))
            offsets[batch.folder] += batch.size
    return int(records.MULTIPLEX in files)


def _counted(
    batches: Iterable[_Batch],
    world: World,
    counts: ProducedCounts,
    progress: Callable[[int], None] | None = None,
) -> Iterator[_Batch]:
    unknown_device = world.unknown_device
    for batch in batches:
        setattr(counts, batch.kind, getattr(counts, batch.kind) + batch.size)
        if isinstance(batch, Readings):
            counts.invalid_readings += batch.rates.count(0) + batch.rates.count(255)
            counts.unknown_device_readings += batch.size * (batch.device_id == unknown_device)
            if progress:
                progress(counts.readings)
        yield batch


def _arriving(
    batches: Iterable[_Batch],
    world: World,
    random: Random,
    piece: int,
    delayed: dict[int, list[_Batch]],
    counts: ProducedCounts,
) -> Iterator[_Batch]:
    """Delay some batches to a later piece, by way of `delayed`, and send some twice."""
    last = world.files - 1
    # Nothing can be late in the last file: the others make up for it.
    late_chance = world.late_share * world.files / last if last else 0
    yield from delayed.pop(piece, ())
    for place, batch in enumerate(batches):
        later = min(piece + random.randint(1, 3), last)
        # The first one stays, so that no file is empty.
        if place and later > piece and random.random() < late_chance:
            counts.late += batch.size
            delayed[later].append(batch)
            continue
        yield batch
        if random.random() < world.duplicate_share:
            counts.duplicates += batch.size
            if later > piece and random.random() < 0.5:
                delayed[later].append(batch)
            else:
                yield batch


def _cut(world: World) -> Iterator[tuple[int, _Batch]]:
    """Return each batch with the number of its file; splits some, to share readings evenly."""
    total, files = world.total_readings, world.files
    piece, room = 0, total // files
    for batch in in_order_of_time(world):
        rest: _Batch | None = batch
        while isinstance(rest, Readings):
            if not room:
                piece += 1
                room = total * (piece + 1) // files - total * piece // files
            part, rest = rest.cut(room)
            room -= part.size
            yield piece, part
        if rest:
            yield piece, rest


def _fingerprint(world: World) -> str:
    return blake2b(repr(world).encode(), digest_size=5).hexdigest()
