"""dbt's unit tests of the models, which stand beside them."""

import os

import pytest

from tests.python.lake import Lake


@pytest.fixture(scope="module")
def empty_tables(warm_lake: Lake) -> Lake:
    """Make all tables, which dbt's unit tests take the types of columns from."""
    warm_lake.empty()
    warm_lake.ingest()
    warm_lake.build()
    return warm_lake


def test_the_unit_tests_of_the_models_pass(empty_tables: Lake) -> None:
    """Those of all models, or of the one that FITNESS_UNIT_TESTS names."""
    empty_tables.unit_test(os.environ.get("FITNESS_UNIT_TESTS") or "*")
