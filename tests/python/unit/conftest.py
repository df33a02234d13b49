"""Fixtures of the tests of the reference, of the dashboard and of searches for a person."""

from pathlib import Path

import pytest

from fitness.privacy import scan
from python_ingest.settings import Settings
from tests.python.reference import tables
from tests.python.unit.passed_on import passed_on
from tests.python.unit.reference_lines import Land, Tables
from tests.python.unit.small_lakehouse import SmallLakehouse, small_lakehouse


@pytest.fixture
def land(tmp_path: Path) -> Land:
    """Return a function that lands texts as files and returns the reference's tables."""

    def landed(users: str = "", gyms: str = "", kafka: str = "", **variables: object) -> Tables:
        texts = {"registered_users_bz": users, "gym_logins_bz": gyms, "kafka_multiplex_bz": kafka}
        for folder, text in texts.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            name = f"{len(list((tmp_path / folder).iterdir()))}.txt"
            (tmp_path / folder / name).write_bytes(text.encode())
        return tables(tmp_path, **variables)  # type: ignore[arg-type]

    return landed


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallLakehouse:
    """Return a small lakehouse, which the settings name."""
    monkeypatch.setenv("FITNESS_LAKEHOUSE", str(tmp_path / "lake house ü"))
    monkeypatch.setenv("FITNESS_LANDING", str(tmp_path / "landing"))
    monkeypatch.delenv("FITNESS_DEV", raising=False)
    return small_lakehouse(tmp_path / "lake house ü")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return a lakehouse in which a person's device and mac address are now another user's."""
    monkeypatch.setattr(scan, "LOGS", tmp_path / "logs")
    monkeypatch.delenv("DBT_LOG_PATH", raising=False)
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    return passed_on(tmp_path)
