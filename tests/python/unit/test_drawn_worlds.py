"""Random worlds cover all tables, reasons and states; the reference is consistent on them."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings

from tests.python.reference import KEYS, SCHEMA, tables
from tests.python.reference_gold import SECONDS_COLUMNS
from tests.python.unit.reference_lines import Tables
from tests.python.worlds import BATCHES, World, compare, world_from_seed, worlds


def landed_tables(world: World, batches: list[int]) -> Tables:
    with tempfile.TemporaryDirectory() as folder:
        for index in batches:
            world.write(index, Path(folder))
        return tables(Path(folder))


@cache
def drawn_tables() -> list[dict[str, Any]]:
    """Return the tables of some worlds."""
    return [landed_tables(world_from_seed(n), list(range(BATCHES))) for n in range(1, 26)]


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_keys_are_unique_and_no_batching_changes_a_table(world: World) -> None:
    everything = list(range(len(world.batches)))
    made = landed_tables(world, everything)
    again = landed_tables(world, [*reversed(everything), *everything])
    assert set(made) == set(KEYS) == set(SCHEMA)
    for table, key in KEYS.items():
        assert compare(made[table], again[table], key) == []
        if table != "quarantine":
            assert len({tuple(row[c] for c in key) for row in made[table]}) == len(made[table])


def test_worlds_reach_every_table_reason_and_state() -> None:
    wanted = {
        *KEYS,
        *("malformed", "missing_key", "bad_value"),
        *("unknown_device", "unknown_user", "unknown_mac"),
        *("completed", "open", "orphan_stop", "overlong", "exercise", "recordings"),
    }
    seen: set[str] = set()
    for made in drawn_tables():
        seen |= {table for table, rows in made.items() if rows}
        seen |= {str(row["reason"]) for row in made["quarantine"]}
        seen |= {str(row["state"]) for row in made["workout_sessions"]}
        seen |= {"exercise" for row in made["gym_summary"] if row["workout_id"] is not None}
        seen |= {"recordings" for row in made["workout_bpm_summary"] if row["num_recordings"]}
    assert seen == wanted


def test_many_worlds_have_each_kind_of_workout_day_of_training_and_visit() -> None:
    wanted = {
        *(*SECONDS_COLUMNS, "hr_max by age", "age without hr_max"),
        *("hold cut off", "hold until the next reading", "two devices at an instant"),
        *("recovery", "recovery within 65 s of a workout", "recovery with four readings"),
        *("load", "form", "unmeasured_workouts", "days apart"),
        *("overlap of two macs", "touching visits", "over midnight", "12 hours", "over 12 hours"),
        *("repeated hour", "two at once"),
    }
    found: Counter[str] = Counter()
    for made in drawn_tables():
        found.update({*of_workouts(made), *of_training(made), *of_visits(made)})
    assert set(found) == wanted
    assert min(found.values()) >= 2, found


def true_of(conditions: dict[str, object]) -> list[str]:
    return [name for name, is_true in conditions.items() if is_true]


def of_workouts(made: dict[str, Any]) -> Iterator[str]:
    valid = [row for row in made["heart_rate"] if row["is_valid"]]
    for row, summary in zip(made["workout_zones"], made["workout_bpm_summary"], strict=True):
        start, end = row["start_time"], row["end_time"]
        times = sorted(r["event_time"] for r in valid if r["user_id"] == row["user_id"])
        held = pairwise([*(time for time in times if start <= time < end), end])
        lengths = [(until - time).total_seconds() for time, until in held]
        after_end = [(time - end).total_seconds() for time in times]
        counts = sum(-10 <= s < 0 for s in after_end), sum(55 <= s <= 65 for s in after_end)
        is_enough, is_measured = min(counts) >= 5, row["recovery_60"] is not None
        yield from true_of(
            {
                **{name: row[name] for name in SECONDS_COLUMNS},
                "hr_max by age": row["hr_max"],
                "age without hr_max": summary["age"] is not None and not row["hr_max"],
                "hold cut off": any(length > 10 for length in lengths),
                "hold until the next reading": any(0 < length < 10 for length in lengths),
                "two devices at an instant": 0 in lengths,
                "recovery": is_measured,
                "recovery within 65 s of a workout": is_enough and not is_measured,
                "recovery with four readings": min(counts) == 4,
            }
        )


def of_training(made: dict[str, Any]) -> Iterator[str]:
    days = made["training_days"]
    for name in ("load", "form", "unmeasured_workouts"):
        yield from true_of({name: any(row[name] for row in days)})
    for one, other in combinations(days, 2):
        is_apart = abs(one["date"] - other["date"]) > timedelta(days=1)
        yield from true_of({"days apart": is_apart and one["user_id"] == other["user_id"]})


def of_visits(made: dict[str, Any]) -> Iterator[str]:
    nothing, longest = timedelta(0), timedelta(hours=12)
    closed = [(row, row["logout"] - row["login"]) for row in made["gym_logs"] if row["logout"]]
    counted = [row for row, length in closed if nothing < length <= longest]
    for one, other in combinations(counted, 2):
        if (one["user_id"], one["gym"]) == (other["user_id"], other["gym"]):
            shared = min(one["logout"], other["logout"]) - max(one["login"], other["login"])
            two_macs = one["mac_address"] != other["mac_address"]
            yield from true_of({"overlap of two macs": two_macs and shared > nothing})
            yield from true_of({"touching visits": shared == nothing})
    hours = made["gym_occupancy"]
    local = Counter((row["gym"], row["local_date"], row["local_hour"]) for row in hours)
    zone = ZoneInfo("America/Los_Angeles")
    yield from true_of(
        {
            "over midnight": any(
                row["login"].astimezone(zone).date() < row["logout"].astimezone(zone).date()
                for row in counted
                if row["gym"] <= 10
            ),
            "12 hours": any(length == longest for _, length in closed),
            "over 12 hours": any(length > longest for _, length in closed),
            "repeated hour": any(rows > 1 for rows in local.values()),
            "two at once": any(row["peak"] > 1 for row in hours),
        }
    )


def test_a_seed_gives_the_same_world_again() -> None:
    assert world_from_seed(3) == world_from_seed(3)
    assert world_from_seed(3) != world_from_seed(4)


def test_compare_names_what_differs() -> None:
    expected: list[dict[str, object]] = [{"k": 1, "v": 1.0}, {"k": 2, "v": None}, {"k": 3, "v": 3}]
    actual: list[dict[str, object]] = [
        {"k": 1, "v": 1.0 + 1e-12, "_lineage": 7},
        {"k": 3, "v": 4},
        {"k": 4, "v": 5},
    ]
    assert compare(expected, actual, ["k"]) == [
        "missing: k=2 {'k': 2, 'v': None}",
        "differs: k=3: v is 4, expected 3",
        "unexpected: k=4 {'k': 4, 'v': 5}",
    ]
    assert compare(expected, expected[::-1], ["k"]) == []
    assert compare([{"k": 1}], [{"k": 1}, {"k": 1}], ["k"]) == ["unexpected: k=1 {'k': 1}"]
    assert compare([{"k": 1}, {"k": 1}], [{"k": 1}], ["k"]) == ["missing: k=1 {'k': 1}"]
    assert compare([{"k": 1, "v": 1.0}], [{"k": 1, "v": 1.0 + 1e-8}], ["k"]) != []
    assert compare([{"k": 1, "v": None}], [{"k": 1}], ["k"]) == [
        "differs: k=1: v is no column, expected None"
    ]
