"""The per-statement overhead that is removed while dbt builds."""

import gc
from typing import Any
from unittest.mock import MagicMock

import pytest
from dbt.adapters.contracts.connection import Connection, Identifier
from dbt.adapters.spark import session
from dbt.adapters.spark.connections import (
    SparkConnectionManager,
    SparkConnectionMethod,
    SparkCredentials,
)
from pyspark import SparkContext

from fitness.dbt_overhead import without_overhead


def open_connection() -> Any:
    """Open a connection to this process's Spark as dbt does, without a statement."""
    credentials = SparkCredentials(
        host="NA",
        method=SparkConnectionMethod.SESSION,
        schema="silver",
        server_side_parameters={"spark.sql.shuffle.partitions": "2"},
    )
    connection = Connection(Identifier("spark"), "test", credentials)
    return SparkConnectionManager.open(connection).handle.handle


def test_only_the_first_statement_of_a_build_passes_the_settings_to_spark() -> None:
    for _ in range(2):
        with without_overhead():
            connections = [open_connection(), open_connection()]
            first, *others = [c.cursor().server_side_parameters for c in connections * 2]
        assert first["spark.sql.shuffle.partitions"] == "2"
        assert others == [{}, {}, {}]


def test_the_jobs_of_a_build_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name Spark walks the stack for one at each RDD."""
    spark = MagicMock()
    monkeypatch.setattr(SparkContext, "_active_spark_context", spark)
    with without_overhead():
        open_connection().cursor()
    given = dict(call.args for call in spark.setLocalProperty.call_args_list)
    assert given == {"callSite.short": "fitness", "callSite.long": "fitness"}


def test_after_a_build_dbt_and_the_garbage_collector_are_as_before() -> None:
    with without_overhead():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert type(open_connection()) is session.Connection
