"""An export has all rows of one person and none of anybody else, for the caller's eyes only."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from fitness.privacy.export import export
from python_ingest.errors import FitnessError, SettingError
from python_ingest.settings import Settings
from tests.python.unit.passed_on import (
    DEVICE,
    HANDOVER,
    MAC,
    NAME,
    STREET,
    USER,
    append,
    bronze_reading,
    instant,
    passed_on,
    quarantined,
    reading,
    visit,
    workout,
)

Rows = dict[str, list[dict[str, Any]]]
BEFORE = HANDOVER - 60


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a lakehouse in which the person has rows beside the other user's."""
    found = passed_on(tmp_path)
    registration = {"user_id": USER, "device_id": DEVICE, "mac_address": MAC}
    append(found, "bronze.registered_users_bz", registration | {"registration_timestamp": 5.0})
    append(found, "bronze.heart_rate_bz", bronze_reading(BEFORE), bronze_reading(BEFORE + 1))
    append(found, "bronze.gym_logins_bz", visit(BEFORE))
    append(found, "bronze.unrouted_bz", {"_is_malformed": True, "_raw": workout(USER)[:60]})
    key = {"device_id": DEVICE, "event_time": instant(BEFORE), "event_date": "2026-01-04"}
    append(found, "silver.heart_rate", {**key, "user_id": USER, "heartrate": 80.5}, by="event_date")
    append(
        found,
        "silver.quarantine",
        quarantined("heart_rate_bz", "bad_value", reading(BEFORE)),
        quarantined("registered_users_bz", "malformed", "12;7"),
    )
    append(found, "gold.gym_summary", {"mac_address": MAC, "login": instant(BEFORE)})
    append(
        found,
        "snapshots.user_profile_snapshot",
        {"user_id": USER, "first_name": NAME, "address": {"street_address": STREET}},
        {"user_id": USER + 100, "first_name": NAME, "address": None},
    )
    return found


def read_json(folder: Path) -> Rows:
    return {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}


def read_csv(folder: Path) -> Rows:
    def rows(file: Path) -> list[dict[str, Any]]:
        with file.open(newline="") as opened:
            return [*csv.DictReader(opened)]

    return {file.stem: rows(file) for file in folder.glob("*.csv")}


COUNTS = {
    "bronze.registered_users_bz": 1,
    "bronze.heart_rate_bz": 2,
    "bronze.gym_logins_bz": 1,
    "bronze.unrouted_bz": 1,
    "silver.heart_rate": 1,
    "silver.quarantine": 2,
    "gold.gym_summary": 1,
    "snapshots.user_profile_snapshot": 1,
}


@pytest.mark.parametrize("as_csv", [False, True], ids=["json", "csv"])
def test_each_table_has_a_file_with_all_rows_of_the_person_and_no_other(
    as_csv: bool, settings: Settings, tmp_path: Path
) -> None:
    folder = export(settings, USER, tmp_path / "new" / "out", as_csv)
    rows = (read_csv if as_csv else read_json)(folder)
    assert {name: len(own) for name, own in rows.items()} == COUNTS
    assert {row["_raw"] for row in rows["bronze.heart_rate_bz"]} == {
        reading(BEFORE),
        reading(BEFORE + 1),
    }
    [measured] = rows["silver.heart_rate"]
    assert float(measured["heartrate"]) == 80.5
    assert measured["event_time"] == "2026-01-05T07:59:00Z"
    assert measured["event_date"] == "2026-01-04"
    [profile] = rows["snapshots.user_profile_snapshot"]
    address = json.loads(profile["address"]) if as_csv else profile["address"]
    assert (profile["first_name"], address) == (NAME, {"street_address": STREET})


def test_a_readme_says_what_each_file_and_column_is(settings: Settings, tmp_path: Path) -> None:
    text = (export(settings, USER, tmp_path / "out", as_csv=False) / "README.txt").read_text()
    assert f"user {USER}," in text
    for name, count in COUNTS.items():
        assert f"{name}.json ({count} rows)" in text
    assert "Visits to gyms" not in text  # silver.gym_logs, of which there are no rows
    assert "event_time: When it was measured, UTC; the reading's own `time`." in text
    assert "_raw: The line as received." in text
    assert "doc(" not in text


def test_only_the_caller_may_read_it(settings: Settings, tmp_path: Path) -> None:
    folder = export(settings, USER, tmp_path / "out", as_csv=False)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_of_an_unknown_user_nothing_is_written(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(FitnessError, match="No table has rows of user 99"):
        export(settings, 99, tmp_path / "exports" / "out", as_csv=True)
    assert [*(tmp_path / "exports").iterdir()] == []


def test_what_is_there_is_not_overwritten(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    export(settings, USER, folder, as_csv=True)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for taken in (folder, folder / "README.txt"):
        with pytest.raises(SettingError, match="is not empty"):
            export(settings, USER, taken, as_csv=True)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_on_databricks_the_tables_are_to_be_queried(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "a", tmp_path / "b", target="databricks", catalog="fitness")
    with pytest.raises(FitnessError, match=r"docs/privacy\.md"):
        export(settings, USER, tmp_path / "out", as_csv=False)
    assert not (tmp_path / "out").exists()
