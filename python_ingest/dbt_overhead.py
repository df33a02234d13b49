"""What dbt's process does over and over in a build, a tenth to a fifth of its time, left out."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from dbt.adapters.spark import session


class Connection(session.Connection):
    """A connection that gives Spark the profile's settings with its first statement, not with each.

    Each of them is a call to the JVM, and all threads wait for each other.
    """

    def cursor(self) -> session.Cursor:
        """Give a cursor; only the first one has settings to give."""
        given, self.server_side_parameters = self.server_side_parameters, {}
        return session.Cursor(server_side_parameters=given)


@contextmanager
def without_overhead() -> Iterator[None]:
    """Open such connections, and collect no garbage, of which a build leaves a few MB.

    While dbt makes objects by the hundred thousand, Python would look through all that it has
    again and again, for those that only refer to each other.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        with patch.object(session, "Connection", Connection):
            yield
    finally:
        if collects:
            gc.enable()
