"""The people of the invented gym: who they are, and how their hearts beat."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from fitness.samples import records

DAY = 86_400
REGISTERED_FROM = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
INVALID_SHARE = 0.004  # readings of a sensor that lost contact: 0 or 255

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
class Person:
    """A user with a device, and a spare device to use after the first goes to another user."""

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


def drawn(*key: object) -> Random:
    """Return a random generator seeded with `key`: the same numbers on every machine."""
    return Random("/".join(map(str, key)))  # noqa: S311 - not for security


def person(seed: int, index: int) -> Person:
    """Invent the user of that `index`; the same one in every world of the `seed`."""
    random = drawn(seed, "person", index)
    born = date(1946, 1, 1) + timedelta(days=random.randrange(60 * 365))
    sex = random.choice("FM")
    return Person(
        index=index,
        user_id=random.getrandbits(63),
        device_id=random.getrandbits(63),
        mac=records.mac_address(random.getrandbits(48)),
        spare_device_id=random.getrandbits(63),
        spare_mac=records.mac_address(random.getrandbits(48)),
        # Independent of the world's start: a later world of the seed has the same users.
        registered_at=REGISTERED_FROM + random.randrange(365 * DAY),
        resting_bpm=random.randint(48, 75),
        highest_bpm=208 - (2026 - born.year) * 7 // 10,  # Tanaka, Monahan and Seals 2001
        profile={
            "dob": born.strftime("%m/%d/%Y"),
            "sex": sex,
            "gender": sex if random.random() < 0.97 else "X",
            "first_name": random.choice(FIRST_NAMES),
            "last_name": random.choice(LAST_NAMES),
            "address": address(random),
        },
    )


def heart_rates(random: Random, user: Person, seconds: int, rest: int) -> bytes:
    """Return a rate for each of `seconds`: rest, warm-up, intervals, recovery; few are invalid."""
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


def address(random: Random) -> dict[str, object]:
    """Invent an address."""
    city, state, area = random.choice(CITIES)
    return {
        "street_address": f"{random.randint(1, 9999)} {random.choice(STREETS)}",
        "city": city,
        "state": state,
        "zip": f"{area}{random.randrange(100):02}",
    }
