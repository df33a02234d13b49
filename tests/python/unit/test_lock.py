"""Work that two processes must not do at once."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from python_ingest.errors import BusyError
from python_ingest.lock import only_one

HOLD = """
import sys, time
from pathlib import Path
from python_ingest.lock import only_one
with only_one(Path(sys.argv[1]), "build"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_by_name_until_the_first_is_gone(tmp_path: Path) -> None:
    lakehouse = tmp_path / "new"
    command = [sys.executable, "-c", HOLD, str(lakehouse)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(BusyError, match=rf"Another build \(process {holder.pid}\)"),
            only_one(lakehouse, "build"),
        ):
            pass
        with only_one(lakehouse, "ingest"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with only_one(lakehouse, "build"):
            pass
