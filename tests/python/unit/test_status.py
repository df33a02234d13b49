"""What `fitness status` says, from the logs and the folders."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from python_ingest import build_log
from python_ingest.cli import app
from python_ingest.dbt_arguments import with_whole_tests
from python_ingest.lock import only_one
from python_ingest.settings import Settings
from python_ingest.status import as_text, read_status
from tests.python.work_logs import START, land_batch, note_build


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "landing", tmp_path / "lakehouse", "local")


def test_of_nothing_it_says_so(settings: Settings) -> None:
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


def test_a_test_of_whole_tables_that_failed_is_said_until_one_passes(settings: Settings) -> None:
    note_build(settings, 1, arguments=with_whole_tests([]), unique_users="Got 2 results")
    note_build(settings, 2)
    assert "failed   unique_users: Got 2 results" in as_text(read_status(settings), START)
    for layers in ((), ("silver",)):
        note_build(settings, 3, layers, with_whole_tests([]))
        assert read_status(settings).failed
    note_build(settings, 4, arguments=with_whole_tests([]))
    assert read_status(settings).failed == []


def test_a_developers_builds_say_nothing_of_production(
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


def test_entries_of_another_version_and_torn_ones_are_passed_over(settings: Settings) -> None:
    note_build(settings, 1)
    [log] = (settings.lakehouse / "build_log").iterdir()
    log.write_text('{"began": "of another version"}\n' + log.read_text() + '{"started_at": "20')
    note_build(settings, 2)
    assert [build.began.minute for build in build_log.newest(settings.lakehouse, 9)] == [1, 2]


def test_what_is_at_work_is_named(settings: Settings) -> None:
    with only_one(settings.lakehouse, "build"):
        found = read_status(settings)
    assert found.build is not None
    assert found.ingest is None


def test_the_command_ends_with_1_after_a_failed_build_only(
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
