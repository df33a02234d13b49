"""How far behind each layer is, from files and logs, without Spark."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fitness.build_log import BuildFigures
from fitness.ingest_log import LoggedBatch
from python_ingest import file_source_log
from python_ingest.feeds import feeds_by_folder
from python_ingest.settings import Settings

MOST_BATCHES = 10_000


@dataclass(frozen=True)
class Backlog:
    """How far a layer is behind: how many files or rows wait, and since when the oldest does."""

    count: int
    since: datetime | None


def built_until(builds: Sequence[BuildFigures]) -> dict[str, datetime]:
    """Return, by layer, the time before which everything that landed has been built into it."""
    until = dict.fromkeys(("silver", "gold"), datetime.min.replace(tzinfo=UTC))
    for build in builds:
        if "silver" in build.layers:
            until["silver"] = build.began
        if "gold" in build.layers:  # Gold is built from silver as of then.
            until["gold"] = until["silver"]
    return until


def backlog_of_bronze(batches: Sequence[LoggedBatch], until: datetime) -> Backlog:
    """Return the rows that have landed since an instant."""
    found = [batch for batch in batches if batch.rows and batch.landed_at >= until]
    return Backlog(sum(b.total for b in found), min((b.landed_at for b in found), default=None))


def backlog_of_landing(settings: Settings) -> Backlog:
    """Return the files that have not landed."""
    # A file that is renamed into the folder changes its ctime, not its mtime.
    arrivals = [file.st_ctime for file in waiting_files(settings).values()]
    return Backlog(len(arrivals), datetime.fromtimestamp(min(arrivals), UTC) if arrivals else None)


def waiting_files(settings: Settings) -> dict[Path, os.stat_result]:
    """Return the files that have not landed, also links to files that are gone."""
    found = {}
    for name in feeds_by_folder():
        if (folder := settings.landing / name).exists():
            waiting = file_source_log.waiting_files(folder, settings.checkpoints / name)
            for path in map(Path, waiting):
                with suppress(FileNotFoundError):  # It is gone by now.
                    found[path] = path.stat() if path.exists() else path.lstat()
    return found
