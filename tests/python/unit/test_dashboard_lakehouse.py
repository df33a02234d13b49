"""Which build the dashboard shows, and how it opens the tables of it."""

import json
import shutil
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from dashboard.lakehouse import TableError, find_build, open_lake
from dashboard.queries import heart_rates, workouts
from fitness import build_log
from fitness.delta_log import newest_version, newest_versions, table_folders
from fitness.lock import only_one
from fitness.settings import project_vars
from python_ingest.errors import SettingError
from tests.python.unit.small_lakehouse import BIG, MONDAY, SmallLakehouse

COUNT = "select count(*) as rows from gold.gyms"


def gyms(small: SmallLakehouse) -> int:
    """Return how many gyms are shown."""
    return int(open_lake(small.folder).query(COUNT).rows[0])


def test_the_tables_have_the_protocol_that_spark_writes(small: SmallLakehouse) -> None:
    assert {small.reader_version(name) for name in small.rows} == {1}


def test_the_newest_tables_are_shown_while_no_build_runs(small: SmallLakehouse) -> None:
    assert str(find_build(small.folder)) == "Build of 2026-01-05 00:00:00 UTC: all well, in 5.0 s."
    small.rows["gold.gyms"].pop()
    small.write("gold.gyms")
    assert gyms(small) == 2
    assert "changed since" in str(find_build(small.folder))
    small.log_build(minute=1, some_test="Got 2 results")
    assert str(find_build(small.folder)) == (
        "Build of 2026-01-05 00:01:00 UTC: failed in some_test, in 5.0 s."
    )


def test_the_tables_of_the_last_build_are_shown_while_another_runs(small: SmallLakehouse) -> None:
    with only_one(small.folder, "build"):
        small.rows["gold.gyms"].pop()
        small.write("gold.gyms")
        assert "Another build is running" in str(find_build(small.folder))
        assert gyms(small) == 3
    assert gyms(small) == 2


def test_without_a_finished_build_no_table_is_shown_while_one_runs(small: SmallLakehouse) -> None:
    shutil.rmtree(small.folder / "build_log")
    with (
        only_one(small.folder, "build"),
        pytest.raises(TableError, match="appears when the running build ends"),
    ):
        gyms(small)
    assert str(find_build(small.folder)) == "No build has finished yet."
    assert gyms(small) == 3


def test_a_build_notes_the_newest_version_of_each_table(small: SmallLakehouse) -> None:
    small.write("gold.gyms", "bronze.heart_rate_bz")
    tables = table_folders(small.folder, "silver", "gold")
    assert newest_versions(small.folder) == {
        name: int(name == "gold.gyms") for name in small.rows if name.startswith(("silver", "gold"))
    }
    (tables["gold.gyms"] / "_delta_log" / ".tmp.json").touch()
    assert newest_version(tables["gold.gyms"]) == 1
    assert newest_version(small.folder) == -1


def test_an_entry_of_the_build_log_without_versions_can_be_read(small: SmallLakehouse) -> None:
    [file] = (small.folder / "build_log").iterdir()
    entry = json.loads(file.read_text())
    del entry["versions"]
    file.write_text(json.dumps(entry) + "\n")
    assert build_log.newest(small.folder, 1)[0].versions == {}
    assert gyms(small) == 3
    assert "changed since" not in str(find_build(small.folder))


