"""The settings of the server: those of the embedded lakehouse, with a few exceptions."""

from pathlib import Path

from fitness.server import Address, arguments
from fitness.settings import spark_conf
from python_ingest.settings import Settings


def test_adaptive_execution_is_on_in_the_server_though_builds_turn_it_off() -> None:
    settings = Settings(Path("landing"), Path("lakehouse"), "server")
    found = arguments(settings, Address("127.0.0.1", 10000), [])
    assert "--conf=spark.sql.adaptive.enabled=true" in found
    assert spark_conf("local")["spark.sql.adaptive.enabled"] == "false"
