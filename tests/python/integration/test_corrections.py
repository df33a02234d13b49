"""Late dimensions and corrections on the real stack: all that they touch is made right, no more."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.python.lake import Lake, in_utc, layer_of, without_lineage
from tests.python.reference import KEYS
from tests.python.worlds import (
    GYM_LOGINS,
    HEADERS,
    MULTIPLEX,
    REGISTERED_USERS,
    Batch,
    Record,
    World,
)

Row = dict[str, object]
Key = tuple[object, ...]
Gold = dict[str, dict[Key, Row | None]]

NINE_IN_LOS_ANGELES = datetime(2026, 1, 5, 17, tzinfo=UTC)
# The reference knows lines of quarantine by their text, the table by their hash.
TABLE_KEYS = {**KEYS, "quarantine": ("row_id",)}


@dataclass(frozen=True)
class Correction:
    """Records that come late, and what becomes of the gold rows that they touch; None: gone."""

    name: str
    records: list[Record]
    gold: Gold


# --- Records, their times in minutes after nine ---------------------------------------------------


def at(minute: int) -> datetime:
    return NINE_IN_LOS_ANGELES + timedelta(minutes=minute)


def seconds(minute: int) -> int:
    return int(at(minute).timestamp())


def registration(user: int, device: int, mac: str, minute: int) -> Record:
    line = f"{user},{device},{mac},{seconds(minute)}"
    return Record(REGISTERED_USERS, HEADERS[REGISTERED_USERS][0], line)


def visit(mac: str, gym: int, login: int, logout: int | None = None) -> Record:
    left = "" if logout is None else seconds(logout)
    return Record(GYM_LOGINS, HEADERS[GYM_LOGINS][0], f"{mac},{gym},{seconds(login)},{left}")


def message(topic: str, sent: int, payload: Row) -> Record:
    envelope = {"key": None, "partition": 0, "offset": 0, "timestamp": seconds(sent)}
    return Record(MULTIPLEX, None, json.dumps({**envelope, "topic": topic, "value": payload}))


def reading(device: int, minute: int, rate: int, sent: int | None = None) -> Record:
    payload: Row = {"device_id": device, "time": seconds(minute), "heartrate": rate}
    return message("bpm", minute if sent is None else sent, payload)


def workout(user: int, workout_id: int, action: str, minute: int) -> Record:
    ids: Row = {"user_id": user, "workout_id": workout_id, "session_id": 1}
    return message("workout", minute, {**ids, "timestamp": seconds(minute), "action": action})


def profile(user: int, minute: int, city: str) -> Record:
    event: Row = {"user_id": user, "timestamp": seconds(minute), "update_type": "update"}
    about: Row = {"dob": "01/06/1990", "gender": "F", "address": {"city": city, "state": "CA"}}
    return message("user_info", minute, {**event, **about})


def land(lake: Lake, records: list[Record]) -> None:
    batch = Batch(tuple(range(len(records))), byte_order_mark=False, line_end="\n")
    World(tuple(records), (batch,)).write(0, lake.settings.landing)
    lake.ingest()


# --- Late dimensions ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visitor:
    """Someone who trains once in a gym, with a device and a mac address of their own."""

    user: int

    @property
    def device(self) -> int:
        """Give their device's id."""
        return 10 + self.user

    @property
    def mac(self) -> str:
        """Give their mac address."""
        return f"aa:{self.user:02}"

    def registration(self) -> Record:
        """Give what makes them known."""
        return registration(self.user, self.device, self.mac, 60)

    def facts(self) -> dict[Record, str]:
        """Give what can come before the registration, and why it has to wait then."""
        return {
            reading(self.device, 20, 120): "unknown_device",
            workout(self.user, 1, "start", 10): "unknown_user",
            workout(self.user, 1, "stop", 30): "unknown_user",
            visit(self.mac, 1, 5, 40): "unknown_mac",
        }


@pytest.mark.slow
def test_facts_wait_for_their_registration_and_are_in_gold_in_the_first_build_after_it(
    lake: Lake,
) -> None:
    """Facts that come before the first build, and in an increment; one of a stray device stays."""
    known, early, later = Visitor(1), Visitor(4), Visitor(5)
    stray = {reading(99, 20, 120): "unknown_device"}

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
    """An earlier event that says the same takes a version's place."""
    first = [registration(1, 11, "aa:01", 0), profile(1, 10, "Oakland")]
    for records in (first, [profile(1, 5, "Oakland")]):
        land(lake, records)
        lake.build()
        lake.build_and_test("--select", "every_line_is_accounted_for")
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

