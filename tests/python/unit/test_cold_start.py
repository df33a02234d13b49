"""The estimate whether a command has little to do, and Java's options that follow from it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fitness import cli, spark
from fitness.cold_start import (
    C1_ONLY,
    RECENT,
    SMALL_BUILD,
    SMALL_INGEST,
    is_small_build,
    is_small_ingest,
)
from fitness.spark import JAVA_OPTIONS
from python_ingest.settings import Settings
from tests.python.work_logs import land_batch, note_build


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FITNESS_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("FITNESS_LAKEHOUSE", str(tmp_path / "lakehouse"))
    return Settings(tmp_path / "landing", tmp_path / "lakehouse", "local")


def land(settings: Settings, size: int) -> None:
    folder = settings.landing / "kafka_multiplex_bz"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{size}.json").open("wb") as file:
        file.truncate(size)


def test_an_ingest_is_small_if_the_waiting_files_are_small_together(settings: Settings) -> None:
    assert is_small_ingest(settings)
    land(settings, SMALL_INGEST - 10)
    assert is_small_ingest(settings)
    land(settings, 11)
    assert not is_small_ingest(settings)


def test_an_ingest_from_kafka_is_never_taken_for_small(settings: Settings) -> None:
    of_kafka = Settings(settings.landing, settings.lakehouse, "local", kafka="localhost:9092")
    assert not is_small_ingest(of_kafka)


def test_a_build_is_small_if_few_rows_have_landed_since_the_last_one(settings: Settings) -> None:
    assert is_small_build(settings, [])
    land_batch(settings, 1, SMALL_BUILD)
    assert is_small_build(settings, [])
    land_batch(settings, 2, 1)
    assert not is_small_build(settings, [])
    note_build(settings, 3)
    assert is_small_build(settings, [])
    land_batch(settings, 4, SMALL_BUILD + 1)
    assert not is_small_build(settings, [])


def test_a_build_is_not_small_if_more_batches_wait_than_are_read_from_the_log(
    settings: Settings,
) -> None:
    note_build(settings, 0)
    for minute in range(1, RECENT):
        land_batch(settings, minute, 1)
    assert is_small_build(settings, [])
    land_batch(settings, RECENT, 1)
    assert not is_small_build(settings, [])


def nothing(settings: Settings) -> None:
    pass


def large_file(settings: Settings) -> None:
    land(settings, SMALL_INGEST + 1)


def large_batch(settings: Settings) -> None:
    land_batch(settings, 1, SMALL_BUILD + 1)


@pytest.mark.parametrize(
    ("command", "before", "short_lived"),
    [
        (["ingest"], nothing, True),
        (["ingest"], large_file, False),
        (["ingest", "--continuous"], nothing, False),
        (["build"], nothing, True),
        (["build"], large_file, True),
        (["build"], large_batch, False),
        (["build", "--full-refresh"], nothing, False),
        (["build", "-f"], nothing, False),
        (["build", "--vars", '{"whole_tests": true}'], nothing, False),
        (["run"], nothing, True),
        (["run"], large_file, False),
        (["run"], large_batch, False),
        (["run", "--continuous"], nothing, False),
        (["show"], large_batch, True),
    ],
)
def test_a_command_with_little_to_do_starts_java_for_short_work(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    command: list[str],
    before: Callable[[Settings], None],
    short_lived: bool,
) -> None:
    before(settings)
    started: list[Mapping[str, str]] = []

    def start(_: Settings, conf: Mapping[str, str] | None, **_options: bool) -> None:
        started.append(conf or {})
        raise ValueError("started")

    monkeypatch.setattr(spark, "start_spark", start)
    assert "started" in CliRunner().invoke(cli.app, command).output
    assert [C1_ONLY in conf.get(JAVA_OPTIONS, "") for conf in started] == [short_lived]
