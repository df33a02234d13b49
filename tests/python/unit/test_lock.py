"""Locks for work that only one process may do at a time."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from fitness.lock import holder, only_one
from python_ingest.errors import BusyError

HOLD = """
import sys, time
from pathlib import Path
from fitness.lock import only_one
with only_one(Path(sys.argv[1]), "build"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    lakehouse = tmp_path / "new"
    command = [sys.executable, "-c", HOLD, str(lakehouse), "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(BusyError, match=rf"Another build \(process {process.pid}\)"),
            only_one(lakehouse, "build"),
        ):
            pass
        with only_one(lakehouse, "ingest"):
            pass
        assert holder(lakehouse, "build") == str(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with only_one(lakehouse, "build"):
            pass
    assert holder(lakehouse, "build") is None


def test_with_patience_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path), "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with only_one(tmp_path, "build", patience=timedelta(minutes=1)):
            assert process.wait() == 0
