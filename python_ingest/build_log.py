"""How builds went, an entry a build."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from python_ingest.monthly_log import MonthlyLog

# Arguments of dbt with which a build leaves models out.
SELECTING = ("-s", "--select", "-m", "--model", "--exclude", "--selector", "--resource-type")


@dataclass(frozen=True)
class BuildFigures:
    """What a build came to. `started_at` is ISO 8601 in UTC.

    `arguments` were passed on to dbt. `failures` has dbt's message by the name of the model or test
    that failed, `rows` the tables with the rows that fail a test, `layer.name`, by its name.
    """

    started_at: str
    seconds: float
    arguments: Sequence[str]
    failures: Mapping[str, str]
    rows: Mapping[str, str]
    warnings: Sequence[str]

    @property
    def began(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.started_at)

    @property
    def has_whole_tests(self) -> bool:
        """Whether its tests looked at whole tables."""
        return any("whole_tests" in argument for argument in self.arguments)

    def __str__(self) -> str:
        outcome = f"failed in {', '.join(self.failures)}" if self.failures else "all well"
        return f"{outcome}, in {self.seconds:.1f} s"

    @property
    def is_of_all(self) -> bool:
        """Whether no model was left out."""
        return not any(argument.split("=")[0] in SELECTING for argument in self.arguments)


_log = MonthlyLog("build_log", BuildFigures)
add, newest = _log.add, _log.newest
