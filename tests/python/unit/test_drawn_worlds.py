"""Random worlds cover all tables, reasons and states; the reference is consistent on them."""

import tempfile
from pathlib import Path

from hypothesis import given, settings

from tests.python.reference import KEYS, SCHEMA, tables
from tests.python.unit.reference_lines import Tables
from tests.python.worlds import World, compare, world_from_seed, worlds


def landed_tables(world: World, batches: list[int]) -> Tables:
    with tempfile.TemporaryDirectory() as folder:
        for index in batches:
            world.write(index, Path(folder))
        return tables(Path(folder))


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
    for seed in range(300):
        if seen >= wanted:
            break
        world = world_from_seed(seed)
        made = landed_tables(world, list(range(len(world.batches))))
        seen |= {table for table, rows in made.items() if rows}
        seen |= {str(row["reason"]) for row in made["quarantine"]}
        seen |= {str(row["state"]) for row in made["workout_sessions"]}
        seen |= {"exercise" for row in made["gym_summary"] if row["workout_id"] is not None}
        seen |= {"recordings" for row in made["workout_bpm_summary"] if row["num_recordings"]}
    assert seen == wanted


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
