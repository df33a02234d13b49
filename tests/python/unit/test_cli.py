"""The command line: help for each command, exit codes, errors as one message."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer import Exit
from typer.testing import CliRunner

from fitness import cold_start, doctor, lock, run
from fitness.cli import app
from fitness.terminal import fail
from python_ingest.settings import Settings

COMMANDS = (
    "produce",
    "import",
    "forget",
    "export",
    "ingest",
    "build",
    "run",
    "show",
    "status",
    "server",
    "dashboard",
    "report",
    "maintain",
    "doctor",
)


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FITNESS_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("FITNESS_LAKEHOUSE", str(tmp_path / "lakehouse"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_an_error_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Also a part that could be one of rich's marks."""
    with pytest.raises(Exit):
        fail("/data/[gym]/landing is no folder [/x]")
    assert capsys.readouterr().err == "fitness: /data/[gym]/landing is no folder [/x]\n"


def test_an_invented_gym_begins_on_the_chosen_day(tmp_path: Path) -> None:
    command = ["produce", "--users", "2", "--days", "1", "--start", "2026-11-01"]
    assert CliRunner().invoke(app, command).exit_code == 0
    [visits] = (tmp_path / "landing" / "gym_logins_bz").iterdir()
    logins = [int(line.split(",")[2].split(".")[0]) for line in visits.read_text().split()[1:]]
    assert {f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in logins} == {"2026-11-01"}


def test_produce_says_what_it_wrote_and_can_be_repeated(tmp_path: Path) -> None:
    arguments = ["produce", "--users", "2", "--days", "1", "--readings", "50", "--files", "1"]
    for _ in range(2):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0
        assert "readings" in result.output
    assert len(list((tmp_path / "landing" / "kafka_multiplex_bz").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["produce", "--users", "0"], "users"),
        (["import", "missing.fit"], "missing.fit"),
        (["maintain", "--keep", "1h"], "7 days"),
        (["ingest", "--landing", "same", "--lakehouse", "same"], "overlap: set FITNESS_LANDING"),
    ],
)
def test_an_error_that_the_user_can_fix_is_one_message_and_exit_code_1(
    arguments: list[str], message: str
) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "fitness:" in result.output
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["ingest", "build", "run", "show"])
def test_without_java_a_command_stops_and_says_how_to_install_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    from pyspark.sql import SparkSession

    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    result = CliRunner().invoke(app, [command])
    assert result.exit_code == 1
    assert "sudo apt-get install" in result.output


@pytest.mark.parametrize(("target", "started"), [("server", []), ("local", ["a Spark"])])
def test_a_build_by_a_server_starts_no_spark(
    monkeypatch: pytest.MonkeyPatch, target: str, started: list[str]
) -> None:
    starts: list[str] = []
    builds: list[Settings] = []
    monkeypatch.setattr(run, "start", lambda *_, **__: starts.append("a Spark"))
    monkeypatch.setattr(cold_start, "load_dbt", lambda: None)
    monkeypatch.setattr(cold_start, "warm_up", lambda *_: None)
    monkeypatch.setattr(run, "run_build", lambda settings, *_: builds.append(settings))
    assert CliRunner().invoke(app, ["build", "--target", target]).exit_code == 0
    assert [settings.target for settings in builds] == [target]
    assert starts == started


@pytest.mark.parametrize("command", ["ingest", "run"])
def test_a_continuous_run_starts_spark_when_nobody_is_being_forgotten(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    done: list[str] = []

    def wait_while_forgetting(_: Path) -> bool:
        done.append("wait")
        return True

    def run_both(*_: object, has_paused: bool) -> None:
        assert has_paused

    monkeypatch.setattr(lock, "wait_while_forgetting", wait_while_forgetting)
    monkeypatch.setattr(cold_start, "load_dbt", lambda: None)
    monkeypatch.setattr(run, "start", lambda *_, **__: done.append("start"))
    monkeypatch.setattr(run, "run_ingest", lambda *_, **__: None)
    monkeypatch.setattr(run, "run_both", run_both)
    assert CliRunner().invoke(app, [command, "--continuous"]).exit_code == 0
    assert done == ["wait", "start"]


def test_doctor_says_what_is_wrong_and_how_to_fix_it(monkeypatch: pytest.MonkeyPatch) -> None:
    good = CliRunner().invoke(app, ["doctor"])
    assert good.exit_code == 0, good.output
    assert "wrong  " not in good.output
    monkeypatch.setattr(doctor, "NEEDED_GIB", 10**6)
    monkeypatch.setattr(doctor, "version", lambda package: "0.0")
    bad = CliRunner().invoke(app, ["doctor"])
    assert bad.exit_code == 1
    assert "FITNESS_DRIVER_MEMORY" in bad.output
    assert "run uv sync" in bad.output
