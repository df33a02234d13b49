"""One warm Spark for all integration tests."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from python_ingest.suppression import record_file
from tests.mutants.plugin import CHOSEN, PLANTED
from tests.python.corrections import SCENARIOS, first_records
from tests.python.forgotten_person import write_lines_of_all
from tests.python.lake import Lake, free_port
from tests.python.record_factory import write_records
from tests.python.scenarios import ScenarioFunction, ScenarioRunner
from tests.python.server import Server, serve
from tests.python.small_project import SmallProject, change_sales, restored_shops, write_shops
from tests.python.worlds import world_from_seed


@pytest.fixture(scope="session")
def warm_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake(tmp_path_factory.mktemp("fitness"))


@pytest.fixture(scope="module")
def secret(warm_lake: Lake) -> Iterator[None]:
    """Set a key; afterwards no record is left, without the key of which no ingest would run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FITNESS_SECRET", "a key of the tests")
        yield
    record_file(warm_lake.settings).unlink(missing_ok=True)


@pytest.fixture
def lake(warm_lake: Lake) -> Iterator[Lake]:
    warm_lake.empty()
    yield warm_lake


@pytest.fixture(scope="session")
def saved_lakehouse(
    warm_lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Path]:
    """Return a function that returns the folder with a copy of a lakehouse, built and tested.

    It has a random world, what is to be corrected, and the person who is to be forgotten. With each
    planted defect (tests/mutants) it is built anew.
    """

    @cache
    def built_with(_: str | None) -> Path:
        warm_lake.empty()
        landing = warm_lake.settings.landing
        world_from_seed(60).write_all(landing)
        write_records(landing, [record for _, own in SCENARIOS for record in first_records(own)])
        write_lines_of_all(warm_lake)
        warm_lake.ingest()
        warm_lake.build_and_test()
        return warm_lake.save(tmp_path_factory.mktemp("saved"))

    return lambda: built_with(os.environ.get(PLANTED))


@pytest.fixture
def built(warm_lake: Lake, saved_lakehouse: Callable[[], Path]) -> Lake:
    """Return that lakehouse, restored; no other test may have emptied it since it was saved."""
    warm_lake.restore(saved_lakehouse())
    return warm_lake


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
def scenario_runner(warm_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> ScenarioRunner:
    return ScenarioRunner(warm_lake, tmp_path_factory.mktemp("scenarios"))


@pytest.fixture
def run_scenario(
    request: pytest.FixtureRequest, scenario_runner: ScenarioRunner
) -> Callable[[ScenarioFunction], None]:
    """Return a function that raises the failure of a scenario; its first call runs all of them.

    With a planted defect (tests/mutants) it runs the one scenario alone.
    """

    def check(function: ScenarioFunction) -> None:
        if CHOSEN in os.environ:
            scenario_runner.run([function])
        elif function not in scenario_runner.failures:
            tests = [getattr(item, "function", None) for item in request.session.items]
            functions = [getattr(test, "scenario", None) for test in tests]
            scenario_runner.run(filter(None, functions))
        if failure := scenario_runner.failures[function]:
            raise failure

    return check


@pytest.fixture(scope="session")
def saved_shops(
    warm_lake: Lake, project_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the folder with a copy of the lakehouse of shops()."""
    warm_lake.empty()
    project = SmallProject(warm_lake, project_folder)
    write_shops(project)
    project.build()
    change_sales(project)
    return warm_lake.save(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def shops(lake: Lake, project_folder: Path, saved_shops: Path) -> SmallProject:
    """Sales and the sums of each shop, built, and then more of both."""
    return restored_shops(lake, project_folder, saved_shops)
