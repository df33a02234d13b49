"""Remove the per-statement overhead of dbt-spark's session connections, a fifth of a build."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from dbt.adapters.spark import session
from pyspark import SparkContext


class Connection(session.Connection):
    """A connection that gives the profile's settings to Spark once, not with each statement.

    They are forty calls to the JVM, for which all threads wait; the one session keeps them.
    """

    has_given_settings = False

    def cursor(self) -> session.Cursor:
        """Return a cursor; jobs of this thread are named, so that Spark looks for no name."""
        settings = {} if Connection.has_given_settings else self.server_side_parameters
        Connection.has_given_settings = True
        spark = SparkContext._active_spark_context
        if spark:
            for form in ("short", "long"):
                spark.setLocalProperty(f"callSite.{form}", "fitness")
        return session.Cursor(server_side_parameters=settings)


@contextmanager
def without_overhead() -> Iterator[None]:
    """Let dbt use such connections meanwhile, and collect Python's garbage once, at the end.

    dbt makes objects by the hundred thousand, and each collection looks at all of them. The JVM
    keeps the query plans of cursors until these are collected.
    """
    stock = session.Connection
    session.Connection = Connection  # type: ignore[misc]
    Connection.has_given_settings = False
    gc.disable()
    try:
        yield
    finally:
        session.Connection = stock  # type: ignore[misc]
        gc.enable()
        gc.collect()
