"""How much each layer has yet to take; told from files, without Spark."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from python_ingest import build_log, ingest_log
from python_ingest.build_log import BuildFigures
from python_ingest.file_list import waiting
from python_ingest.ingest_log import BatchFigures
from python_ingest.landing import CSV_HEADERS, MULTIPLEX
from python_ingest.settings import Settings

MOST_BATCHES = 10_000
LITTLE = 500_000  # rows
LITTLE_TO_LAND = 100_000_000  # bytes, of about as many rows
RECENT = 1_000  # entries of a log, enough for a guess


@dataclass(frozen=True)
class Backlog:
    """What a layer has yet to take: files or rows, and since when the oldest waits."""

    count: int
    since: datetime | None


def built_until(builds: Sequence[BuildFigures]) -> dict[str, datetime]:
    """Give, by layer, the instant before which all that had landed has been built into it."""
    until = dict.fromkeys(("silver", "gold"), datetime.min.replace(tzinfo=UTC))
    for build in builds:
        if "silver" in build.layers:
            until["silver"] = build.began
        if "gold" in build.layers:  # It reads what silver had then.
            until["gold"] = until["silver"]
    return until


def backlog_of_bronze(batches: Sequence[BatchFigures], until: datetime) -> Backlog:
    """Give the rows that have landed since an instant."""
    left = [batch for batch in batches if batch.rows and batch.landed_at >= until]
    return Backlog(sum(b.total for b in left), min((b.landed_at for b in left), default=None))


def backlog_of_landing(settings: Settings) -> Backlog:
    """Give the files that have not landed."""
    # A file that is renamed into the folder changes its ctime, not its mtime.
    arrivals = [file.st_ctime for file in waiting_files(settings)]
    return Backlog(len(arrivals), datetime.fromtimestamp(min(arrivals), UTC) if arrivals else None)


def waiting_files(settings: Settings) -> list[os.stat_result]:
    """Look at the files that have not landed."""
    return [
        Path(path).stat()
        for feed in (MULTIPLEX, *CSV_HEADERS)
        if (folder := settings.landing / feed).exists()
        for path in waiting(folder, settings.checkpoints / feed)
    ]


def is_little_to_land(settings: Settings) -> bool:
    """Tell whether little waits to be landed; a guess: what waits in Kafka is not known."""
    if settings.kafka or settings.catalog:
        return False
    try:
        return sum(file.st_size for file in waiting_files(settings)) <= LITTLE_TO_LAND
    except (OSError, ValueError):  # Which is for the ingest to say.
        return False


def is_little_to_build(settings: Settings) -> bool:
    """Tell whether little has landed since the last build of all models; a guess.

    A model whose code has changed is built wholly, which is not known here.
    """
    batches = ingest_log.newest(settings.lakehouse, RECENT)
    until = built_until(build_log.newest(settings.lakehouse, RECENT))["gold"]
    is_all = len(batches) < RECENT or batches[0].landed_at < until
    return is_all and backlog_of_bronze(batches, until).count <= LITTLE
