"""What `fitness status` shows, from the logs and the folders."""

import json
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fitness import build_log, restart_log
from fitness.cli import app
from fitness.continuous import check_heap
from fitness.dbt_arguments import with_whole_tests
from fitness.doctor import heap
from fitness.errors import MORE_MEMORY, HeapError
from fitness.lock import only_one
from fitness.restart_log import Restart
from fitness.status import as_text, read_status
from python_ingest.settings import Settings
from tests.python.work_logs import START, land_batch, note_build


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "landing", tmp_path / "lakehouse", "local")


def test_the_status_of_an_empty_lakehouse(settings: Settings) -> None:
    assert as_text(read_status(settings), START) == [
        "ingest   not at work",
        "build    not at work",
        "bronze   up to date",
        "silver   up to date",
        "gold     up to date",
    ]


def test_gold_is_behind_by_what_landed_since_the_last_build_of_all_its_models(
    settings: Settings,
) -> None:
    land_batch(settings, 0, 100)
    assert read_status(settings).gold.count == 100
    note_build(settings, 10.2 / 60)  # The batch had landed by 10 seconds.
    land_batch(settings, 2, 0)
    assert read_status(settings).gold.count == 0
    land_batch(settings, 3, 20)
    land_batch(settings, 4, 3)
    note_build(settings, 5, ["silver"])
    assert read_status(settings).silver.count == 0
    note_build(settings, 6, [], unique_users="Got 2 results")
    found = read_status(settings)
    assert (found.gold.count, found.gold.since) == (23, START + timedelta(minutes=3, seconds=10))
    text = as_text(found, START + timedelta(minutes=7))
    assert "gold     23 rows behind, the oldest for 230 s" in text
    assert "failed   unique_users: Got 2 results" in text
    assert "         its rows: uv run fitness show failures.unique_users" in text
    note_build(settings, 8, ["gold"])
    assert read_status(settings).gold.count == 0


def test_a_test_of_whole_tables_that_failed_is_shown_until_it_passes(settings: Settings) -> None:
    note_build(settings, 1, arguments=with_whole_tests([]), unique_users="Got 2 results")
    note_build(settings, 2)
    assert "failed   unique_users: Got 2 results" in as_text(read_status(settings), START)
    for layers in ((), ("silver",)):
        note_build(settings, 3, layers, with_whole_tests([]))
        assert read_status(settings).failed
    note_build(settings, 4, arguments=with_whole_tests([]))
    assert read_status(settings).failed == []


def test_a_developers_builds_do_not_count_as_productions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_batch(settings, 0, 100)
    with monkeypatch.context() as patched:
        patched.setenv("FITNESS_DEV", "anna")
        note_build(settings, 1)
        assert read_status(settings).gold.count == 0
    assert read_status(settings).gold.count == 100


def test_bronze_is_behind_by_the_files_that_have_not_landed(settings: Settings) -> None:
    for name in ("a.csv", "b.csv", ".hidden"):
        file = settings.landing / "gym_logins_bz" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mac_address,gym,login,logout\n")
    assert read_status(settings).bronze.count == 2


def test_batches_that_an_earlier_version_logged_are_read(settings: Settings) -> None:
    land_batch(settings, 0, 100)
    [log] = (settings.lakehouse / "ingest_log").iterdir()
    log.write_text(log.read_text().replace("skipped_files", "left_out"))
    assert read_status(settings).gold.count == 100


def test_incomplete_entries_and_those_of_another_version_are_skipped(settings: Settings) -> None:
    note_build(settings, 1)
    [log] = (settings.lakehouse / "build_log").iterdir()
    log.write_text('{"began": "of another version"}\n' + log.read_text() + '{"started_at": "20')
    note_build(settings, 2)
    assert [build.began.minute for build in build_log.newest(settings.lakehouse, 9)] == [1, 2]


def test_a_running_build_is_shown(settings: Settings) -> None:
    with only_one(settings.lakehouse, "build"):
        found = read_status(settings)
    assert found.build is not None
    assert found.ingest is None


SLOW = "warning  the last build took more than 2 times as long as usual: "


@pytest.mark.parametrize(
    ("seconds", "arguments", "is_slow"),
    [(10.0, [], False), (10.1, [], True), (10.0, with_whole_tests([]), False)],
)
def test_a_build_that_takes_more_than_twice_the_median_is_a_warning(
    settings: Settings, seconds: float, arguments: list[str], is_slow: bool
) -> None:
    """Only builds of the same kind are compared."""
    note_build(settings, 0, seconds=5, arguments=with_whole_tests([]))
    for minute, usual in enumerate((4.0, 60.0, 5.0), 1):
        note_build(settings, minute, seconds=usual)
    note_build(settings, 4, ["silver"], seconds=1)
    note_build(settings, 5, seconds=seconds, arguments=arguments)
    text = as_text(read_status(settings), START)
    assert any(f"in {seconds:.1f} s; 5.0 s is usual" in line for line in text)
    assert any(line.startswith(SLOW) for line in text) == is_slow


def test_the_last_restart_of_spark_and_its_reason_are_shown(settings: Settings) -> None:
    for day in (1, 2):
        restart_log.add(settings.lakehouse, Restart(f"2026-01-0{day}T00:00:00+00:00", "a reason"))
    assert "restart  2026-01-02T00:00:00+00:00  a reason" in as_text(read_status(settings), START)


@pytest.mark.parametrize(("collecting", "is_too_full"), [(2.0, False), (2.1, True)])
def test_a_build_that_spends_too_much_time_in_garbage_collection_is_a_heap_error(
    settings: Settings, collecting: float, is_too_full: bool
) -> None:
    note_build(settings, 0, collecting_seconds=5)
    note_build(settings, 1, live_mib=990, collecting_seconds=collecting)
    with pytest.raises(HeapError, match="990 of 1,000 MiB") if is_too_full else nullcontext():
        check_heap(settings)


@pytest.mark.parametrize(("live", "is_good"), [(899.0, True), (901.0, False)])
def test_the_doctor_shows_the_heap(settings: Settings, live: float, is_good: bool) -> None:
    note_build(settings, 0, live_mib=live)
    [finding] = heap(settings)
    assert finding.what.startswith(f"heap: {live:.0f} of 1,000 MiB in use after the build of ")
    assert finding.is_good == is_good
    assert finding.what.endswith(MORE_MEMORY) == (not is_good)


def test_the_command_exits_with_1_only_after_a_failed_build(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITNESS_LANDING", str(settings.landing))
    monkeypatch.setenv("FITNESS_LAKEHOUSE", str(settings.lakehouse))
    land_batch(settings, 0, 1)
    note_build(settings, 1)
    good = CliRunner().invoke(app, ["status", "--json"])
    assert good.exit_code == 0
    assert json.loads(good.output)["gold"]["count"] == 0
    note_build(settings, 2, users="died")
    bad = CliRunner().invoke(app, ["status"])
    assert bad.exit_code == 1
    assert "failed   users: died" in bad.output
