"""Late dimensions and corrections: builds correct all rows that they affect, and no others."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.python.lake import Lake, in_utc, layer_of, without_lineage
from tests.python.records import GYM_LOGINS, HEADERS, MULTIPLEX, REGISTERED_USERS, Record
from tests.python.reference import KEYS
from tests.python.worlds import Batch, World

Row = dict[str, object]
Key = tuple[object, ...]

NINE_IN_LOS_ANGELES = datetime(2026, 1, 5, 17, tzinfo=UTC)
# The reference knows lines of quarantine by their text, the table by their hash.
TABLE_KEYS = {**KEYS, "quarantine": ("row_id",)}


# --- Records, their times in minutes after nine ---------------------------------------------------


def at(minute: float) -> datetime:
    return NINE_IN_LOS_ANGELES + timedelta(minutes=minute)


def seconds(minute: float) -> int:
    return round(at(minute).timestamp())


def message(topic: str, sent: float, payload: Row) -> Record:
    envelope = {"key": None, "partition": 0, "offset": 0, "timestamp": seconds(sent)}
    return Record(MULTIPLEX, None, json.dumps({**envelope, "topic": topic, "value": payload}))


@dataclass(frozen=True)
class RecordFactory:
    """Makes the records of one scenario, which shares no user, device or mac with another."""

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


def land(lake: Lake, records: list[Record]) -> None:
    batch = Batch(tuple(range(len(records))), byte_order_mark=False, line_end="\n")
    World(0, tuple(records), (batch,)).write(0, lake.settings.landing)
    lake.ingest()


# --- Late dimensions ------------------------------------------------------------------------------


ONE = RecordFactory(0)


@dataclass(frozen=True)
class Visitor:
    """Someone who trains once in a gym, with a device and a mac address of their own."""

    user: int

    @property
    def device(self) -> int:
        """Return their device's id."""
        return 10 + self.user

    @property
    def mac(self) -> str:
        """Return their mac address."""
        return ONE.mac(self.user)

    def registration(self) -> Record:
        """Return the record that makes them known."""
        return ONE.registration(self.user, self.device, self.user, 60)

    def facts(self) -> dict[Record, str]:
        """Return records that can come before the registration, and why they have to wait then."""
        return {
            ONE.reading(self.device, 20, 120): "unknown_device",
            ONE.workout(self.user, 1, "start", 10): "unknown_user",
            ONE.workout(self.user, 1, "stop", 30): "unknown_user",
            ONE.visit(self.user, 1, 5, 40): "unknown_mac",
        }


@pytest.mark.slow
def test_facts_wait_for_their_registration_and_are_in_gold_in_the_first_build_after_it(
    lake: Lake,
) -> None:
    """Facts that come before the first build, and in an increment; one of a stray device stays."""
    known, early, later = Visitor(1), Visitor(4), Visitor(5)
    stray = {ONE.reading(99, 20, 120): "unknown_device"}

    land(lake, [known.registration(), *known.facts(), *early.facts(), *stray])
    lake.build()
    assert_waiting(lake, {**early.facts(), **stray})
    assert_arrived(lake, [known])

    land(lake, [early.registration(), *later.facts()])
    lake.build_and_test()
    assert_waiting(lake, {**later.facts(), **stray})
    assert_arrived(lake, [known, early])

    land(lake, [later.registration()])
    lake.build_and_test()
    assert_waiting(lake, stray)
    assert_arrived(lake, [known, early, later])


@pytest.mark.slow
def test_an_event_whose_profile_version_is_gone_is_accounted_for(lake: Lake) -> None:
    """An earlier event with the same profile replaces the version."""
    first = [ONE.registration(1, 11, 1, 0), ONE.profile(1, 10, "Oakland")]
    for records in (first, [ONE.profile(1, 5, "Oakland")]):
        land(lake, records)
        lake.build()
        lake.build_and_test("--select", "test_name:every_line_is_accounted_for")
    assert [row["valid_from"] for row in lake.rows("silver.user_profile_history")] == [at(5)]


def assert_waiting(lake: Lake, waiting: dict[Record, str]) -> None:
    found = sorted((row["raw"], row["reason"]) for row in lake.rows("silver.quarantine"))
    assert found == sorted((record.line, reason) for record, reason in waiting.items())
    assert not lake.differences()


def assert_arrived(lake: Lake, visitors: list[Visitor]) -> None:
    """Check that events and gold rows of these are there, and of nobody else."""
    expected: dict[str, set[Key]] = {
        "heart_rate": {(v.device, at(20)) for v in visitors},
        "workouts": {(v.user, 1, 1, "start", at(10)) for v in visitors}
        | {(v.user, 1, 1, "stop", at(30)) for v in visitors},
        "gym_logs": {(v.mac, 1, at(5)) for v in visitors},
        "workout_bpm_summary": {(v.user, 1, 1) for v in visitors},
        "gym_summary": {(v.mac, 1, at(5), 1, 1) for v in visitors},
    }
    assert {table: set(rows_by_key(lake, table)) for table in expected} == expected
    measured = lake.rows("gold.workout_bpm_summary")
    assert {(row["avg_bpm"], row["num_recordings"]) for row in measured} == {(120.0, 1)}


