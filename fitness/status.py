"""What runs, how far behind each layer is and what failed, from files and without Spark."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from fitness import build_log, ingest_log, restart_log
from fitness.backlog import (
    MOST_BATCHES,
    Backlog,
    backlog_of_bronze,
    backlog_of_landing,
    built_until,
)
from fitness.build_log import BuildFigures
from fitness.ingest_log import LoggedBatch
from fitness.lock import holder
from fitness.restart_log import Restart
from python_ingest.recovery import read_position
from python_ingest.settings import Settings

RECENT_BUILDS = 100  # of which the median is taken
SLOW = 2.0  # times the median


@dataclass(frozen=True)
class Status:
    """The state of a lakehouse.

    `ingest` and `build` are the processes that are at work. `batches` has the last one of each
    stream. `whole` is the last build whose tests looked at whole tables. `usual_seconds` is the
    median time of earlier builds with the arguments and layers of the last; None without any.
    """

    ingest: str | None
    build: str | None
    batches: Mapping[str, LoggedBatch]
    last: BuildFigures | None
    whole: BuildFigures | None
    usual_seconds: float | None
    restart: Restart | None
    bronze: Backlog
    silver: Backlog
    gold: Backlog

    @property
    def failed(self) -> list[BuildFigures]:
        """The last build, and the last with whole tests, if something failed in them."""
        found = [self.last] if self.whole in (None, self.last) else [self.whole, self.last]
        return [build for build in found if build and build.failures]

    @property
    def is_slow(self) -> bool:
        """Whether the last build took much longer than usual."""
        if self.last is None or self.usual_seconds is None:
            return False
        return self.last.seconds > SLOW * self.usual_seconds


def read_status(settings: Settings) -> Status:
    """Return the state of the lakehouse."""
    batches = ingest_log.newest(settings.lakehouse, MOST_BATCHES)
    builds = build_log.newest(settings.lakehouse, build_log.MANY)
    built = built_until(builds)
    whole = [build for build in builds if build.has_whole_tests]
    last = builds[-1] if builds else None
    alike = [b.seconds for b in builds[:-1] if last and is_alike(b, last)][-RECENT_BUILDS:]
    restarts = restart_log.newest(settings.lakehouse, 1)
    return Status(
        ingest=holder(settings.lakehouse, "ingest"),
        build=holder(settings.lakehouse, "build"),
        batches={batch.stream: batch for batch in batches},
        last=last,
        whole=whole[-1] if whole else None,
        usual_seconds=median(alike) if alike else None,
        restart=restarts[-1] if restarts else None,
        bronze=backlog_of_landing(settings),
        silver=backlog_of_bronze(batches, built["silver"]),
        gold=backlog_of_bronze(batches, built["gold"]),
    )


def skipped_files(settings: Settings) -> list[dict[str, str]]:
    """Return the `path` of each landed file that was skipped, and the `reason`."""
    return [
        entry
        for file in sorted(settings.positions.glob("*.json"))
        for entry in read_position(file).skipped_files.values()
    ]


def is_alike(one: BuildFigures, other: BuildFigures) -> bool:
    """Return whether two builds were of the same models and tests."""
    return (one.arguments, one.layers) == (other.arguments, other.layers)


def as_text(status: Status, now: datetime) -> list[str]:
    """Return the lines of a report for people."""
    lines = [
        f"ingest   {at_work(status.ingest)}",
        *[f"         {b.started_at}  {b}" for b in status.batches.values()],
        f"build    {at_work(status.build)}",
    ]
    if status.last:
        usual = f"; {status.usual_seconds:.1f} s is usual" if status.usual_seconds else ""
        lines.append(f"         {status.last.started_at}  {status.last}{usual}")
    if status.whole:
        lines.append(f"         {status.whole.started_at}  the last with tests of whole tables")
    lines += [
        f"bronze   {behind(status.bronze, 'files', now)}",
        f"silver   {behind(status.silver, 'rows', now)}",
        f"gold     {behind(status.gold, 'rows', now)}",
    ]
    if status.is_slow:
        lines.append(
            f"warning  the last build took more than {SLOW:g} times as long as usual: "
            "`uv run fitness doctor` shows its heap"
        )
    if status.restart:
        lines.append(f"restart  {status.restart.at}  {status.restart.reason}")
    for build in status.failed:
        for name, message in build.failures.items():
            lines.append(f"failed   {name}: {message}")
            if name in build.rows:
                lines.append(f"         its rows: uv run fitness show {build.rows[name]}")
    return lines


def at_work(process: str | None) -> str:
    """Return whether something is at work."""
    return f"at work, process {process}" if process else "not at work"


def behind(backlog: Backlog, of: str, now: datetime) -> str:
    """Return how far a layer is behind, for people."""
    if not backlog.count or backlog.since is None:
        return "up to date"
    waited = (now - backlog.since).total_seconds()
    return f"{backlog.count:,} {of} behind, the oldest for {waited:,.0f} s"
