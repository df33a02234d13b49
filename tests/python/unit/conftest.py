"""Fixtures of the tests of the reference."""

from pathlib import Path

import pytest

from tests.python.reference import tables
from tests.python.unit.reference_lines import Land, Tables


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
