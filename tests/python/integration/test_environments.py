"""A developer's schemas: only what is changed is built there, from the tables of production."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest

from fitness.errors import BuildError
from fitness.settings import export
from python_ingest.errors import SettingError
from tests.python.lake import FITNESS, MODELS_ONLY, Lake, land, without_lineage


@pytest.fixture
def developer(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    for schema in ("silver", "gold", "gold_private", "ops", "snapshots"):
        lake.spark.sql(f"drop schema if exists dev_anna_{schema} cascade")


def test_dbt_does_not_build_with_the_metastore_of_another_lakehouse(
    lake: Lake, tmp_path: Path
) -> None:
    """It came with a copy, and has the tables of the original."""
    lake.spark.sql(f"create schema bronze location '{tmp_path}/original/bronze'")
    with pytest.raises(BuildError, match=r"original/bronze: the lakehouse was copied or moved"):
        lake.build()
    lake.spark.sql("drop schema bronze")


@pytest.mark.slow
def test_a_copied_lakehouse_is_built_apart_from_the_original(
    warm_lake: Lake, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "original")  # not that of this process's metastore
    copied = copy(lake)
    copied.settings = replace(lake.settings, lakehouse=tmp_path / "copied lake")
    land(lake, 1)
    run_fitness("run")
    before = lake.contents()
    shutil.copytree(lake.settings.lakehouse, copied.settings.lakehouse)
    export(copied.settings)
    land(lake, 2)
    assert "its metastore is made anew" in run_fitness("run")
    assert not copied.differences()
    assert "its metastore is made anew" not in run_fitness("build", "--full-refresh")
    assert not copied.differences()
    assert lake.contents() == before


def run_fitness(*arguments: str) -> str:
    """Run the command line; return its output."""
    command = [*FITNESS, *arguments, *MODELS_ONLY]
    done = subprocess.run(command, stdout=PIPE, stderr=STDOUT, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["user_profile", "heart_rate"])
def test_what_a_developer_changed_is_built_beside_production_from_its_tables(
    changed: str, lake: Lake, developer: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    land(lake, 1)
    lake.ingest()
    lake.build("--target-path", str(tmp_path / "production"))
    state = as_if_changed(changed, tmp_path / "production" / "manifest.json")
    deferred = ("--select", "state:modified+", "--defer", "--state", str(state))

    def build_changed() -> None:
        with developer.context() as patched:
            patched.setenv("FITNESS_DEV", "anna")
            lake.build_and_test(*deferred)
        assert comparable(lake, f"dev_anna_silver.{changed}") == comparable(
            lake, f"silver.{changed}"
        )

    build_changed()
    made = {path.name for path in lake.settings.lakehouse.glob("dev_anna_*/*") if path.is_dir()}
    assert changed in made
    assert "workout_bpm_summary" in made  # It reads what was changed.
    assert not made & {"users", "quarantine", "user_profile_history"}
    version = lake.version(f"silver.{changed}")
    # Production goes on, and the developer's tables follow.
    land(lake, 2)
    lake.ingest()
    assert lake.build() == []
    assert lake.version(f"silver.{changed}") > version
    build_changed()


def test_a_name_that_makes_no_schema_is_refused(lake: Lake, developer: pytest.MonkeyPatch) -> None:
    developer.setenv("FITNESS_DEV", "anna.b")
    with pytest.raises(SettingError, match=r"FITNESS_DEV is anna\.b"):
        lake.build("--select", "date_lookup")


def as_if_changed(model: str, manifest: Path) -> Path:
    """Return a folder with the manifest of production, in which one model has other code."""
    state = json.loads(manifest.read_text())
    state["nodes"][f"model.fitness.{model}"]["raw_code"] += "-- as it was"
    folder = manifest.parent.with_name("state")
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(state))
    return folder


def comparable(lake: Lake, table: str) -> list[str]:
    """Return the rows of a table as text, without its lineage."""
    rows = without_lineage(lake.rows(table))
    assert rows
    return sorted(map(str, rows))
