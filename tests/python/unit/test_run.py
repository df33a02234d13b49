"""A run starts Spark, is stopped by a signal at any moment, and may start itself anew."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from unittest.mock import MagicMock

import pytest

from fitness import run
from fitness.spark import ignore_signal_in_children
from python_ingest.settings import Settings


def test_only_children_ignore_the_signal_while_spark_starts() -> None:
    """Pyspark starts Java with a function that runs in the child."""
    code = "import signal; print(signal.getsignal(signal.SIGTERM) == signal.SIG_IGN)"

    def child() -> str:
        return subprocess.check_output([sys.executable, "-c", code], preexec_fn=int, text=True)  # noqa: S603

    handler = signal.getsignal(signal.SIGTERM)
    with ignore_signal_in_children(signal.SIGTERM):
        assert signal.getsignal(signal.SIGTERM) == handler != signal.SIG_IGN
        assert child() == "True\n"
    assert child() == "False\n"


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the folders in which a new process takes the place of this one."""
    folders: list[Path] = []
    monkeypatch.setattr("fitness.spark.end_jvm", lambda _: None)
    monkeypatch.setattr("os.execv", lambda *_: folders.append(Path.cwd()))
    return folders


def restart(tmp_path: Path, stop: Event) -> None:
    settings = Settings(tmp_path / "landing", tmp_path / "lakehouse")
    run.restart(MagicMock(), settings, "Its heap was full", stop)


def test_a_run_starts_itself_anew_in_the_folder_of_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executed: list[Path]
) -> None:
    """From which relative paths on the command line are; Spark has begun in the project's."""
    monkeypatch.setattr(run, "STARTED_IN", str(tmp_path))
    monkeypatch.chdir(Path.home())
    restart(tmp_path, Event())
    assert executed == [tmp_path]


def test_a_run_that_is_stopped_meanwhile_ends(tmp_path: Path, executed: list[Path]) -> None:
    stop = Event()
    stop.set()
    restart(tmp_path, stop)
    assert executed == []


def test_files_that_java_does_not_see_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(tmp_path / "landing", tmp_path / "lakehouse")
    folder = settings.landing / "gym_logins_bz"
    folder.mkdir(parents=True)
    caplog.set_level(logging.WARNING)
    run.warn_of_unseen_files(settings, time.time() + 60)
    assert not caplog.messages
    (folder / "link.csv").symlink_to(tmp_path / "nothing")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xfc.csv")).touch()
    run.warn_of_unseen_files(settings, time.time() - 60)  # They may have come just now.
    assert not caplog.messages
    run.warn_of_unseen_files(settings, time.time() + 60)
    [message] = caplog.messages
    assert message.startswith("Java does not see 2 files, such as '")
