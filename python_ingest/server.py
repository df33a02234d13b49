"""Spark's own SQL server over the lakehouse, for several builds at once and for JDBC clients."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyspark

from python_ingest.errors import BusyError, SettingError
from python_ingest.settings import PROJECT, Settings, spark_conf
from python_ingest.spark import java_version

LOG = PROJECT / "logs" / "server.log"
MAIN = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Where the server listens."""

    host: str
    port: int


def read_address(environment: Mapping[str, str] = os.environ) -> Address:
    """Give where the server is to listen; raises SettingError for a port that is none."""
    port = environment.get("FITNESS_SERVER_PORT") or "10000"
    if not port.isdigit():
        raise SettingError(f"FITNESS_SERVER_PORT is {port!r}: give a number, as in 10000.")
    return Address(environment.get("FITNESS_SERVER_HOST") or LOOPBACK, int(port))


def serve(settings: Settings, address: Address) -> None:
    """Become the server, until stopped; its log goes to a file.

    Raises JavaError without a usable Java, BusyError if something else listens there.
    """
    java_version()
    with socket.socket() as probe:
        if probe.connect_ex((address.host, address.port)) == 0:
            raise BusyError(
                f"Something listens on {address.host}:{address.port} already: stop it, or choose "
                "another FITNESS_SERVER_PORT."
            )
    settings.export()
    os.chdir(PROJECT)
    settings.lakehouse.mkdir(parents=True, exist_ok=True)
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())
    program = str(Path(pyspark.__path__[0]) / "bin" / "spark-submit")
    os.execv(program, [program, *arguments(settings, address)])  # noqa: S606 - no shell


def arguments(settings: Settings, address: Address) -> list[str]:
    """Give the arguments of spark-submit that start the server."""
    conf = {
        **spark_conf("local"),
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.hive.server2.thrift.bind.host": address.host,
        "spark.hadoop.hive.server2.thrift.port": str(address.port),
        "spark.app.name": f"fitness server of {settings.lakehouse}",
    }
    options = [f"--conf={key}={value}" for key, value in conf.items()]
    return ["--class", MAIN, *options, "spark-internal"]
