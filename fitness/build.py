"""Run dbt in this process, so that it uses the Spark session that is already running."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitness import build_log
from fitness.build_log import BuildFigures
from fitness.dbt_arguments import where_it_builds
from fitness.delta_log import newest_versions
from fitness.errors import BuildError
from fitness.lock import writing
from fitness.settings import PROJECT, export
from python_ingest.settings import Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt_common.events.base_types import EventMsg
    from pyspark.sql import SparkSession

    from fitness.spark import Heap

LOG = PROJECT / "logs" / "dbt.log"
FAILED = ("error", "fail", "runtime error")  # statuses of dbt's nodes


def build(
    settings: Settings,
    arguments: Sequence[str] = (),
    on_node_finished: Callable[[str], None] = lambda _: None,
    on_log: Callable[[str], None] = lambda _: None,
    on_event: Callable[["EventMsg"], None] = lambda _: None,
) -> str:
    """Run `dbt build` with further arguments for dbt and return a summary of one line.

    `on_node_finished` is called with the name of each node, `on_log` with each message of a model,
    `on_event` with all of dbt's events. The figures go into the build log, and the rows that fail a
    test into the schema `failures`.

    Raises BuildError if a model or a test fails, BusyError if another build is at work on the
    lakehouse.
    """
    # Imported here: dbt takes a second to load, and most commands do without it.
    from dbt.cli.main import dbtRunner
    from pyspark.sql import SparkSession

    from fitness.dbt_overhead import without_overhead
    from fitness.spark import read_heap

    def dispatch(event: "EventMsg") -> None:
        if event.info.name == "JinjaLogInfo":
            on_log(event.data.msg)
        elif event.info.name == "NodeFinished":
            on_node_finished(event.data.node_info.node_name)

    export(settings)
    os.chdir(PROJECT)
    spark = SparkSession.getActiveSession()  # None if a server or a warehouse does the work.
    with writing(spark, settings, "build"), without_overhead():
        began = datetime.now(UTC)
        before = read_heap(spark) if spark else None
        result = dbtRunner(callbacks=[dispatch, on_event]).invoke(["--quiet", "build", *arguments])
        figures = figures_of(result, began, arguments)
        if failed_tests := names_of(result, "fail"):
            figures = replace(figures, rows=store_failures(failed_tests, arguments))
        if spark and before:
            figures = with_heap(figures, before, spark)
        if settings.catalog is None:
            figures = replace(figures, versions=newest_versions(settings.lakehouse))
        build_log.add(settings.lakehouse, figures)
    if result.exception:
        raise BuildError(f"dbt could not build: {result.exception}") from result.exception
    if figures.failures:
        raise BuildError(
            f"The build failed in {', '.join(figures.failures)}; details are in {LOG}."
        )
    kinds = Counter(str(r.node.resource_type) for r in results_of(result))
    text = ", ".join(
        f"{count} {kind}s"
        for kind, count in sorted(kinds.items())
        if kind not in ("operation", "exposure")
    )
    if figures.warnings:
        return f"Built: {text}; warnings: {', '.join(figures.warnings)}"
    return f"Built: {text}, all well."


def results_of(result: "dbtRunnerResult") -> list[Any]:
    """Return the results of dbt's nodes; none if dbt failed before it ran any."""
    return list(getattr(result.result, "results", []))


def figures_of(
    result: "dbtRunnerResult", began: datetime, arguments: Sequence[str]
) -> BuildFigures:
    """Return the figures of a build for the build log."""
    failed = [r for r in results_of(result) if r.status in FAILED]
    failures = {r.node.name: str(r.message or r.status) for r in failed}
    if result.exception or not (result.success or failures):
        failures["dbt"] = str(result.exception or "failed without a message")
    return BuildFigures(
        started_at=began.isoformat(timespec="milliseconds"),
        seconds=round((datetime.now(UTC) - began).total_seconds(), 3),
        arguments=list(arguments),
        layers=whole_layers(result),
        failures=failures,
        rows={},
        warnings=names_of(result, "warn"),
    )


def with_heap(figures: BuildFigures, before: "Heap", spark: "SparkSession") -> BuildFigures:
    """Add how full the heap is after a build; return `figures` as they are if the JVM has ended."""
    from py4j.protocol import Py4JError

    from fitness.spark import read_heap

    try:
        heap = read_heap(spark)
    except (Py4JError, ConnectionError):
        return figures
    return replace(
        figures,
        live_mib=round(heap.live / 2**20, 1),
        heap_mib=round(heap.limit / 2**20, 1),
        collecting_seconds=round(heap.collecting_seconds - before.collecting_seconds, 3),
    )


def names_of(result: "dbtRunnerResult", status: str) -> list[str]:
    """Return the names of the nodes with a status."""
    return [r.node.name for r in results_of(result) if r.status == status]


def whole_layers(result: "dbtRunnerResult") -> list[str]:
    """Return the layers of which every model was built."""
    built = {r.node.unique_id for r in results_of(result) if r.status == "success"}
    if not built:
        return []
    manifest = target_folder(result.result.args.get("target_path")) / "manifest.json"  # type: ignore[union-attr]
    if not manifest.exists():  # dbt was told to write none.
        return []
    nodes = json.loads(manifest.read_text())["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    stored = [node for node in models if node["config"]["materialized"] != "ephemeral"]
    incomplete = {node["fqn"][1] for node in stored if node["unique_id"] not in built}
    return sorted({node["fqn"][1] for node in models} - incomplete)


def store_failures(tests: Iterable[str], arguments: Sequence[str]) -> dict[str, str]:
    """Run tests again on whole tables and store the rows that fail; return the tables by test.

    Uses another target folder than the build, from whose results `dbt retry` continues; but what
    the build has parsed is not parsed again.
    """
    from dbt.cli.main import dbtRunner

    parsed = ["--partial-parse-file-path", str(target_folder() / "partial_parse.msgpack")]
    own = ["--target-path", str(target_folder() / "failures"), *where_it_builds(arguments)]
    command = ["--log-level", "none", "test", "--store-failures", *parsed, *own, "--select", *tests]
    results = results_of(dbtRunner().invoke(command))
    return {r.node.name: f"{r.node.schema}.{r.node.alias}" for r in results if r.status == "fail"}


def target_folder(chosen: str | None = None) -> Path:
    """Return dbt's target folder: as chosen, else DBT_TARGET_PATH, else the project's."""
    return Path(chosen or os.environ.get("DBT_TARGET_PATH") or PROJECT / "target")
