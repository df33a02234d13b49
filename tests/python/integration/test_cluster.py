"""The same commands on a cluster: a master and two workers, each a process, over shared storage."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark
import pytest

from fitness.build import LOG
from fitness.lock import holder
from fitness.settings import export
from tests.python.lake import FITNESS, Lake, free_port, land, wait_until

pytestmark = pytest.mark.slow
LOOPBACK = "127.0.0.1"


@contextmanager
def process(log: Path, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process of the cluster, and kill it at the end."""
    environment = {**os.environ, "SPARK_LOCAL_IP": LOOPBACK, "SPARK_NO_DAEMONIZE": "1"}
    with (
        log.open("wb") as file,
        subprocess.Popen(command, stdout=file, stderr=file, env=environment) as part,  # noqa: S603
    ):
        try:
            yield part
        finally:
            part.kill()


@pytest.fixture
def workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run a cluster with two workers of one core, which the settings name."""
    spark_class = str(Path(pyspark.__path__[0]) / "bin" / "spark-class")
    deploy = "org.apache.spark.deploy"
    port = free_port()
    url = f"spark://{LOOPBACK}:{port}"
    with ExitStack() as stack:
        log = tmp_path / "master.log"
        address = ("--host", LOOPBACK, "--port", str(port), "--webui-port", "0")
        stack.enter_context(process(log, spark_class, f"{deploy}.master.Master", *address))
        wait_until(lambda: "I have been elected leader" in log.read_text(), "there is a master")
        size = ("--cores", "1", "--memory", "1g", "--webui-port", "0")
        parts = [
            stack.enter_context(
                process(
                    tmp_path / f"worker-{number}.log",
                    *(spark_class, f"{deploy}.worker.Worker", "--host", LOOPBACK, *size),
                    *("--work-dir", str(tmp_path / f"work-{number}"), url),
                )
            )
            for number in range(2)
        ]
        wait_until(lambda: log.read_text().count("Registering worker") == 2, "there are workers")
        monkeypatch.setenv("FITNESS_MASTER", url)
        yield parts


def run() -> "subprocess.Popen[str]":
    """Start to land and build by the command line."""
    return subprocess.Popen(  # noqa: S603
        [*FITNESS, "run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_build_finishes_though_a_worker_is_killed(
    warm_lake: Lake, tmp_path: Path, workers: list["subprocess.Popen[bytes]"]
) -> None:
    lake = Lake(tmp_path / "shared")
    export(lake.settings)
    land(lake, 1)
    first = run()
    output, _ = first.communicate(timeout=600)
    assert first.returncode == 0, output
    assert any(tmp_path.glob("work-0/app-*")), "no executor has run"
    land(lake, 2)
    land(lake, 3)
    began = LOG.stat().st_size
    second = run()
    wait_until(lambda: holder(lake.settings.lakehouse, "build") is not None, "a build begins", 300)
    wait_until(lambda: " OK created " in tail(LOG, began), "it has made a model", 300)
    workers[0].kill()
    output, _ = second.communicate(timeout=900)
    assert second.returncode == 0, output
    lake.forget_logs()
    assert not lake.differences()


def tail(file: Path, start: int) -> str:
    """Return what was added to a file after byte `start`; all of it if it is a new file."""
    with file.open("rb") as log:
        log.seek(start if file.stat().st_size >= start else 0)
        return log.read().decode(errors="replace")
