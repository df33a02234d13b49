"""Ingest and builds in turn in one process, each as soon as it has something to do.

Landing takes a second and precedes each build: during a build it would slow the build down.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from threading import Event

from pyspark.sql import SparkSession

from fitness import build_log
from fitness.errors import HeapError
from fitness.landing import OnBatch, RepeatedIngest
from fitness.lock import landing_in_turn, next_round, writing
from fitness.maintenance import Upkeep
from fitness.settings import Rhythm
from python_ingest.errors import FitnessError, SettingError
from python_ingest.settings import Settings

log = logging.getLogger(__name__)

AGAIN = timedelta(hours=1)  # until tests of whole tables are run again after one has failed
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds until a failed build is tried again
# Above this share of a build's time in garbage collection, the heap is too full to continue with.
MOST_IN_COLLECTION = 0.4


def run_continuously(
    spark: SparkSession,
    settings: Settings,
    rhythm: Rhythm,
    stop: Event,
    on_batch: OnBatch,
    build: Callable[[bool], None],
    *,
    has_paused: bool = False,
) -> None:
    """Land what comes and build it, until `stop` is set; a running batch or build is finished.

    `build` is called with whether to run tests too. A build that fails is logged and tried again,
    at longer and longer intervals, and landing goes on. Raises what ends the ingest, SettingError,
    and HeapError if Spark must be restarted.

    It begins when `fitness forget` has ended, and returns when one waits: only one process at a
    time can have the metastore open. If the process `has_paused` for one, it waits for an ingest
    that is at work; else it raises BusyError.
    """
    with landing_in_turn(spark, settings, stop, has_paused=has_paused):
        # A session of its own: dbt's settings are not those of the ingest.
        land_news = RepeatedIngest(spark.newSession(), settings, on_batch)
        build_if_due = RepeatedBuild(rhythm, build)
        tidy_next = Upkeep(spark, settings)
        next_at = -inf
        while next_round(settings.lakehouse, stop, next_at):
            next_at = time.monotonic() + rhythm.ingest.total_seconds()
            build_if_due.has_news |= land_news(stop) > 0
            if not stop.is_set() and build_if_due():
                with writing(spark, settings, "build"):
                    tidy_next()


class RepeatedBuild:
    """Builds if called with new data, or long after the last build; a failed build is tried again.

    Tests are part of a build once `rhythm.tests` have passed since the last that had them.
    """

    def __init__(self, rhythm: Rhythm, build: Callable[[bool], None]) -> None:
        self.has_news = True  # Something may have landed before the start.
        self._rhythm, self._build = rhythm, build
        self._earliest = self._latest = self._test_at = -inf
        self._is_untested, self._wait = False, FIRST_WAIT

    def __call__(self) -> bool:
        """Build if that is due; return whether a build was run and succeeded."""
        now = time.monotonic()
        is_test_due = now >= self._test_at
        is_due = self.has_news or now >= self._latest or (self._is_untested and is_test_due)
        if now < self._earliest or not is_due:
            return False
        self._earliest = now + self._rhythm.shortest.total_seconds()
        self._latest = now + self._rhythm.longest.total_seconds()
        try:
            self._build(is_test_due)
        except (SettingError, HeapError):
            raise
        except (FitnessError, OSError) as error:
            log.error("%s Trying again in %.0f s; landing goes on.", error, self._wait)
            self.has_news = True
            self._earliest = max(self._earliest, time.monotonic() + self._wait)
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            return False
        self.has_news, self._is_untested, self._wait = False, not is_test_due, FIRST_WAIT
        if is_test_due:
            self._test_at = now + self._rhythm.tests.total_seconds()
        return True


def check_heap(settings: Settings) -> None:
    """Raise HeapError if the last build spent too much time in garbage collection."""
    for build in build_log.newest(settings.lakehouse, 1):
        if build.collecting_seconds > build.seconds * MOST_IN_COLLECTION:
            raise HeapError(
                f"Spark spent {build.collecting_seconds:.0f} of a build's {build.seconds:.0f} s in "
                f"garbage collection, with {build.heap} of heap in use"
            )


def are_whole_tests_due(settings: Settings, rhythm: Rhythm) -> bool:
    """Return whether it is time for a build whose tests read whole tables."""
    builds = build_log.newest(settings.lakehouse, build_log.MANY)
    whole = [build for build in builds if build.has_whole_tests]
    if not whole:
        return True
    pause = min(rhythm.whole, AGAIN) if whole[-1].failures else rhythm.whole
    return datetime.now(UTC) - whole[-1].began >= pause
