"""An empty lakehouse, in whose tables dbt's unit tests of the models run."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from fitness.errors import BuildError
from tests.python.lake import Lake


@dataclass(frozen=True)
class Empty:
    """A lakehouse without rows, built after a build before its first ingest had failed."""

    lake: Lake
    message: str
    bronze: list[Path]  # after the build that failed


@pytest.fixture(scope="module")
def empty(warm_lake: Lake) -> Empty:
    """Make all tables, which dbt's unit tests take the types of columns from."""
    warm_lake.empty()
    with pytest.raises(BuildError) as failed:
        warm_lake.build()
    bronze = [*warm_lake.settings.lakehouse.glob("bronze/*")]
    warm_lake.ingest()
    warm_lake.build()
    return Empty(warm_lake, str(failed.value), bronze)


def test_a_build_before_the_first_ingest_says_so_and_creates_no_bronze_table(empty: Empty) -> None:
    """The ingest would append to an empty one, which has no columns and no change feed."""
    assert "uv run fitness ingest" in empty.message
    assert not empty.bronze


def test_the_unit_tests_of_the_models_pass(empty: Empty) -> None:
    """Those of all models, or of the one that FITNESS_UNIT_TESTS names."""
    empty.lake.unit_test(os.environ.get("FITNESS_UNIT_TESTS") or "*")
