"""dbt, run in this process so that it uses the Spark session that is already warm."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from python_ingest import build_log
from python_ingest.build_log import BuildFigures
from python_ingest.errors import BuildError
from python_ingest.lock import holder, only_one
from python_ingest.maintenance import MAINTENANCE
from python_ingest.settings import PROJECT, Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt_common.events.base_types import EventMsg

LOG = PROJECT / "logs" / "dbt.log"
LONGEST_MAINTENANCE = timedelta(minutes=30)  # of a table
# Unit tests try the models' code on made-up rows: that is for whoever changes a model.
EVERYDAY = ("--exclude-resource-type", "unit_test")
WHOLE_TESTS = ("--vars", "whole_tests: true")


def build(
    settings: Settings,
    arguments: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    listen: Callable[["EventMsg"], None] = lambda _: None,
) -> str:
    """Run `dbt build` with further arguments for dbt and give a line that sums it up.

    `tell` is told each node that has finished, `say` what models have to say, `listen` all of dbt's
    events. What it came to is noted in the build log, and the rows that fail a test are stored in
    the schema `failures`.

    Raises BuildError if a model or a test fails, BusyError if another build is at work on the
    lakehouse.
    """
    # Imported here: dbt takes a second to load, and most commands do without it.
    from dbt.cli.main import dbtRunner

    def on_event(event: "EventMsg") -> None:
        if event.info.name == "JinjaLogInfo":
            say(event.data.msg)
        elif event.info.name == "NodeFinished":
            tell(event.data.node_info.node_name)

    settings.export()
    os.chdir(PROJECT)
    is_maintained = holder(settings.lakehouse, MAINTENANCE) is not None
    patience = LONGEST_MAINTENANCE if is_maintained else timedelta()
    with only_one(settings.lakehouse, "build", patience):
        began = datetime.now(UTC)
        result = dbtRunner(callbacks=[on_event, listen]).invoke(["--quiet", "build", *arguments])
        figures = figures_of(result, began, arguments)
        if figures.rows:
            store_failures(figures.rows)
        build_log.add(settings.lakehouse, figures)
    if result.exception:
        raise BuildError(f"dbt did not get to build: {result.exception}") from result.exception
    if figures.failures:
        raise BuildError(
            f"The build failed in {', '.join(figures.failures)}; {LOG} has the whole story."
        )
    kinds = Counter(str(r.node.resource_type) for r in results_of(result))
    text = ", ".join(
        f"{count} {kind}s" for kind, count in sorted(kinds.items()) if kind != "operation"
    )
    if figures.warnings:
        return f"Built: {text}; warnings: {', '.join(figures.warnings)}"
    return f"Built: {text}, all well."


def results_of(result: "dbtRunnerResult") -> list[Any]:
    """Give the results of dbt's nodes; none if it did not get to run them."""
    return list(getattr(result.result, "results", []))


def figures_of(
    result: "dbtRunnerResult", began: datetime, arguments: Sequence[str]
) -> BuildFigures:
    """Give what a build came to."""
    failed = [r for r in results_of(result) if r.status in ("error", "fail", "runtime error")]
    failures = {r.node.name: str(r.message or r.status) for r in failed}
    if result.exception or not (result.success or failures):
        failures["dbt"] = str(result.exception or "failed without a word")
    return BuildFigures(
        started_at=began.isoformat(timespec="seconds"),
        seconds=round((datetime.now(UTC) - began).total_seconds(), 3),
        arguments=list(arguments),
        failures=failures,
        rows={r.node.name: f"{r.node.schema}.{r.node.alias}" for r in failed if r.status == "fail"},
        warnings=[r.node.name for r in results_of(result) if r.status == "warn"],
    )


def store_failures(tests: Iterable[str]) -> None:
    """Let dbt run tests again, over all rows, and store those that fail."""
    from dbt.cli.main import dbtRunner

    dbtRunner().invoke(["--log-level", "none", "test", "--store-failures", "--select", *tests])
