"""Ingest and builds side by side in one process, each as often as there is news for it."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from pyspark.sql import SparkSession

from python_ingest import build_log
from python_ingest.batches import Teller
from python_ingest.errors import FitnessError, SettingError
from python_ingest.ingest import ingest_continuously
from python_ingest.ingest_log import BatchFigures
from python_ingest.settings import Rhythm, Settings

log = logging.getLogger(__name__)

TICK = 0.2  # seconds
AGAIN = timedelta(hours=1)  # until tests of whole tables, one of which failed, are run again
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds until a failed build is tried again


def run_continuously(
    spark: SparkSession,
    settings: Settings,
    rhythm: Rhythm,
    stop: Event,
    tell: Teller,
    build: Callable[[], None],
) -> None:
    """Land what comes and build it, until `stop` is set; what is at work then is finished.

    A build that fails is said and tried again, at longer and longer times, and the ingest goes on.
    Raises what ends the ingest, and SettingError.
    """
    news, caught_up = Event(), Event()

    def landed(figures: BatchFigures) -> None:
        news.set()
        tell(figures)

    # A session of its own: dbt's settings are not those of the ingest.
    arguments = (spark.newSession(), settings, rhythm.ingest, stop, landed, caught_up.set)
    with ThreadPoolExecutor(1, "ingest") as pool:
        landing = pool.submit(ingest_continuously, *arguments)
        try:
            while not (caught_up.wait(TICK) or stop.is_set() or landing.done()):
                pass  # There may be no table yet.
            build_on_news(rhythm, stop, news, landing, build)
        finally:
            stop.set()
        landing.result()


def are_whole_tests_due(settings: Settings, rhythm: Rhythm) -> bool:
    """Tell whether it is so long ago that a build's tests looked at whole tables."""
    builds = build_log.newest(settings.lakehouse, build_log.MANY)
    whole = [build for build in builds if build.has_whole_tests]
    if not whole:
        return True
    pause = min(rhythm.whole, AGAIN) if whole[-1].failures else rhythm.whole
    return datetime.now(UTC) - whole[-1].began >= pause


def build_on_news(
    rhythm: Rhythm, stop: Event, news: Event, landing: Future[Any], build: Callable[[], None]
) -> None:
    """Build whenever that is due, until `stop` is set or the ingest has ended."""
    earliest, latest, wait = 0.0, 0.0, FIRST_WAIT
    while not (stop.wait(TICK) or landing.done()):
        now = time.monotonic()
        if now < earliest or not (news.is_set() or now >= latest):
            continue
        news.clear()
        earliest, latest = (now + i.total_seconds() for i in (rhythm.shortest, rhythm.longest))
        try:
            build()
            wait = FIRST_WAIT
        except SettingError:
            raise
        except (FitnessError, OSError) as error:
            log.error("%s Trying again in %.0f s; the ingest goes on.", error, wait)
            news.set()
            earliest = max(earliest, time.monotonic() + wait)
            wait = min(wait * 2, LONGEST_WAIT)
