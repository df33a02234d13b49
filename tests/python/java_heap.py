"""The live objects of a running JVM, by HotSpot's attach protocol, as a JDK's `jcmd` has it."""

import os
import re
import signal
import socket
from pathlib import Path

from tests.python.lake import wait_until

REQUEST = b"1\0inspectheap\0-live\0\0\0"  # protocol version, command and its three arguments


def live_objects(pid: int) -> dict[str, int]:
    """Return how many objects of each class a full collection leaves in a JVM, by class name."""
    listener = Path(f"/tmp/.java_pid{pid}")  # noqa: S108 - HotSpot's own path
    if not listener.exists():
        attach_file = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
        attach_file.touch()
        os.kill(pid, signal.SIGQUIT)
        try:
            wait_until(listener.exists, "the JVM listens")
        finally:
            attach_file.unlink()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(listener))
        connection.sendall(REQUEST)
        with connection.makefile("r") as answer:
            text = answer.read()
    found = re.findall(r"^ *\d+: +(\d+) +\d+ +(\S+)", text, re.MULTILINE)
    assert found, text
    return {name: int(count) for count, name in found}
