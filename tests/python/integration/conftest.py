"""One warm Spark for all integration tests."""

from collections.abc import Iterator

import pytest

from tests.python.lake import Lake


@pytest.fixture(scope="session")
def warm_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake(tmp_path_factory.mktemp("fitness"))


@pytest.fixture
def lake(warm_lake: Lake) -> Iterator[Lake]:
    warm_lake.empty()
    yield warm_lake
