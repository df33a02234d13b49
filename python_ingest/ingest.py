"""Landing to bronze: three streams, each landed line appended exactly once.

A stream's checkpoint knows which files have been read; Delta knows which batch of which stream was
written last, so a batch that is repeated after a crash is not appended twice.
"""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.streaming.query import StreamingQuery

from python_ingest.bronze import (
    CSV_COLUMNS,
    create_tables,
    csv_rows,
    json_rows,
    schema,
    table_columns,
)
from python_ingest.landing import MULTIPLEX
from python_ingest.lock import only_one
from python_ingest.settings import Settings

log = logging.getLogger(__name__)

# Bounds what a batch holds in memory, parsed and once more as written.
BYTES_PER_BATCH = 256 * 1024 * 1024
BatchWriter = Callable[[DataFrame, int], None]
BINARY_FILE = "path string, modificationTime timestamp, length bigint, content binary"


def ingest(spark: SparkSession, settings: Settings) -> Counter[str]:
    """Land all files that are new; give the rows appended to each bronze table.

    Raises BusyError if another ingest is at work on the lakehouse.
    """
    landed: Counter[str] = Counter()
    with only_one(settings.lakehouse, "ingest"):
        bronze = settings.lakehouse / "bronze"
        create_tables(spark, bronze)
        queries = [
            start(
                multiplex_lines(spark, settings),
                MULTIPLEX,
                settings,
                multiplex_writer(bronze, landed),
            )
        ]
        for feed in CSV_COLUMNS:
            files = csv_files(spark, settings, feed)
            queries.append(start(files, feed, settings, csv_writer(bronze, feed, landed)))
        for query in queries:
            query.awaitTermination()
    return landed


def multiplex_lines(spark: SparkSession, settings: Settings) -> DataFrame:
    """Stream the lines of the multiplexed feed that are not blank, as received."""
    return (
        spark.readStream.format("text")
        .option("maxBytesPerTrigger", BYTES_PER_BATCH)
        .load(str(folder(settings, MULTIPLEX)))
        .where(F.trim("value") != "")
        .select(
            # A byte order mark at the beginning of a file is no part of its first line.
            F.expr("trim(leading '\ufeff' from value)").alias("_raw"),
            F.col("_metadata.file_path").alias("_source_file"),
            F.col("_metadata.file_modification_time").alias("_source_modified_at"),
        )
    )


def csv_files(spark: SparkSession, settings: Settings, feed: str) -> DataFrame:
    """Stream the whole files of a CSV feed."""
    return (
        spark.readStream.format("binaryFile")
        .schema(BINARY_FILE)
        .option("maxBytesPerTrigger", BYTES_PER_BATCH)
        .load(str(folder(settings, feed)))
    )


def folder(settings: Settings, feed: str) -> Path:
    """Give a feed's landing folder, made if it is missing."""
    path = settings.landing / feed
    path.mkdir(parents=True, exist_ok=True)
    return path


def start(rows: DataFrame, feed: str, settings: Settings, write: BatchWriter) -> StreamingQuery:
    """Start a feed's stream; it ends when it has read what is there."""
    return (
        rows.writeStream.queryName(feed)
        .option("checkpointLocation", str(settings.checkpoints / feed))
        .trigger(availableNow=True)
        .foreachBatch(write)
        .start()
    )


def multiplex_writer(bronze: Path, landed: Counter[str]) -> BatchWriter:
    """Give the writer of a batch of multiplexed lines: read and parsed once, to a table a topic."""

    def write(lines: DataFrame, batch: int) -> None:
        rows = json_rows(lines).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            for feed, count in rows.groupBy("feed").count().collect():
                append(rows.where(F.col("feed") == feed), bronze / feed, batch)
                count_landed(landed, feed, count)
        finally:
            rows.unpersist()

    return write


def csv_writer(bronze: Path, feed: str, landed: Counter[str]) -> BatchWriter:
    """Give the writer of a batch of CSV files."""

    def write(files: DataFrame, batch: int) -> None:
        rows = csv_rows(files, feed).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            count = rows.count()
            append(rows, bronze / feed, batch)
            count_landed(landed, feed, count)
        finally:
            rows.unpersist()

    return write


def append(rows: DataFrame, table: Path, batch: int) -> None:
    """Append a batch to a bronze table, unless it is there already from before a crash."""
    stream = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
    columns = schema(table_columns(table.name)).names
    (
        rows.withColumn("_ingested_at", F.current_timestamp())
        .select(*columns)
        .write.format("delta")
        .mode("append")
        .option("txnAppId", stream)
        .option("txnVersion", batch)
        .save(str(table))
    )


def count_landed(landed: Counter[str], feed: str, count: int) -> None:
    """Note the rows of a batch."""
    landed[feed] += count
    log.info("%s: %s rows landed", feed, f"{count:,}")
