"""The memory of a process and of all that it has started, by Linux's /proc."""

from contextlib import suppress
from pathlib import Path


def resident(pid: int) -> int:
    """Give the resident bytes of a process and all that it has started; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")
    except OSError:
        return 0
    own = int(status[1].split()[0]) * 1024 if len(status) > 1 else 0
    return own + sum(resident(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Give the ids of the processes that a process has started, by whichever of its threads."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # It has ended.
            found += map(int, thread.read_text().split())
    return found
