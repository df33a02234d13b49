"""Every lost row is found: each landed line is in silver, superseded there or in quarantine."""

from collections import Counter

import pytest

from fitness.build import build, target_folder
from fitness.dbt_arguments import with_whole_tests
from fitness.errors import BuildError
from fitness.status import read_status
from tests.python.lake import Lake

LINES = "test_name:every_line_is_accounted_for"
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


def failing_rows(
    lake: Lake, selected: str, *, whole: bool = False
) -> dict[str, list[dict[str, object]]]:
    """Run tests that must fail; return the rows that they store, by test."""
    arguments = ["--select", selected]
    with pytest.MonkeyPatch.context() as patched, pytest.raises(BuildError):
        if whole:
            # With other variables dbt parses all files again; with a folder of its own only once.
            patched.setenv("DBT_TARGET_PATH", str(target_folder() / "whole"))
            arguments = with_whole_tests(arguments)
        build(lake.settings, arguments)
    last = read_status(lake.settings).last
    assert last
    return {test: lake.rows(table) for test, table in last.rows.items()}


def problems_of(failed: dict[str, list[dict[str, object]]]) -> Counter[tuple[object, str]]:
    """Count the problems that tests of lines have found, by problem and feed."""
    return Counter(
        (row["problem"], next(feed for feed in LOSSES if test.endswith(feed)))
        for test, rows in failed.items()
        for row in rows
    )


def test_every_lost_row_is_found(built: Lake) -> None:
    """An everyday build, which tests what has changed, finds what the whole test finds."""
    for rows in LOSSES.values():
        built.spark.sql(f"delete from silver.{rows}")
    failed = failing_rows(built, LINES)
    last = read_status(built.settings).last
    assert last
    for test, found in failed.items():
        # An everyday build counts rows that quarantine lost: one for a line that was sent twice.
        expected = len({row["raw"] for row in found} if test.endswith("unrouted_bz") else found)
        assert last.failures[test].startswith(f"Got {expected} result")
    problems = problems_of(failed)
    assert problems.keys() == {("line neither in silver nor in quarantine", f) for f in LOSSES}
    assert problems_of(failing_rows(built, LINES, whole=True)) == problems


def test_a_line_that_waits_for_a_known_id_and_a_row_without_a_line_are_found(built: Lake) -> None:
    """Rows without a line are found only by tests of whole tables."""
    waiting = next(r for r in built.rows("silver.quarantine") if r["reason"] == "unknown_device")
    built.spark.sql(f"""
        insert into silver.device_assignments
        select {waiting["_waits_for"]}, * except (device_id)
        from silver.device_assignments limit 1
    """)
    not_released = ("line waits in quarantine for what is registered", "heart_rate_bz")
    assert problems_of(failing_rows(built, LINES)).keys() == {not_released}
    built.spark.sql(f"insert into silver.heart_rate {UNACCOUNTED_READING}")
    for raw in ("raw", "concat(raw, '!')"):
        built.spark.sql(f"""
            insert into silver.quarantine
            select
                md5({raw}), feed, reason, {raw}, _record, _waits_for, _source_file, _first_seen_at
            from silver.quarantine where _waits_for is null and feed = 'heart_rate_bz' limit 1
        """)
    built.spark.sql("""
        insert into silver.quarantine
        select
            md5('x'), feed, 'unknown_user', 'x', _record, _waits_for, _source_file, _first_seen_at
        from silver.quarantine where _waits_for is null and feed = 'heart_rate_bz' limit 1
    """)
    found = problems_of(failing_rows(built, LINES, whole=True))
    assert found.pop(not_released)
    assert found == {
        ("row of quarantine without a line", "heart_rate_bz"): 3,
        ("row of silver without a line", "heart_rate_bz"): 1,
        ("reason that the contract does not have", "heart_rate_bz"): 1,
    }


def test_a_completed_session_without_workout_or_summary_is_found(built: Lake) -> None:
    rows = built.rows("gold.workout_bpm_summary")
    users = sorted({row["user_id"] for row in rows}, key=str)[:2]
    for table, user in zip(
        ("gold.workout_bpm_summary", "silver.completed_workouts"), users, strict=True
    ):
        built.spark.sql(f"delete from {table} where user_id = {user}")
    found = failing_rows(built, SESSIONS)
    assert {row["user_id"] for row in found[SESSIONS]} == {*users}
    built.build("--full-refresh", "--select", "workout_bpm_summary", "completed_workouts")
    build(built.settings, ["--select", SESSIONS])
