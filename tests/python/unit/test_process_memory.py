"""The memory of processes, which may end while it is measured."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.process_memory import children, resident
from tests.python.lake import wait_until


def test_a_process_that_has_ended_has_no_children_and_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        pass
    assert children(process.pid) == []
    assert resident(process.pid) == 0


def test_the_memory_of_child_processes_counts() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603
        assert process.pid in children(os.getpid())
        assert resident(os.getpid()) > resident(process.pid) > 0
        process.communicate(b"\n")


@pytest.mark.parametrize(("program", "counts"), [("java", False), ("sh", True)])
def test_a_child_of_java_that_has_not_started_its_program_counts_once(
    program: str, counts: bool, tmp_path: Path
) -> None:
    shell = shutil.copy("/bin/sh", tmp_path / program)
    # A subshell runs the same program as its parent, as a child of Java does for a moment.
    command = [shell, "-c", "(read line); true"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603
        wait_until(lambda: children(process.pid) != [], "there is a subshell")
        [child] = children(process.pid)
        alone = resident(process.pid) - resident(child) * counts
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"VmRSS:\t{alone // 1024:8} kB" in status
        process.communicate(b"\n")