# --- Corrections ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Correction:
    """Records that come late, and the gold rows that they affect, as they become; None: deleted.

    Keys are those of the scenario numbered 0.
    """

    name: str
    records: Callable[[RecordFactory], list[Record]]
    gold: dict[str, dict[Key, Row | None]]


def first_records(c: RecordFactory) -> list[Record]:
    """Return the records of users 1, 2 and 3, whose devices are 11, 12 and 13 and macs 1, 2 and 3.

    Beside the rows that a correction affects there are others, which it must not change.
    """
    return [
        c.registration(1, 11, 1, 0),
        c.registration(2, 12, 2, 50),
        c.registration(3, 13, 3, 0),
        c.profile(1, 0, "Oakland"),
        c.profile(2, 0, "Fresno"),
        *(c.workout(1, 1, "start", 10), c.workout(1, 1, "stop", 30)),
        *(c.reading(11, 12, 100), c.reading(11, 20, 120), c.reading(11, 28, 140)),
        c.visit(1, 1, 5, 40),
        c.workout(1, 2, "start", 100),
        *(c.reading(11, 110, 130), c.reading(11, 125, 90)),
        c.visit(1, 1, 95, 130),
        *(c.workout(1, 3, "start", 200), c.workout(1, 3, "stop", 240)),
        *(c.reading(11, 205, 110), c.reading(11, 230, 170)),
        c.visit(1, 1, 195, 250),
        *(c.workout(2, 1, "start", 10), c.workout(2, 1, "stop", 30)),
        *(c.reading(12, 15, 105), c.reading(12, 25, 115)),
        c.visit(2, 1, 5, 20),
        *(c.workout(2, 2, "start", 300), c.workout(2, 2, "stop", 320)),
        *(c.reading(12, 305, 125), c.reading(12, 311, 135), c.reading(12, 315, 145)),
        c.visit(2, 2, 295),
        *(c.workout(3, 7, "start", 302), c.workout(3, 7, "stop", 312)),
        *(c.reading(13, 304, 95), c.reading(13, 310, 85)),
        *(c.workout(3, 8, "start", 8), c.workout(3, 8, "stop", 18)),
        c.reading(13, 9, 75),
        c.visit(3, 2, 500, 510),
        # Recoveries: of the first of these workouts the readings after its end are missing.
        *(c.workout(3, 9, "start", 600), c.workout(3, 9, "stop", 610)),
        *c.five_readings(13, 609.9, 160),
        *(c.workout(3, 10, "start", 700), c.workout(3, 10, "stop", 710)),
        *(*c.five_readings(13, 709.9, 160), *c.five_readings(13, 711, 130)),
    ]


CORRECTIONS = [
    Correction(
        "a changed profile",
        lambda c: [c.profile(1, 600, "San Diego")],
        {
            "workout_bpm_summary": {
                (1, 1, 1): {"city": "San Diego", "num_recordings": 3},
                (1, 3, 1): {"city": "San Diego", "num_recordings": 2},
            }
        },
    ),
    Correction(
        "a changed date of birth",
        lambda c: [c.profile(1, 600, "Oakland", born="01/06/1950")],
        {
            "workout_bpm_summary": {(1, 1, 1): {"age": 75}, (1, 3, 1): {"age": 75}},
            "workout_zones": {(1, 1, 1): {"hr_max": 155.5}, (1, 3, 1): {"hr_max": 155.5}},
        },
    ),
    Correction(
        "readings of the minute after a workout",
        lambda c: c.five_readings(13, 611, 120),
        {"workout_zones": {(3, 9, 1): {"recovery_60": 40.0, "seconds_measured": 6.0}}},
    ),
    Correction(
        "another workout within a minute",
        lambda c: [c.workout(3, 11, "start", 710.5), c.workout(3, 11, "stop", 710.6)],
        {
            "workout_bpm_summary": {(3, 11, 1): {"num_recordings": 0}},
            "workout_zones": {(3, 10, 1): {"recovery_60": None}},
        },
    ),
    Correction(
        "a stop nearer the start",
        lambda c: [c.workout(1, 3, "stop", 220)],
        {
            "workout_bpm_summary": {(1, 3, 1): {"max_bpm": 110.0, "num_recordings": 1}},
            "gym_summary": {("aa:01", 1, at(195), 3, 1): {"minutes_exercising": 20.0}},
        },
    ),
    Correction(
        "a stop of an open session",
        lambda c: [c.workout(1, 2, "stop", 120)],
        {
            "workout_bpm_summary": {(1, 2, 1): {"avg_bpm": 130.0, "num_recordings": 1}},
            "gym_summary": {
                ("aa:01", 1, at(95), None, None): None,
                ("aa:01", 1, at(95), 2, 1): {"minutes_exercising": 20.0},
            },
        },
    ),
    Correction(
        "a logout of an open visit",
        lambda c: [c.visit(2, 2, 295, 330)],
        {
            "gym_summary": {
                ("aa:02", 2, at(295), 2, 1): {"minutes_in_gym": 35.0, "minutes_exercising": 20.0}
            }
        },
    ),
    Correction(
        "a later logout of a closed visit",
        lambda c: [c.visit(2, 1, 5, 25)],
        {
            "gym_summary": {
                ("aa:02", 1, at(5), 1, 1): {"minutes_in_gym": 20.0, "minutes_exercising": 15.0}
            }
        },
    ),
    Correction(
        "a reading resent with another value, and another by an older message",
        lambda c: [c.reading(11, 12, 70, sent=600), c.reading(11, 20, 200, sent=19)],
        {"workout_bpm_summary": {(1, 1, 1): {"min_bpm": 70.0, "avg_bpm": 110.0, "max_bpm": 140.0}}},
    ),
    Correction(
        "a device passed on before readings that are here",
        lambda c: [c.registration(3, 12, 4, 290)],
        {
            "workout_bpm_summary": {
                (2, 2, 1): {"num_recordings": 0, "avg_bpm": None},
                (3, 7, 1): {"num_recordings": 4, "avg_bpm": 110.0},
            }
        },
    ),
    Correction(
        "a mac address owned by another before the first owner known",
        lambda c: [c.registration(3, 14, 2, 40)],
        {
            "gym_summary": {
                ("aa:02", 1, at(5), 1, 1): None,
                ("aa:02", 1, at(5), 8, 1): {"minutes_in_gym": 15.0, "minutes_exercising": 10.0},
            }
        },
    ),
]