def test_a_developer_sees_their_own_tables_and_productions_where_they_have_none(
    small: SmallLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(small.folder / "gold" / "gyms", small.folder / "dev_anna_gold" / "gyms")
    small.rows["gold.gyms"].pop()
    small.write("gold.gyms")
    assert gyms(small) == 2
    monkeypatch.setenv("FITNESS_DEV", "anna")
    assert gyms(small) == 3
    assert len(open_lake().query("select * from silver.users")) == len(small.rows["silver.users"])


def test_a_missing_table_is_an_error_that_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no table gold\\.gyms yet: run `uv run fitness run`"):
        open_lake(tmp_path).query(COUNT)


def test_a_table_of_older_models_is_an_error_that_says_so(small: SmallLakehouse) -> None:
    with pytest.raises(TableError, match=r"does not fit the tables.*no_such_column"):
        open_lake().query("select no_such_column from gold.gyms")


def test_files_from_before_a_column_was_added_have_null_in_it(small: SmallLakehouse) -> None:
    for gym in (8, 9):
        row = pa.table({"gym": [gym], "opened": [gym]})
        write_deltalake(small.folder / "gold" / "gyms", row, mode="append", schema_mode="merge")
    found = open_lake().query("select gym, name, opened from gold.gyms order by gym")
    assert [*found.opened.dropna()] == [8, 9]
    assert [*found.name.dropna()] == ["Castro", "Mitte", "Empty"]


def test_an_empty_table_has_its_columns(small: SmallLakehouse) -> None:
    small.rows["gold.gyms"].clear()
    small.write("gold.gyms")
    for path in (small.folder / "gold" / "gyms").glob("*.parquet"):
        path.unlink()
    assert list(open_lake().query("select * from gold.gyms")) == [
        *("gym", "name", "time_zone", "capacity")
    ]
    assert open_lake().query("from gold.gyms as a join gold.gyms as b using (gym)").empty


@pytest.mark.parametrize("version", [2, 3])
def test_a_table_that_needs_another_reader_version_is_refused(
    small: SmallLakehouse, version: int
) -> None:
    """Deletion vectors and column mapping would make a list of files wrong in silence."""
    log = small.folder / "gold" / "gyms" / "_delta_log" / f"{1:020}.json"
    protocol = {"minReaderVersion": version, "minWriterVersion": 5 if version == 2 else 7}
    if version == 3:
        protocol |= {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}  # type: ignore[dict-item]
    log.write_text(json.dumps({"protocol": protocol}) + "\n")
    with pytest.raises(TableError, match=f"needs version {version} of Delta's reader protocol"):
        gyms(small)


def test_a_folder_may_have_a_name_that_is_a_pattern(small: SmallLakehouse, tmp_path: Path) -> None:
    odd = tmp_path / "a=b" / "lake [ü]' *?"
    odd.parent.mkdir()
    small.folder.rename(odd)
    assert len(open_lake(odd).query("select * from gold.gyms")) == 3
    assert "a" not in open_lake(odd).query("select * from silver.heart_rate")


def test_only_the_files_of_the_dates_of_a_workout_are_read(small: SmallLakehouse) -> None:
    first = workouts(open_lake(), str(BIG + 1)).iloc[-1]
    heart_rate = small.folder / "silver" / "heart_rate"
    kept = {f"event_date={date(2026, 1, day)}" for day in (6, 7)}
    others = [path for path in heart_rate.glob("event_date=*") if path.name not in kept]
    assert others
    for path in others:
        shutil.rmtree(path)
    assert not heart_rates(open_lake(), first).empty


def test_no_version_is_read_that_is_newer_than_the_build_shown(small: SmallLakehouse) -> None:
    lake = open_lake()
    small.rows["gold.gyms"].pop()
    small.write("gold.gyms")
    assert lake.query(COUNT).rows[0] == 3


def test_tables_on_databricks_are_an_error(
    small: SmallLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITNESS_TARGET", "databricks")
    with pytest.raises(SettingError, match="unset FITNESS_TARGET"):
        open_lake()


def test_instants_are_in_utc_whatever_the_machines_time_zone(
    small: SmallLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    sql = "select min(start_time)::date as day from gold.workout_zones"
    assert open_lake().query(sql).day[0].date() == MONDAY.replace(day=6)


def test_the_limits_of_the_dashboard_are_vars_of_dbt() -> None:
    limits = {"k_anonymity", "max_visit_hours", "max_hold_seconds", "default_time_zone"}
    assert limits <= project_vars().keys()
