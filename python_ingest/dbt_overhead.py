"""What dbt, and Spark for it, do over and over in a build, a fifth of its time, left out."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from dbt.adapters.spark import session
from pyspark import SparkContext

from python_ingest.garbage import uncollected


@contextmanager
def without_overhead() -> Iterator[None]:
    """Give Spark the profile's settings once and its jobs a name, and collect no garbage.

    dbt gives the settings with each statement: forty calls to the JVM, for which all threads wait.
    They speak to one session, which keeps them. For jobs without a name Spark goes through its
    stack at each RDD that it makes, to find one. And while dbt makes objects by the hundred
    thousand, Python would look through all that it has again and again, for those that only refer
    to each other. They are collected once at the end: the JVM keeps the query plans of the cursors
    among them until then.
    """
    try:
        with patch.object(session, "Connection", connection_of_one_session()), uncollected():
            yield
    finally:
        gc.collect()


def connection_of_one_session() -> type[session.Connection]:
    """Give a class of connections, of which only the very first statement gives settings."""

    class Connection(session.Connection):
        has_given = False

        def cursor(self) -> session.Cursor:
            given = {} if Connection.has_given else self.server_side_parameters
            Connection.has_given = True
            name_jobs()
            return session.Cursor(server_side_parameters=given)

    return Connection


def name_jobs() -> None:
    """Name the jobs of this thread from now on, if there is a Spark yet."""
    spark = SparkContext._active_spark_context
    if spark:
        for form in ("short", "long"):
            spark.setLocalProperty(f"callSite.{form}", "fitness")
