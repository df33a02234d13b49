"""The memory of processes, which may end while it is looked at."""

import os
import subprocess
import sys

from benchmarks.process_memory import children, resident


def test_a_process_that_has_ended_has_no_children_and_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        pass
    assert children(process.pid) == []
    assert resident(process.pid) == 0


def test_what_a_process_has_started_counts() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603
        assert process.pid in children(os.getpid())
        assert resident(os.getpid()) > resident(process.pid) > 0
        process.communicate(b"\n")
