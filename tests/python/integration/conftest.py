"""One warm Spark for all integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.python.lake import Lake, free_port
from tests.python.server import Server, serve
from tests.python.small_project import SALES, SHOPS, SmallProject


@pytest.fixture(scope="session")
def warm_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake(tmp_path_factory.mktemp("fitness"))


@pytest.fixture
def lake(warm_lake: Lake) -> Iterator[Lake]:
    warm_lake.empty()
    yield warm_lake


@pytest.fixture
def server(warm_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve a lakehouse of its own, at the port that clients find in the environment."""
    port = free_port()
    monkeypatch.setenv("FITNESS_SERVER_PORT", str(port))
    with serve(Lake(tmp_path), port) as running:
        yield running


@pytest.fixture(scope="session")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def project(lake: Lake, project_folder: Path) -> SmallProject:
    return SmallProject(lake, project_folder)


@pytest.fixture
def shops(project: SmallProject) -> SmallProject:
    """Sales and the sums of each shop, built, and then more of both."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.build()
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.rows("update silver.sales set amount = 11 where id = 1")
    return project
