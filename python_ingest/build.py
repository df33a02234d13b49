"""dbt, run in this process so that it uses the Spark session that is already warm."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from python_ingest.errors import BuildError
from python_ingest.lock import only_one
from python_ingest.settings import PROJECT, Settings

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

LOG = PROJECT / "logs" / "dbt.log"
# Unit tests try the models' code on made-up rows: that is for whoever changes a model.
EVERYDAY = ("--exclude-resource-type", "unit_test")


def build(
    settings: Settings,
    arguments: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    listen: Callable[["EventMsg"], None] = lambda _: None,
) -> str:
    """Run `dbt build` with further arguments for dbt and give a line that sums it up.

    `tell` is told each node that has finished, `say` what models have to say, `listen` all of dbt's
    events. Raises BuildError if a model or a test fails, BusyError if another build is at work on
    the lakehouse.
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
    with only_one(settings.lakehouse, "build"):
        result = dbtRunner(callbacks=[on_event, listen]).invoke(["--quiet", "build", *arguments])
    if result.exception:
        raise BuildError(f"dbt did not get to build: {result.exception}") from result.exception
    results: list[Any] = list(getattr(result.result, "results", []))
    if not result.success:
        failed = [r.node.name for r in results if r.status in ("error", "fail", "runtime error")]
        raise BuildError(f"The build failed in {', '.join(failed)}; {LOG} has the whole story.")
    kinds = Counter(str(r.node.resource_type) for r in results)
    warned = [r.node.name for r in results if r.status == "warn"]
    text = ", ".join(
        f"{count} {kind}s" for kind, count in sorted(kinds.items()) if kind != "operation"
    )
    return (
        f"Built: {text}, all well."
        if not warned
        else f"Built: {text}; warnings: {', '.join(warned)}"
    )
