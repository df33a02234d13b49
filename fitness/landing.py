"""Landing, one process at a time: once, or whenever something is new."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from math import inf
from threading import Event

from pyspark.sql import SparkSession

from fitness import ingest_log
from fitness.cleaning import EVERY, clean_folder
from fitness.ingest_log import LoggedBatch
from fitness.lock import landing_in_turn, next_round, writing
from fitness.maintenance import Upkeep
from fitness.spark import check_jvm
from python_ingest.ingest import catch_up, first_line, is_permanent, prepare
from python_ingest.settings import Settings
from python_ingest.stream import BatchFigures, Run, Stream

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0  # seconds between tries after a failure
OnBatch = Callable[[LoggedBatch], None]


def ingest(
    spark: SparkSession, settings: Settings, on_batch: OnBatch = lambda _: None
) -> Counter[str]:
    """Land all that is new; return the rows appended to each bronze table.

    `on_batch` is called with each batch that has landed. Raises BusyError if another ingest is at
    work on the lakehouse, IngestError if a stream cannot continue.
    """
    with writing(spark, settings, "ingest"):
        run = run_of(spark, settings, on_batch)
        catch_up(prepare(run, clean_folder))
        return run.landed


def ingest_continuously(
    spark: SparkSession,
    settings: Settings,
    interval: timedelta,
    stop: Event,
    on_batch: OnBatch = lambda _: None,
) -> Counter[str]:
    """Land what is new every `interval`, until `stop` is set; return the rows appended.

    It pauses while people are forgotten. Raises BusyError if another ingest is at work on the
    lakehouse, and what RepeatedIngest raises.
    """
    landed: Counter[str] = Counter()
    has_paused = False
    while not stop.is_set():
        with landing_in_turn(spark, settings, stop, has_paused=has_paused):
            land_news, tidy_next = (
                RepeatedIngest(spark, settings, on_batch),
                Upkeep(spark, settings, "bronze"),
            )
            next_at = -inf
            while next_round(settings.lakehouse, stop, next_at):
                next_at = time.monotonic() + interval.total_seconds()
                if land_news(stop):
                    tidy_next()
        landed += land_news.run.landed
        has_paused = True
    return landed


def run_of(spark: SparkSession, settings: Settings, on_batch: OnBatch) -> Run:
    """Return an ingest whose batches are logged."""

    def log_batch(figures: BatchFigures) -> None:
        on_batch(ingest_log.add(settings.lakehouse, figures))

    return Run(spark, settings, log_batch)


class RepeatedIngest:
    """Lands what is new at each call, in a long-running process; `run` counts all its rows.

    Temporary failures (a full disk, an unreachable broker) are logged, and a later call tries
    again, at longer and longer intervals. The first call prepares the streams, as does one an hour.
    """

    def __init__(self, spark: SparkSession, settings: Settings, on_batch: OnBatch) -> None:
        self.run = run_of(spark, settings, on_batch)
        self._streams: Sequence[Stream] = ()
        self._prepare_at = self._not_before = -inf
        self._wait = FIRST_WAIT

    def __call__(self, stop: Event) -> int:
        """Land what is new, until done or `stop` is set; return the number of rows landed.

        Raises permanent failures: IngestError, and HeapError or FitnessError if Spark has ended.
        """
        check_jvm(self.run.spark)
        if time.monotonic() < self._not_before:
            return 0
        before = self.run.landed.total()
        try:
            if time.monotonic() >= self._prepare_at:
                self._streams = prepare(self.run, clean_folder)
                self._prepare_at = time.monotonic() + EVERY
            catch_up(self._streams, stop)
            self._wait = FIRST_WAIT
        except Exception as error:
            check_jvm(self.run.spark)
            if is_permanent(error):
                raise
            if self.run.landed.total() > before:
                self._wait = FIRST_WAIT
            log.warning("%s. Trying again in %.0f s.", first_line(error), self._wait)
            self._prepare_at, self._not_before = -inf, time.monotonic() + self._wait
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        return self.run.landed.total() - before
