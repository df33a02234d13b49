"""Landing to bronze: all streams, run until all has landed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from py4j.protocol import Py4JJavaError, Py4JNetworkError
from pyspark.errors import AnalysisException, PySparkException, StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from python_ingest.errors import IngestError
from python_ingest.feeds import KAFKA, MULTIPLEX, feeds_by_folder
from python_ingest.file_stream import FileStream
from python_ingest.kafka_stream import KafkaStream
from python_ingest.stream import Run, Stream
from python_ingest.suppression import REGISTRATIONS, read_suppressions, record_file
from python_ingest.tables import create_tables, missing_tables

SECONDS_TO_FINISH = 60.0  # for a running batch, before a stop interrupts it


def prepare(run: Run, on_files: Callable[[FileStream], None] = lambda _: None) -> list[Stream]:
    """Make the streams ready to start: tables, positions, and skipped files tried again.

    `on_files` is called with each stream of files. No other ingest may be at work on the lakehouse.
    """
    read_suppressions(run.settings)  # Fails here, not within a batch, without its keys.
    missing = missing_tables(run.spark, run.settings)
    folders = feeds_by_folder()
    files = [FileStream(run, folder, feeds) for folder, feeds in folders.items()]
    # Registrations first: with them a device of somebody who is forgotten may be another's.
    files.sort(key=lambda stream: REGISTRATIONS not in stream.tables)
    streams: list[Stream] = [*files]
    if run.settings.kafka and MULTIPLEX in folders:
        streams.append(KafkaStream(run, KAFKA, folders[MULTIPLEX]))
    # Before create_tables(), after which nothing shows that a table was missing.
    for stream in streams:
        if reason := stream.reset_reason(missing):
            stream.reset(reason)
    create_tables(run.spark, run.settings, missing)
    for stream in streams:
        stream.follow_contracts()
    for stream in files:
        stream.retry()
        on_files(stream)
    return streams


def catch_up(streams: Sequence[Stream], stop: Event | None = None) -> None:
    """Land all that is there now, until `stop` is set; raises IngestError if a stream could not."""
    if len(streams) > 1 and record_file(streams[0].run.settings).exists():
        catch_up(streams[:1], stop)  # registrations: see prepare()
        streams = streams[1:]
    streams = [stream for stream in streams if stream.may_have_news()]
    with running(streams) as queries:
        while stop and any(query.isActive for query in queries):
            if stop.wait(0.2):
                return
        errors = [failure(*pair) for pair in zip(streams, queries, strict=True)]
    for stream, query, error in zip(streams, queries, errors, strict=True):
        position = stream.position
        if error is None and (position.is_recovering or position.query is None):
            position.query, position.is_recovering = query.id, False
            position.save()
    if found := [error for error in errors if error is not None]:
        raise max(found, key=lambda error: error.is_permanent)


@contextmanager
def running(streams: Sequence[Stream]) -> Iterator[list[StreamingQuery]]:
    """Start streams that end when they have caught up; afterwards none is running."""
    queries: list[StreamingQuery] = []
    try:
        for stream in streams:
            queries.append(stream.start())
        yield queries
    finally:
        until = time.monotonic() + SECONDS_TO_FINISH
        for stream, query in zip(streams, queries, strict=False):
            # An interrupted batch is repeated later.
            while query.isActive and query.status["isTriggerActive"] and time.monotonic() < until:
                time.sleep(0.05)
            query.stop()
            # Wait for its batch, which must not run beside its own repetition.
            with stream.at_work:
                pass


def failure(stream: Stream, query: StreamingQuery) -> IngestError | None:
    """Wait for a query's end; return why it failed, or None."""
    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        cause = stream.error or error
        return IngestError(
            f"{stream.name} stopped: {first_line(cause)}. Nothing is lost: the next ingest "
            "continues from here. Spark's log has the details.",
            is_permanent=is_permanent(cause),
        )
    return None


def is_permanent(error: Exception) -> bool:
    """Return whether a retry would fail too: after a mistake in the code, or without a JVM."""
    if isinstance(error, IngestError):
        return error.is_permanent
    if isinstance(error, AnalysisException | ConnectionError | Py4JNetworkError):
        return True
    return not isinstance(error, OSError | PySparkException | Py4JJavaError)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip() or repr(error)).splitlines()[0][:500].rstrip(".")
