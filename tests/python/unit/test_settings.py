"""Settings: flags, then the environment, then defaults; a wrong one is an error at once."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from fitness.settings import PROJECT, spark_conf
from python_ingest.errors import SettingError
from python_ingest.settings import duration, read_settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(("FITNESS_", "DATABRICKS_")):
            monkeypatch.delenv(name)


def test_flags_override_the_environment_which_overrides_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert read_settings().landing == PROJECT / "data" / "landing"
    monkeypatch.setenv("FITNESS_LANDING", str(tmp_path / "set"))
    monkeypatch.setenv("FITNESS_TARGET", "databricks")
    assert read_settings().landing == tmp_path / "set"
    assert read_settings().target == "databricks"
    assert read_settings(landing=tmp_path / "flag").landing == tmp_path / "flag"


def test_folders_are_absolute_and_may_be_below_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read_settings(landing=Path("in")).landing == tmp_path / "in"
    assert read_settings(lakehouse=Path("~/out")).lakehouse == tmp_path / "home" / "out"


@pytest.mark.parametrize(("landing", "lakehouse"), [("a", "a/b"), ("a/b", "a"), ("a", "a")])
def test_folders_in_one_another_are_refused(tmp_path: Path, landing: str, lakehouse: str) -> None:
    with pytest.raises(SettingError, match="FITNESS_LANDING and FITNESS_LAKEHOUSE"):
        read_settings(tmp_path / landing, tmp_path / lakehouse)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match=r"FITNESS_LANDING.*not a folder"):
        read_settings(landing=tmp_path / "file")


def test_spark_settings_come_from_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    lakehouse = "/data/a \"lake\": 'house' # 1"
    monkeypatch.setenv("FITNESS_LAKEHOUSE", lakehouse)
    assert spark_conf("local")["spark.sql.warehouse.dir"] == lakehouse


def test_a_target_without_a_spark_of_its_own_is_refused() -> None:
    with pytest.raises(SettingError, match="no Spark of its own"):
        spark_conf("databricks")
    with pytest.raises(SettingError, match=r"'nowhere'.*databricks, local"):
        spark_conf("nowhere")


def test_the_cleaning_of_landed_files_is_set_by_flags_or_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert read_settings().clean_after is None
    monkeypatch.setenv("FITNESS_CLEAN_AFTER", "30d")
    monkeypatch.setenv("FITNESS_ARCHIVE", str(tmp_path))
    assert read_settings().clean_after == timedelta(days=30)
    assert read_settings().archive == tmp_path
    assert read_settings(clean_after="12h").clean_after == timedelta(hours=12)


def test_an_archive_inside_the_landing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="FITNESS_ARCHIVE"):
        read_settings(landing=tmp_path, archive=tmp_path / "old")


def test_a_landing_folder_that_looks_like_a_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="pattern"):
        read_settings(landing=tmp_path / "a*b")


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("1.5m", 90), (" 12 h ", 43_200), ("30d", 2_592_000)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 years", "1e3s", "5s 3m"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="is not a duration"):
        duration(text)


def test_on_databricks_tables_are_those_of_a_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().catalog is None
    monkeypatch.setenv("FITNESS_TARGET", "databricks")
    assert read_settings().catalog == "fitness"
    monkeypatch.setenv("DATABRICKS_CATALOG", "dev")
    monkeypatch.setenv("FITNESS_FILE_NOTIFICATIONS", "true")
    assert read_settings().catalog == "dev"
    assert read_settings().file_notifications
