"""The commands that land and build: they show progress and outcome on the terminal."""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

from fitness import restart_log
from fitness.dbt_arguments import EVERYDAY, UNTESTED, with_whole_tests
from fitness.errors import MORE_MEMORY, HeapError
from fitness.settings import Rhythm
from fitness.terminal import console, progress, stop_on_signals
from python_ingest.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from fitness.alerts import Alerts
    from fitness.ingest_log import LoggedBatch

log = logging.getLogger(__name__)
STARTED_IN = os.getcwd()  # noqa: PTH109 - relative paths on the command line are from here


def start(
    settings: Settings, *, with_metastore: bool = True, short_lived: bool = False
) -> "SparkSession":
    """Start this process's Spark."""
    from fitness.cold_start import short_lived_conf
    from fitness.spark import start_spark

    with progress("Starting Spark"):
        conf = short_lived_conf(settings.target) if short_lived else None
        return start_spark(settings, conf, with_metastore=with_metastore)


def run_ingest(spark: "SparkSession", settings: Settings, every: timedelta | None = None) -> None:
    """Land new files once, or again and again at the interval `every`."""
    from fitness.landing import ingest, ingest_continuously

    refused = 0

    def on_landed(batch: "LoggedBatch") -> None:
        nonlocal refused
        refused += batch.refused
        on_batch(add)(batch)

    if every is None:
        began = time.time()
        with progress(f"Landing {settings.landing}") as add:
            landed = ingest(spark, settings, on_landed)
        warn_of_unseen_files(settings, began)
    else:
        stop = stop_on_signals()
        with progress(f"Landing {settings.landing} every {every} until stopped") as add:
            landed = ingest_continuously(spark, settings, every, stop, on_landed)
    if not landed:
        console.print("Nothing new has landed.")
    for table, count in sorted(landed.items()):
        console.print(f"  {table:<20} {count:>12,} rows", highlight=False)
    if refused:
        console.print(
            f"  {'refused':<20} {refused:>12,} lines of forgotten people", highlight=False
        )


def warn_of_unseen_files(settings: Settings, began: float) -> None:
    """Warn of files that are older than an ingest (epoch seconds), but that Spark has not found."""
    from fitness.backlog import waiting_files

    files = {} if settings.catalog else waiting_files(settings)
    unseen = [path for path, file in files.items() if file.st_ctime < began]
    if unseen:
        log.warning(
            "Java does not see %d files, such as %a: a name must be in UTF-8, and a link must lead "
            "to a file.",
            len(unseen),
            str(unseen[0]),
        )


def run_build(
    settings: Settings, arguments: list[str], alerts: "Alerts", kind: Sequence[str] = EVERYDAY
) -> None:
    """Build and print the outcome; resource types in `arguments` replace `kind`."""
    from fitness.build import build

    def on_log(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if not any("resource-type" in argument for argument in arguments):
        arguments = [*kind, *arguments]
    with alerts.of_build(arguments) as on_event, progress("Building silver and gold") as add:
        summary = build(settings, arguments, add, on_log, on_event)
    console.print(summary, highlight=False)


def run_both(
    spark: "SparkSession",
    settings: Settings,
    rhythm: Rhythm,
    arguments: list[str],
    alerts: "Alerts",
    *,
    has_paused: bool = False,
) -> None:
    """Land and build continuously until stopped; `has_paused` as in run_continuously()."""
    from fitness.continuous import are_whole_tests_due, check_heap, run_continuously

    has_built = False

    def build_next(is_test_due: bool) -> None:
        nonlocal has_built
        try:
            if not is_test_due:
                run_build(settings, arguments, alerts, UNTESTED)
            elif are_whole_tests_due(settings, rhythm):
                run_build(settings, with_whole_tests(arguments), alerts)
            else:
                run_build(settings, arguments, alerts)
            if not has_built:
                alerts.note({"run": False})
            has_built = True
        finally:
            check_heap(settings)

    stop = stop_on_signals()
    console.print("Landing and building continuously, until stopped.")
    with alerts.of_run():
        try:
            run_continuously(
                spark, settings, rhythm, stop, on_batch(log.info), build_next, has_paused=has_paused
            )
        except HeapError as error:
            if stop.is_set():
                return
            if not has_built:
                raise
            restart(spark, settings, f"{error}; if that happens often, {MORE_MEMORY}", stop)
        if not stop.is_set():
            restart(spark, settings, "`fitness forget` takes its turn", stop)


def restart(spark: "SparkSession", settings: Settings, reason: str, stop: Event) -> None:
    """Replace this process, and so Spark, by a new one with the same command; log the reason.

    It only ends Spark if `stop` is set meanwhile.
    """
    from fitness.spark import end_jvm

    log.warning("%s. Restarting Spark.", reason)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    restart_log.add(settings.lakehouse, restart_log.Restart(at, reason))
    end_jvm(spark)
    if not stop.is_set():
        os.chdir(STARTED_IN)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell


def on_batch(add: Callable[[str], None]) -> Callable[["LoggedBatch"], None]:
    """Return a function that shows a batch: in a terminal's live line, else as a log line."""
    return lambda batch: add(str(batch)) if console.is_terminal else log.info("%s", batch)
