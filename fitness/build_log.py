"""The log of builds, one entry per build; each developer (FITNESS_DEV) has a log of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fitness.dbt_arguments import asks_whole_tests
from fitness.monthly_log import MonthlyLog
from fitness.settings import developer_prefix

MANY = 20_000  # builds, more than a day's


@dataclass(frozen=True)
class BuildFigures:
    """The outcome of a build. `started_at` is ISO 8601 in UTC.

    `arguments` were passed on to dbt. `layers`, such as silver, are those of which every model was
    built. `failures` has dbt's message by the name of the model or test that failed, `rows` the
    tables with the rows that fail a test, `layer.name`, by its name. `versions` has the newest
    Delta version of each silver and gold table by `layer.name`; none on Databricks.

    Of the Spark in the same process: `heap_mib` is the size of its old generation, `live_mib` what
    the last full garbage collection left in it, `collecting_seconds` the build's time in
    collections. All are 0 where a server or a warehouse builds.
    """

    started_at: str
    seconds: float
    arguments: Sequence[str]
    layers: Sequence[str]
    failures: Mapping[str, str]
    rows: Mapping[str, str]
    warnings: Sequence[str]
    live_mib: float = 0.0
    heap_mib: float = 0.0
    collecting_seconds: float = 0.0
    versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def began(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.started_at)

    @property
    def has_whole_tests(self) -> bool:
        """Whether its tests read whole tables, and either some failed or all models were built."""
        has_all = {"silver", "gold"} <= set(self.layers) and "test" not in self.arguments
        return asks_whole_tests(self.arguments) and bool(self.failures or has_all)

    @property
    def heap(self) -> str:
        """How full the heap was."""
        return f"{self.live_mib:,.0f} of {self.heap_mib:,.0f} MiB"

    def __str__(self) -> str:
        outcome = f"failed in {', '.join(self.failures)}" if self.failures else "all well"
        return f"{outcome}, in {self.seconds:.1f} s"


def log() -> MonthlyLog[BuildFigures]:
    """Return the log of the builds into the schemas of production, or a developer's."""
    return MonthlyLog(f"{developer_prefix()}build_log", BuildFigures)


def add(lakehouse: Path, build: BuildFigures) -> None:
    """Append a build to the log."""
    log().add(lakehouse, build)


def newest(lakehouse: Path, count: int) -> list[BuildFigures]:
    """Return the newest builds, the oldest of them first."""
    return log().newest(lakehouse, count)
