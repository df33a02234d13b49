"""One warm Spark for all integration tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mutants.plugin import CHOSEN
from tests.python.lake import Lake, free_port
from tests.python.scenarios import Play, Scenarios
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


@pytest.fixture(scope="session")
def scenarios(warm_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Scenarios:
    return Scenarios(warm_lake, tmp_path_factory.mktemp("scenarios"))


@pytest.fixture
def ends_well(request: pytest.FixtureRequest, scenarios: Scenarios) -> Callable[[Play], None]:
    """Play all scenarios of the session, at the first one's turn; raise what one ended with.

    With a planted defect (tests/mutants) each is played alone.
    """

    def check(play: Play) -> None:
        if CHOSEN in os.environ:
            scenarios.play([play])
        elif play not in scenarios.endings:
            tests = [getattr(item, "function", None) for item in request.session.items]
            plays = [getattr(test, "play", None) for test in tests]
            scenarios.play(filter(None, plays))
        if ending := scenarios.endings[play]:
            raise ending

    return check


@pytest.fixture
def shops(project: SmallProject) -> SmallProject:
    """Sales and the sums of each shop, built, and then more of both."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.build()
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.rows("update silver.sales set amount = 11 where id = 1")
    return project
