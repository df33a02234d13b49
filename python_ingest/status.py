"""What runs, how far behind each layer is, and what failed last; told from files, without Spark."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from python_ingest import build_log, ingest_log
from python_ingest.backlog import (
    MOST_BATCHES,
    Backlog,
    backlog_of_bronze,
    backlog_of_landing,
    built_until,
)
from python_ingest.build_log import BuildFigures
from python_ingest.ingest_log import BatchFigures
from python_ingest.lock import holder
from python_ingest.settings import Settings


@dataclass(frozen=True)
class Status:
    """The state of a lakehouse.

    `ingest` and `build` are the processes that are at work. `batches` has the last one of each
    stream. `whole` is the last build whose tests looked at whole tables.
    """

    ingest: str | None
    build: str | None
    batches: Mapping[str, BatchFigures]
    last: BuildFigures | None
    whole: BuildFigures | None
    bronze: Backlog
    silver: Backlog
    gold: Backlog

    @property
    def failed(self) -> list[BuildFigures]:
        """The last build, and the last with whole tests, if something failed in them."""
        found = [self.last] if self.whole in (None, self.last) else [self.whole, self.last]
        return [build for build in found if build and build.failures]


def read_status(settings: Settings) -> Status:
    """Give the state of the lakehouse."""
    batches = ingest_log.newest(settings.lakehouse, MOST_BATCHES)
    builds = build_log.newest(settings.lakehouse, build_log.MANY)
    built = built_until(builds)
    whole = [build for build in builds if build.has_whole_tests]
    return Status(
        ingest=holder(settings.lakehouse, "ingest"),
        build=holder(settings.lakehouse, "build"),
        batches={batch.stream: batch for batch in batches},
        last=builds[-1] if builds else None,
        whole=whole[-1] if whole else None,
        bronze=backlog_of_landing(settings),
        silver=backlog_of_bronze(batches, built["silver"]),
        gold=backlog_of_bronze(batches, built["gold"]),
    )


def as_text(status: Status, now: datetime) -> list[str]:
    """Give the lines of a report for people."""
    lines = [
        f"ingest   {at_work(status.ingest)}",
        *[f"         {b.started_at}  {b}" for b in status.batches.values()],
        f"build    {at_work(status.build)}",
    ]
    if status.last:
        lines.append(f"         {status.last.started_at}  {status.last}")
    if status.whole:
        lines.append(f"         {status.whole.started_at}  the last with tests of whole tables")
    lines += [
        f"bronze   {behind(status.bronze, 'files', now)}",
        f"silver   {behind(status.silver, 'rows', now)}",
        f"gold     {behind(status.gold, 'rows', now)}",
    ]
    for build in status.failed:
        for name, message in build.failures.items():
            lines.append(f"failed   {name}: {message}")
            if name in build.rows:
                lines.append(f"         its rows: uv run fitness show {build.rows[name]}")
    return lines


def at_work(process: str | None) -> str:
    """Say whether something is at work."""
    return f"at work, process {process}" if process else "not at work"


def behind(backlog: Backlog, of: str, now: datetime) -> str:
    """Say how far a layer is behind."""
    if not backlog.count or backlog.since is None:
        return "up to date"
    waited = (now - backlog.since).total_seconds()
    return f"{backlog.count:,} {of} behind, the oldest for {waited:,.0f} s"
