"""Retention of raw readings: off by default, and only lines go whose reading is in silver."""

import re
from datetime import date
from math import inf
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from fitness import maintenance, old_lines
from fitness.maintenance import LEAST_KEPT, Upkeep, check
from fitness.old_lines import (
    IS_IN_SILVER,
    KEPT_FROM,
    LINES,
    READING,
    READINGS,
    delete_old_lines,
    is_usable,
    read_kept_from,
    retention_days,
)
from fitness.settings import PROJECT
from python_ingest.errors import SettingError
from python_ingest.feeds import CONTRACTS
from python_ingest.settings import Settings

Properties = dict[str, dict[str, str]]  # by table


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "landing", tmp_path / "lakehouse", "local")


@pytest.fixture
def properties(monkeypatch: pytest.MonkeyPatch) -> Properties:
    """Return the properties of both tables, which are there."""
    found: Properties = {LINES: {}, READINGS: {}}

    def for_path(_: object, path: str) -> MagicMock:
        rows = [{"properties": found[".".join(Path(path).parts[-2:])]}]
        return MagicMock(**{"detail.return_value.collect.return_value": rows})

    monkeypatch.setattr("delta.DeltaTable.forPath", for_path)
    monkeypatch.setattr(old_lines, "is_table", lambda _: True)
    return found


def test_raw_readings_are_kept_for_ever_by_default() -> None:
    assert retention_days() is None


@pytest.mark.parametrize(
    ("project_vars", "days"),
    [
        ({"retention_days": {"bronze": None}}, None),
        ({"retention_days": {"bronze": 1}}, 1),
    ],
)
def test_days_are_those_of_the_layer_bronze(
    monkeypatch: pytest.MonkeyPatch, project_vars: dict[str, object], days: int | None
) -> None:
    monkeypatch.setattr(old_lines, "project_vars", lambda: project_vars)
    assert retention_days() == days


@pytest.mark.parametrize(
    "wrong",
    [
        *(None, 400, {}, {"silver": 400}, {"bronze": 400, "silver": None}),
        *({"bronze": value} for value in (0, -1, 1.5, True, "400")),
    ],
)
def test_a_wrong_value_stops_maintenance_at_once(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, wrong: object
) -> None:
    monkeypatch.setattr(old_lines, "project_vars", lambda: {"retention_days": wrong})
    with pytest.raises(SettingError, match=r"retention_days.*Write \{bronze: 400\}"):
        check(settings, LEAST_KEPT)


@pytest.mark.parametrize(("lost", "other"), [(LINES, READINGS), (READINGS, LINES)])
def test_a_table_that_is_lost_or_rebuilt_gets_the_date_from_the_other_one(
    settings: Settings, properties: Properties, lost: str, other: str
) -> None:
    spark: Any = MagicMock()
    properties[other][KEPT_FROM] = "2025-01-31"
    assert read_kept_from(spark, settings) == date(2025, 1, 31)
    for table in (lost, other, "silver.users"):
        delete_old_lines(spark, settings, table, None)
    [call] = spark.sql.call_args_list
    assert f"/{lost.replace('.', '/')}` set tblproperties" in call.args[0]
    assert f"('{KEPT_FROM}' = '2025-01-31')" in call.args[0]
    assert not spark.newSession.called


def test_a_property_that_is_no_date_is_named_and_does_not_end_a_continuous_run(
    settings: Settings,
    properties: Properties,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    properties[LINES][KEPT_FROM] = "soon"
    monkeypatch.setattr(maintenance, "MANY_CALLS", 1)
    monkeypatch.setattr(maintenance, "is_table", lambda _: True)
    monkeypatch.setattr(maintenance, "last_commit_time", lambda _: inf)
    settings.lakehouse.joinpath(*LINES.split(".")).mkdir(parents=True)
    Upkeep(MagicMock(), settings)()
    assert f"{LINES} has the property {KEPT_FROM} = soon" in caplog.text


def test_lines_are_compared_with_readings_by_newest_by_of_the_model() -> None:
    model = (PROJECT / "models/silver/heart_rate.sql").read_text()
    [newest_by] = re.findall(r"'newest_by': \[(.*)\]", model)
    [columns] = re.findall(r"struct\((.*)\) as _newest", READING[-1])
    parts = [column.split(" as ") for column in columns.split(", ")]
    of_silver, of_lines = [part[0] for part in parts], [part[-1] for part in parts]
    assert of_silver == re.findall(r"'(\w+)'", newest_by)
    assert IS_IN_SILVER.endswith(f"struct({', '.join(of_lines)}) <= _newest")
    for line, column in zip(of_lines, of_silver, strict=True):
        assert line == column or re.search(rf"\b{line} as {column}\b", model)


def test_a_line_without_a_required_value_is_not_deleted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = f"{LINES.removeprefix('bronze.')}.yml"
    contract = (CONTRACTS / file).read_text()
    column = "{name: sensor, data_type: string, description: '', config: {meta: {required: true}}}"
    (tmp_path / file).write_text(f"{contract}          - {column}\n")
    monkeypatch.setattr(old_lines, "CONTRACTS", tmp_path)
    for name in ("device_id", "time", "heartrate", "sensor"):
        assert f"`{name}` is not null and " in is_usable()
