"""The var retention_days: off by default, and a wrong value stops maintenance at once."""

from pathlib import Path

import pytest

from fitness import old_lines
from fitness.maintenance import LEAST_KEPT, check
from fitness.old_lines import retention_days
from python_ingest.errors import SettingError
from python_ingest.settings import Settings


def test_raw_readings_are_kept_for_ever_by_default() -> None:
    assert retention_days() is None


@pytest.mark.parametrize(
    ("project_vars", "days"),
    [
        ({}, None),
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
        *({"bronze": value} for value in (0, -1, 1.5, True, "400", 10**9)),
    ],
)
def test_a_wrong_value_stops_maintenance_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: object
) -> None:
    monkeypatch.setattr(old_lines, "project_vars", lambda: {"retention_days": wrong})
    with pytest.raises(SettingError, match=r"retention_days.*Write \{bronze: 400\}"):
        check(Settings(tmp_path / "landing", tmp_path / "lakehouse", "local"), LEAST_KEPT)