# Users 1, 2 and 3 with devices 11, 12 and 13; what a correction meets is beside what it must not.
BEGINNING = [
    registration(1, 11, "aa:01", 0),
    registration(2, 12, "aa:02", 50),
    registration(3, 13, "aa:03", 0),
    profile(1, 0, "Oakland"),
    profile(2, 0, "Fresno"),
    *(workout(1, 1, "start", 10), workout(1, 1, "stop", 30)),
    *(reading(11, 12, 100), reading(11, 20, 120), reading(11, 28, 140)),
    visit("aa:01", 1, 5, 40),
    workout(1, 2, "start", 100),
    *(reading(11, 110, 130), reading(11, 125, 90)),
    visit("aa:01", 1, 95, 130),
    *(workout(1, 3, "start", 200), workout(1, 3, "stop", 240)),
    *(reading(11, 205, 110), reading(11, 230, 170)),
    visit("aa:01", 1, 195, 250),
    *(workout(2, 1, "start", 10), workout(2, 1, "stop", 30)),
    *(reading(12, 15, 105), reading(12, 25, 115)),
    visit("aa:02", 1, 5, 20),
    *(workout(2, 2, "start", 300), workout(2, 2, "stop", 320)),
    *(reading(12, 305, 125), reading(12, 311, 135), reading(12, 315, 145)),
    visit("aa:02", 2, 295),
    *(workout(3, 7, "start", 302), workout(3, 7, "stop", 312)),
    *(reading(13, 304, 95), reading(13, 310, 85)),
    *(workout(3, 8, "start", 8), workout(3, 8, "stop", 18)),
    reading(13, 9, 75),
    visit("aa:03", 2, 500, 510),
]

CORRECTIONS = [
    Correction(
        "a changed profile",
        [profile(1, 600, "San Diego")],
        {
            "workout_bpm_summary": {
                (1, 1, 1): {"city": "San Diego", "num_recordings": 3},
                (1, 3, 1): {"city": "San Diego", "num_recordings": 2},
            }
        },
    ),
    Correction(
        "a stop nearer the start",
        [workout(1, 3, "stop", 220)],
        {
            "workout_bpm_summary": {(1, 3, 1): {"max_bpm": 110.0, "num_recordings": 1}},
            "gym_summary": {("aa:01", 1, at(195), 3, 1): {"minutes_exercising": 20.0}},
        },
    ),
    Correction(
        "a stop of an open session",
        [workout(1, 2, "stop", 120)],
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
        [visit("aa:02", 2, 295, 330)],
        {
            "gym_summary": {
                ("aa:02", 2, at(295), 2, 1): {"minutes_in_gym": 35.0, "minutes_exercising": 20.0}
            }
        },
    ),
    Correction(
        "a later logout of a closed visit",
        [visit("aa:02", 1, 5, 25)],
        {
            "gym_summary": {
                ("aa:02", 1, at(5), 1, 1): {"minutes_in_gym": 20.0, "minutes_exercising": 15.0}
            }
        },
    ),
    Correction(
        "a reading resent with another value, and another by an older message",
        [reading(11, 12, 70, sent=600), reading(11, 20, 200, sent=19)],
        {"workout_bpm_summary": {(1, 1, 1): {"min_bpm": 70.0, "avg_bpm": 110.0, "max_bpm": 140.0}}},
    ),
    Correction(
        "a device passed on before readings that are here",
        [registration(3, 12, "aa:04", 290)],
        {
            "workout_bpm_summary": {
                (2, 2, 1): {"num_recordings": 0, "avg_bpm": None},
                (3, 7, 1): {"num_recordings": 4, "avg_bpm": 110.0},
            }
        },
    ),
    Correction(
        "a mac address owned by another before the first owner known",
        [registration(3, 14, "aa:02", 40)],
        {
            "gym_summary": {
                ("aa:02", 1, at(5), 1, 1): None,
                ("aa:02", 1, at(5), 8, 1): {"minutes_in_gym": 20.0, "minutes_exercising": 10.0},
            }
        },
    ),
]


def test_a_correction_repairs_every_row_that_it_touches_and_writes_no_other(lake: Lake) -> None:
    """What a build writes is told by Delta's change feed of each silver and gold table."""
    land(lake, BEGINNING)
    lake.build()
    assert not lake.differences()
    after = all_rows(lake)
    for correction in CORRECTIONS:
        before, versions = after, {table: version(lake, table) for table in TABLE_KEYS}
        land(lake, correction.records)
        lake.build()
        after = all_rows(lake)
        assert lake.differences() == [], correction.name
        differing = {table: differing_keys(before[table], after[table]) for table in TABLE_KEYS}
        written = {table: written_keys(lake, table, versions[table]) for table in TABLE_KEYS}
        assert written == differing, correction.name
        for table in ("workout_bpm_summary", "gym_summary"):
            expected = correction.gold.get(table, {})
            assert differing[table] == set(expected), correction.name
            for key, values in expected.items():
                row = after[table].get(key)
                found = row and values and {column: row[column] for column in values}
                assert found == values, f"{correction.name}: {table} {key}"


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
    """Give the keys of all rows written after version `since`, whether or not they changed."""
    if version(lake, table) == since:  # Delta refuses to start beyond the newest version.
        return set()
    feed = lake.spark.read.format("delta").option("readChangeFeed", "true")
    path = lake.settings.lakehouse / layer_of(table) / table
    changes = feed.option("startingVersion", since + 1).load(str(path))
    return {key_of(table, row.asDict()) for row in changes.collect()}
