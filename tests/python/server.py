"""The project's server, with a lakehouse of its own."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fitness.options import LOOPBACK
from fitness.settings import export
from tests.python.lake import FITNESS, Lake, wait_until


@dataclass(frozen=True)
class Server:
    """A server that runs, and the lakehouse that it serves on a port of loopback."""

    lake: Lake
    process: "subprocess.Popen[bytes]"
    port: int


@contextmanager
def serve(lake: Lake, port: int) -> Iterator[Server]:
    """Serve a lakehouse by the command line, as a service would."""
    export(lake.settings)
    environment = os.environ | {"FITNESS_SERVER_PORT": str(port)}
    command = [*FITNESS, "server"]
    with subprocess.Popen(  # noqa: S603 - our own command line
        command, env=environment, start_new_session=True, umask=0o027
    ) as process:
        try:
            wait_until(lambda: process.poll() is None and is_open(port), "the server listens")
            yield Server(lake, process, port)
        finally:
            process.terminate()
            process.wait(60)


def is_open(port: int) -> bool:
    """Return whether something listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
