"""The settings of the server, which are those of the embedded lakehouse but for a few."""

from pathlib import Path

from fitness.server import Address, arguments
from fitness.settings import spark_conf
from python_ingest.settings import Settings


def test_queries_of_any_size_are_adapted_to_though_builds_do_without() -> None:
    settings = Settings(Path("landing"), Path("lakehouse"), "server")
    found = arguments(settings, Address("127.0.0.1", 10000), [])
    assert "--conf=spark.sql.adaptive.enabled=true" in found
    assert spark_conf("local")["spark.sql.adaptive.enabled"] == "false"
