"""`dbt source freshness` says which feeds have landed nothing for too long."""

from typing import Any

from fitness.settings import export
from python_ingest.tables import table_names
from tests.python.lake import Lake


def test_source_freshness_fails_for_a_feed_that_landed_too_long_ago(built: Lake) -> None:
    assert freshness(built) == dict.fromkeys(set(table_names()) - {"unrouted_bz"}, "pass")
    built.spark.sql("update bronze.gym_logins_bz set _ingested_at = now() - interval 2 days")
    assert freshness(built)["gym_logins_bz"] == "error"


def freshness(lake: Lake) -> dict[str, str]:
    """Return the status of each source by `dbt source freshness`."""
    from dbt.cli.main import dbtRunner

    export(lake.settings)
    found: Any = dbtRunner().invoke(["--quiet", "source", "freshness"]).result
    return {r.node.name: str(r.status) for r in found.results if r.node.name in table_names()}
