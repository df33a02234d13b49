"""Spark's own SQL server over the lakehouse, for several builds at once and for JDBC clients."""

import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyspark

from fitness.doctor import metastore_holder
from fitness.options import LOOPBACK
from fitness.settings import PROJECT, spark_conf
from fitness.spark import UMASK, end_jvm, start_spark, umask_text
from python_ingest.errors import BusyError, SettingError
from python_ingest.file_source_log import path_of
from python_ingest.settings import Settings

LOG = PROJECT / "logs" / "server.log"
MAIN = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
SPARK = Path(pyspark.__path__[0])


@dataclass(frozen=True)
class Address:
    """Where the server listens."""

    host: str
    port: int


def read_address(environment: Mapping[str, str] = os.environ) -> Address:
    """Return where the server is to listen; raises SettingError for a port that is no number."""
    port = environment.get("FITNESS_SERVER_PORT") or "10000"
    if not port.isdigit():
        raise SettingError(f"FITNESS_SERVER_PORT is {port!r}: give a number, as in 10000.")
    return Address(environment.get("FITNESS_SERVER_HOST") or LOOPBACK, int(port))


def serve(settings: Settings, address: Address) -> None:
    """Replace this process by the server; its log goes to a file.

    Raises JavaError without a usable Java, BusyError if another process listens there or has
    the metastore open.
    """
    with socket.socket() as probe:
        if probe.connect_ex((address.host, address.port)) == 0:
            raise BusyError(
                f"Another process listens on {address.host}:{address.port}: stop it, or choose "
                "another FITNESS_SERVER_PORT."
            )
    metastore = settings.lakehouse / "metastore"
    if holder := metastore_holder(metastore):
        raise BusyError(
            f"Process {holder} has the metastore {metastore} open; only one can: stop it first."
        )
    settings.lakehouse.mkdir(parents=True, exist_ok=True)
    jars = fetched_jars(settings)
    with LOG.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())
    program = str(SPARK / "bin" / "spark-submit")
    os.execv(program, [program, *arguments(settings, address, jars)])  # noqa: S606 - no shell


def fetched_jars(settings: Settings) -> list[Path]:
    """Return the jars of the profile's packages; starts a Spark, which downloads them, and ends it.

    Jars that Spark itself has, in another version, are left out.
    """
    spark = start_spark(settings, with_metastore=False)
    jars = spark.sparkContext.getConf().get("spark.jars") or ""
    end_jvm(spark)
    own = {artifact(jar.name) for jar in (SPARK / "jars").iterdir()}
    fetched = [path_of(jar) for jar in jars.split(",")]
    # A fetched jar's name begins with its group.
    return [jar for jar in fetched if artifact(jar.name.split("_", 1)[1]) not in own]


def artifact(jar: str) -> str:
    """Return the name of a jar without its version."""
    return re.split(r"-\d", jar)[0]


def arguments(settings: Settings, address: Address, jars: Sequence[Path]) -> list[str]:
    """Return the arguments of spark-submit that start the server."""
    conf = dict(spark_conf("local"))
    # A client that disconnects closes the class loader of packages for all later clients.
    del conf["spark.jars.packages"]
    conf |= {
        "spark.driver.extraClassPath": ":".join(map(str, jars)),
        "spark.jars": ",".join(map(str, jars)),
        "spark.sql.catalogImplementation": "hive",
        # Clients' queries may be of any size; dbt's sessions turn this off (profiles.yml).
        "spark.sql.adaptive.enabled": "true",
        "spark.hadoop.hive.server2.thrift.bind.host": address.host,
        "spark.hadoop.hive.server2.thrift.port": str(address.port),
        # An idle thread keeps the session that was active when it was created, and its memory.
        "spark.hadoop.hive.server2.thrift.worker.keepalive.time": "5s",
        "spark.hadoop.hive.server2.async.exec.keepalive.time": "5s",
        UMASK: umask_text(),
        "spark.app.name": f"fitness server of {settings.lakehouse}",
    }
    options = [f"--conf={key}={value}" for key, value in conf.items()]
    return ["--class", MAIN, *options, "spark-internal"]
