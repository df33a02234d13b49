"""The memory of a process and of all that it has started, by Linux's /proc."""

from contextlib import suppress
from pathlib import Path


def resident(pid: int) -> int:
    """Return the resident bytes of a process and all that it has started; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")
    except OSError:
        return 0
    own = int(status[1].split()[0]) * 1024 if len(status) > 1 else 0
    return own + sum(resident(child) for child in children(pid) if not is_vforked_java(pid, child))


def is_vforked_java(pid: int, child: int) -> bool:
    """Return whether a child of Java has not yet started its own program.

    Java starts processes by vfork, such as chmod for Hadoop: until then they share Java's memory.
    """
    try:
        programs = {Path(f"/proc/{each}/exe").readlink() for each in (pid, child)}
    except OSError:
        return False
    return [program.name for program in programs] == ["java"]


def children(pid: int) -> list[int]:
    """Return the ids of the processes that a process has started, by whichever of its threads."""
    found: list[int] = []
    with suppress(OSError):  # It has ended.
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found
