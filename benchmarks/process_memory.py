"""The memory of a process and of all that it has started, by Linux's /proc."""

from pathlib import Path


def resident(pid: int) -> int:
    """Give the resident bytes of a process and all that it has started; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")
        own = int(status[1].split()[0]) * 1024 if len(status) > 1 else 0
        return own + sum(resident(child) for child in children(pid))
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    """Give the ids of the processes that a process has started."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
