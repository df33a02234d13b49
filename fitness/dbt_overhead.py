"""Remove the per-statement overhead of dbt-spark's session connections, a fifth of a build."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from dbt.adapters.spark import session
from pyspark import SparkContext


class Connection(session.Connection):
    """A connection that passes the profile's settings to Spark once, not with each statement.

    That takes forty calls to the JVM, for which all threads wait. The session keeps the settings.
    """

    has_given_settings = False

    def cursor(self) -> session.Cursor:
        """Return a cursor, and name this thread's jobs: else Spark walks the stack to name them."""
        settings = {} if Connection.has_given_settings else self.server_side_parameters
        Connection.has_given_settings = True
        spark = SparkContext._active_spark_context
        if spark:
            for form in ("short", "long"):
                spark.setLocalProperty(f"callSite.{form}", "fitness")
        return session.Cursor(server_side_parameters=settings)


@contextmanager
def without_overhead() -> Iterator[None]:
    """Make dbt use such connections, and collect Python's garbage only once, at the end.

    dbt creates hundreds of thousands of objects, and each collection visits all of them. The
    collection at the end frees the cursors, and so their query plans in the JVM.
    """
    original = session.Connection
    session.Connection = Connection  # type: ignore[misc]
    Connection.has_given_settings = False
    gc.disable()
    try:
        yield
    finally:
        session.Connection = original  # type: ignore[misc]
        gc.enable()
        gc.collect()
