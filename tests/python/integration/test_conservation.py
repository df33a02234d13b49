"""Every lost row is found: each landed line is in silver, superseded there or in quarantine."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from python_ingest.build import build
from python_ingest.dbt_arguments import with_whole_tests
from python_ingest.errors import BuildError
from python_ingest.status import read_status
from tests.python.lake import Lake
from tests.python.worlds import world_from_seed

LINES = "every_line_is_accounted_for"
SESSIONS = "every_completed_session_is_a_workout_with_a_summary"
LOSSES = {
    "registered_users_bz": "users",
    "user_info_bz": "user_profile_history",
    "workouts_bz": "workouts",
    "heart_rate_bz": "heart_rate",
    "gym_logins_bz": "gym_logs",
    "unrouted_bz": "quarantine where feed = 'unrouted_bz'",
}
UNACCOUNTED_READING = """
    select
        device_id, timestamp'2026-01-01', date'2026-01-01', user_id, 60, true, null, null
    from silver.device_assignments limit 1
"""


@pytest.fixture(scope="module")
def saved(warm_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build a world, and keep a copy of it."""
    warm_lake.empty()
    world_from_seed(54).write_all(warm_lake.settings.landing)
    warm_lake.ingest()
    warm_lake.build()
    build(warm_lake.settings, ["--select", LINES, SESSIONS])
    copy = tmp_path_factory.mktemp("saved")
    warm_lake.save(copy)
    yield copy
    warm_lake.empty()


@pytest.fixture
def built(warm_lake: Lake, saved: Path) -> Lake:
    """Restore the built world."""
    warm_lake.restore(saved)
    return warm_lake


def failing_rows(lake: Lake, test: str, *arguments: str) -> list[dict[str, object]]:
    """Run a test that must fail; return the rows that it stores."""
    with pytest.raises(BuildError, match=test):
        build(lake.settings, ["--select", test, *arguments])
    last = read_status(lake.settings).last
    assert last
    return lake.rows(last.rows[test])


def test_every_lost_row_and_a_line_that_waits_in_vain_are_found(built: Lake) -> None:
    """An everyday build, which looks at what has changed, finds what the whole test finds.

    The whole test also finds rows that no line accounts for.
    """
    waiting = next(r for r in built.rows("silver.quarantine") if r["reason"] == "unknown_device")
    built.spark.sql(f"""
        insert into silver.device_assignments
        select {waiting["_waits_for"]}, * except (device_id)
        from silver.device_assignments limit 1
    """)
    for lost in LOSSES.values():
        built.spark.sql(f"delete from silver.{lost}")
    rows = failing_rows(built, LINES)
    last = read_status(built.settings).last
    assert last
    # What quarantine has lost an everyday build knows by its row, one for a line that came twice.
    unrouted = [row["raw"] for row in rows if row["feed"] == "unrouted_bz"]
    expected = len(rows) - len(unrouted) + len(set(unrouted))
    assert last.failures[LINES].startswith(f"Got {expected} results")
    problems = Counter((row["problem"], row["feed"]) for row in rows)
    assert problems.keys() == {
        ("line waits in quarantine for what is registered", "heart_rate_bz"),
        *(("line neither in silver nor in quarantine", feed) for feed in LOSSES),
    }
    built.spark.sql(f"insert into silver.heart_rate {UNACCOUNTED_READING}")
    for raw in ("raw", "concat(raw, '!')"):
        built.spark.sql(f"""
            insert into silver.quarantine
            select
                md5({raw}), feed, reason, {raw}, _record, _waits_for, _source_file, _first_seen_at
            from silver.quarantine where _waits_for is null limit 1
        """)
    found = Counter(
        str(row["problem"]) for row in failing_rows(built, LINES, *with_whole_tests([]))
    )
    known = Counter(str(row["problem"]) for row in rows)
    assert found - known == {
        "row of quarantine without a line": 2,
        "row of silver without a line": 1,
    }
    assert not known - found


def test_a_completed_session_without_workout_or_summary_is_found(built: Lake) -> None:
    rows = built.rows("gold.workout_bpm_summary")
    users = sorted({row["user_id"] for row in rows}, key=str)[:2]
    for table, user in zip(
        ("gold.workout_bpm_summary", "silver.completed_workouts"), users, strict=True
    ):
        built.spark.sql(f"delete from {table} where user_id = {user}")
    found = failing_rows(built, SESSIONS)
    assert {row["user_id"] for row in found} == {*users}
    built.build("--full-refresh", "--select", "workout_bpm_summary", "completed_workouts")
    build(built.settings, ["--select", SESSIONS])
