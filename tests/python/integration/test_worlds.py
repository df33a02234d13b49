"""Silver and gold equal the reference and a full refresh, after any increments."""

from collections import Counter
from contextlib import suppress
from random import Random

import pytest

from python_ingest.build import build
from python_ingest.dbt_arguments import with_whole_tests
from python_ingest.errors import BuildError
from python_ingest.status import read_status
from tests.python.lake import Lake, differences
from tests.python.reference import KEYS
from tests.python.worlds import World, world_from_seed

EVERYDAY_SEEDS = (5,)  # a world of few batches
NIGHTLY_SEEDS = tuple(seed for seed in range(1, 33) if seed not in EVERYDAY_SEEDS)


def check(lake: Lake, world: World, when: str) -> None:
    found = lake.differences()
    assert not found, "\n".join([when, *found[:20], world.describe()])


@pytest.mark.parametrize(
    "seed",
    [*EVERYDAY_SEEDS, *(pytest.param(seed, marks=pytest.mark.slow) for seed in NIGHTLY_SEEDS)],
)
def test_tables_equal_the_reference_and_a_full_refresh_after_any_increments(
    lake: Lake, seed: int
) -> None:
    """The seed decides the records, how they are batched, and what is built between."""
    world, chance = world_from_seed(seed), Random(seed)  # noqa: S311 - no secret
    refreshed_after = chance.randrange(len(world.batches) - 1)
    for batch in range(len(world.batches)):
        when = f"seed {seed}, after batch {batch}"
        world.write(batch, lake.settings.landing)
        lake.ingest()
        if chance.random() < 0.4:
            build_some_models(lake, chance, can_fail=batch == 0)
        if chance.random() < 0.3:
            lake.build_and_test()
        else:
            lake.build()
        check(lake, world, when)
        if batch in (refreshed_after, len(world.batches) - 1):
            before = lake.contents()
            lake.build("--full-refresh")
            found = differences(lake.contents(), before)
            assert not found, "\n".join([f"{when}, full refresh", *found[:20], world.describe()])


def build_some_models(lake: Lake, chance: Random, can_fail: bool) -> None:
    """Build one to four models on their own; of tables not made yet that fails."""
    with suppress(*[BuildError] * can_fail):
        lake.build("--select", *chance.sample(sorted(KEYS), chance.randint(1, 4)))


def test_all_tests_of_the_models_pass_and_a_run_without_news_changes_no_table(lake: Lake) -> None:
    world = world_from_seed(3)
    world.write_all(lake.settings.landing)
    lake.ingest()
    lake.build_and_test()
    check(lake, world, "seed 3, at once")
    tables = [
        f"{path.parent.name}.{path.name}"
        for layer in ("bronze", "silver", "gold", "snapshots", "ops")
        for path in (lake.settings.lakehouse / layer).iterdir()
    ]
    before = {table: lake.version(table) for table in tables}
    assert not lake.ingest()
    lake.build_and_test()
    assert {table: lake.version(table) for table in tables} == before
    lake.unit_test()


LOSSES = {
    "registered_users_bz": "users",
    "user_info_bz": "user_profile_history",
    "workouts_bz": "workouts",
    "heart_rate_bz": "heart_rate",
    "gym_logins_bz": "gym_logs",
    "unrouted_bz": "quarantine where feed = 'unrouted_bz'",
}


def failing_rows(lake: Lake, test: str, *arguments: str) -> list[dict[str, object]]:
    """Run a test that must fail; give the rows that it stores."""
    with pytest.raises(BuildError, match=test):
        build(lake.settings, ["--select", test, *arguments])
    last = read_status(lake.settings).last
    assert last
    return lake.rows(last.rows[test])


def test_every_lost_row_and_a_line_that_waits_in_vain_fail_the_test_of_lines(lake: Lake) -> None:
    """An everyday build, which looks at what has changed, finds what the whole test finds."""
    test = "every_line_is_accounted_for"
    world_from_seed(3).write_all(lake.settings.landing)
    lake.ingest()
    lake.build()
    build(lake.settings, ["--select", test])
    waiting = next(r for r in lake.rows("silver.quarantine") if r["reason"] == "unknown_device")
    lake.spark.sql(f"""
        insert into silver.device_assignments
        select {waiting["_waits_for"]}, * except (device_id)
        from silver.device_assignments limit 1
    """)
    for lost in LOSSES.values():
        lake.spark.sql(f"delete from silver.{lost}")
    rows = failing_rows(lake, test)
    last = read_status(lake.settings).last
    assert last
    # What quarantine has lost an everyday build knows by its row, one for a line that came twice.
    unrouted = [row["raw"] for row in rows if row["feed"] == "unrouted_bz"]
    expected = len(rows) - len(unrouted) + len(set(unrouted))
    assert last.failures[test].startswith(f"Got {expected} results")
    problems = Counter((row["problem"], row["feed"]) for row in rows)
    assert problems.keys() == {
        ("line waits in quarantine for what is registered", "heart_rate_bz"),
        *(("line neither in silver nor in quarantine", feed) for feed in LOSSES),
    }
    assert failing_rows(lake, test, *with_whole_tests([]))


def test_a_completed_session_without_workout_or_summary_fails_its_test(lake: Lake) -> None:
    test = "every_completed_session_is_a_workout_with_a_summary"
    world_from_seed(3).write_all(lake.settings.landing)
    lake.ingest()
    lake.build()
    build(lake.settings, ["--select", test])
    for table in ("gold.workout_bpm_summary", "silver.completed_workouts"):
        row = lake.rows(table)[0]
        lake.spark.sql(f"delete from {table} where user_id = {row['user_id']}")
        assert failing_rows(lake, test)
        lake.build("--full-refresh", "--select", table.partition(".")[2])
        build(lake.settings, ["--select", test])


def test_rows_that_no_line_accounts_for_fail_the_whole_test(lake: Lake) -> None:
    world_from_seed(3).write_all(lake.settings.landing)
    lake.ingest()
    lake.build()
    for raw in ("raw", "concat(raw, '!')"):
        lake.spark.sql(f"""
            insert into silver.quarantine
            select
                md5({raw}), feed, reason, {raw}, _record, _waits_for, _source_file, _first_seen_at
            from silver.quarantine where feed = 'heart_rate_bz' limit 1
        """)
    lake.spark.sql("""
        insert into silver.heart_rate
        select
            device_id, event_time + interval 1 microsecond, event_date, user_id, heartrate,
            is_valid, _broker_timestamp, _offset
        from silver.heart_rate limit 1
    """)
    rows = failing_rows(lake, "every_line_is_accounted_for", *with_whole_tests([]))
    found = Counter(str(row["problem"]) for row in rows)
    assert found == {"row of quarantine without a line": 2, "row of silver without a line": 1}