def test_a_correction_repairs_every_row_that_it_touches_and_writes_no_other(lake: Lake) -> None:
    """All corrections in one build, each in a scenario of its own.

    Delta's change feed of each silver and gold table has the rows that the build wrote.
    """
    scenarios = [RecordFactory(number) for number in range(1, len(CORRECTIONS) + 1)]
    land(lake, [record for scenario in scenarios for record in first_records(scenario)])
    lake.build()
    assert not lake.differences()
    before, versions = all_rows(lake), {table: version(lake, table) for table in TABLE_KEYS}
    corrections = [*zip(CORRECTIONS, scenarios, strict=True)]
    land(lake, [record for correction, own in corrections for record in correction.records(own)])
    lake.build()
    after = all_rows(lake)
    assert not lake.differences()
    differing = {table: differing_keys(before[table], after[table]) for table in TABLE_KEYS}
    written = {table: written_keys(lake, table, versions[table]) for table in TABLE_KEYS}
    assert written == differing
    for table in ("workout_bpm_summary", "gym_summary", "workout_zones"):
        expected = {
            own_key(own, key): (values, correction.name)
            for correction, own in corrections
            for key, values in correction.gold.get(table, {}).items()
        }
        if table != "workout_zones":  # Not all of its rows that change are named.
            assert differing[table] == set(expected)
        for key, (values, name) in expected.items():
            row = after[table].get(key)
            found = row and values and {column: row[column] for column in values}
            assert found == values, f"{name}: {table} {key}"


def own_key(own: RecordFactory, key: Key) -> Key:
    """Return the key of a scenario's row, for the key in the scenario numbered 0."""
    first = key[0]
    return (own.id(first) if isinstance(first, int) else own.mac(int(str(first)[3:])), *key[1:])


def all_rows(lake: Lake) -> dict[str, dict[Key, Row]]:
    return {table: rows_by_key(lake, table) for table in TABLE_KEYS}


def rows_by_key(lake: Lake, table: str) -> dict[Key, Row]:
    rows = without_lineage(lake.rows(f"{layer_of(table)}.{table}"))
    return {key_of(table, row): row for row in rows}


def key_of(table: str, row: Row) -> Key:
    return tuple(in_utc(row[column]) for column in TABLE_KEYS[table])


def differing_keys(before: dict[Key, Row], after: dict[Key, Row]) -> set[Key]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def version(lake: Lake, table: str) -> int:
    return lake.version(f"{layer_of(table)}.{table}")


def written_keys(lake: Lake, table: str, since: int) -> set[Key]:
    """Return the keys of all rows written after version `since`, whether or not they changed."""
    if version(lake, table) == since:  # Delta refuses to start beyond the newest version.
        return set()
    feed = lake.spark.read.format("delta").option("readChangeFeed", "true")
    path = lake.settings.lakehouse / layer_of(table) / table
    changes = feed.option("startingVersion", since + 1).load(str(path))
    return {key_of(table, row.asDict()) for row in changes.collect()}
