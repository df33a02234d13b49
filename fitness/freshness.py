"""Which feeds are stale: nothing has landed for longer than their contracts allow.

It reads the ingest log, so it needs no Spark; `dbt source freshness` asks the tables.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from fitness import ingest_log
from python_ingest.feeds import CONTRACTS, only_table, read_feeds

OVERLAP = timedelta(minutes=10)  # Batches of several streams are not logged in order of time.


def last_landings(
    lakehouse: Path, known: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """Return when rows last landed in each table that has a threshold.

    `known` is what an earlier call returned: only newer batches are read. A table in which nothing
    has landed yet counts from the oldest batch that was read, or from now without any.
    """
    limits = thresholds()
    until = max(known.values(), default=now - max(limits.values(), default=timedelta())) - OVERLAP
    newest: dict[str, datetime] = {}
    oldest = now
    for batch in ingest_log.newest_first(lakehouse):
        oldest = min(oldest, batch.landed_at)
        for table in batch.rows:
            newest.setdefault(table, batch.landed_at)
        if oldest < until or newest.keys() >= limits.keys():
            break
    before = {table: known.get(table, oldest) for table in limits}
    return {table: max(at, newest.get(table, at)) for table, at in before.items()}


def stale_since(landings: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """Return the tables in which nothing has landed for too long, with their last landing."""
    limits = thresholds()
    return {table: at for table, at in landings.items() if now - at > limits[table]}


@cache
def thresholds() -> dict[str, timedelta]:
    """Return how long nothing may land, by table: its contract's warn_after, else error_after."""
    found = {}
    for feed in read_feeds():
        config = only_table(CONTRACTS / f"{feed.table}.yml")["config"]
        freshness = config.get("freshness") or {}
        if limit := freshness.get("warn_after") or freshness.get("error_after"):
            found[feed.table] = timedelta(**{f"{limit['period']}s": limit["count"]})
    return found
