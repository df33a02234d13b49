"""`python -m python_ingest`, as a job runs it, here with a Spark that it starts itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from fitness.lock import only_one
from fitness.settings import export
from tests.python.lake import Lake, bronze_lines, land, landed_lines


def run(lake: Lake) -> "subprocess.CompletedProcess[str]":
    """Run the ingest in a process of its own."""
    export(lake.settings)
    command = [sys.executable, "-m", "python_ingest"]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.slow
def test_it_lands_what_is_new_and_says_how_much(warm_lake: Lake, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    land(lake, 1)
    first = run(lake)
    assert first.returncode == 0, first.stderr
    assert "heart_rate_bz: 3" in first.stdout
    lake.forget_logs()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)
    again = run(lake)
    assert (again.returncode, again.stdout) == (0, "")


def test_it_is_refused_beside_another_ingest(warm_lake: Lake, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with only_one(lake.settings.lakehouse, "ingest"):
        refused = run(lake)
    assert refused.returncode == 1
    assert refused.stderr.startswith("python_ingest: Another ingest is at work on ")
