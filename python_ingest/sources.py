"""What the streams read: landed files by Spark's file stream or Auto Loader, and Kafka.

Files are only listed by the stream; the writer of a batch reads them, the same on every platform.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

from python_ingest.errors import SettingError
from python_ingest.landing import BPM, USER_INFO, WORKOUT
from python_ingest.settings import Settings

# Bounds what a batch holds in memory, but for a single file that is larger.
BYTES_PER_BATCH = 256 * 1024 * 1024
RECORDS_PER_BATCH = 1_000_000
KAFKA_SOURCE = "kafka:/"  # how the source of a record begins
BINARY_FILE = "path string, modificationTime timestamp, length bigint, content binary"


@dataclass(frozen=True)
class Reader:
    """A format of Spark's `readStream` and its options."""

    format: str
    options: Mapping[str, str]

    def load(self, spark: SparkSession, path: Path | None = None) -> DataFrame:
        """Start reading."""
        reader = spark.readStream.format(self.format).options(**self.options)
        if path is None:
            return reader.load()
        return reader.schema(BINARY_FILE).load(str(path))


def spark_files() -> Reader:
    """Give open-source Spark's file stream."""
    return Reader(
        "binaryFile",
        {
            "maxBytesPerTrigger": str(BYTES_PER_BATCH),
            # Spark would pass over subfolders, and files a week older than the newest.
            "recursiveFileLookup": "true",
            "maxFileAge": "36500d",
            "ignoreMissingFiles": "true",
        },
    )


def auto_loader(settings: Settings, checkpoint: Path) -> Reader:
    """Give Databricks' Auto Loader, which lists folders or is notified of files."""
    return Reader(
        "cloudFiles",
        {
            "cloudFiles.format": "binaryFile",
            "cloudFiles.maxBytesPerTrigger": str(BYTES_PER_BATCH),
            "cloudFiles.schemaLocation": str(checkpoint / "schema"),
            "cloudFiles.includeExistingFiles": "true",
            "cloudFiles.useNotifications": str(settings.file_notifications).lower(),
            "recursiveFileLookup": "true",
            "ignoreMissingFiles": "true",
            **cleaning(settings),
        },
    )


def cleaning(settings: Settings) -> dict[str, str]:
    """Give Auto Loader's own options for cleaning away what landed long ago."""
    if settings.clean_after is None:
        return {}
    age = f"{settings.clean_after.total_seconds():.0f} seconds"
    options = {
        "cloudFiles.cleanSource": "DELETE",
        "cloudFiles.cleanSource.retentionDuration": age,
    }
    if settings.archive is not None:
        options["cloudFiles.cleanSource"] = "MOVE"
        options["cloudFiles.cleanSource.moveDestination"] = str(settings.archive)
    return options


def new_files(spark: SparkSession, reader: Reader, folder: Path) -> DataFrame:
    """List new files of a folder as a stream, without reading them."""
    return reader.load(spark, folder).select(
        "path",
        F.col("_metadata.file_path").alias("source"),
        F.unix_millis("modificationTime").alias("modified"),
        "length",
    )


def kafka(servers: str, properties: Path | None) -> Reader:
    """Give a reader of the three topics, from the first record that the broker still has.

    `properties` is a file of Kafka client settings (security, say), as Kafka's own tools take it.
    Raises SettingError if it cannot be read.
    """
    return Reader(
        "kafka",
        {
            "kafka.bootstrap.servers": servers,
            # A pattern, so that a topic may be made later.
            "subscribePattern": f"^({USER_INFO}|{WORKOUT}|{BPM})$",
            "startingOffsets": "earliest",
            "maxOffsetsPerTrigger": str(RECORDS_PER_BATCH),
            "failOnDataLoss": "true",
            **{f"kafka.{name}": value for name, value in client_settings(properties).items()},
        },
    )


def client_settings(properties: Path | None) -> dict[str, str]:
    """Read the `name=value` lines of a properties file."""
    if properties is None:
        return {}
    try:
        lines = properties.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingError(f"FITNESS_KAFKA_PROPERTIES names {properties}: {error}") from error
    pairs = [line.strip() for line in lines if line.strip() and line.strip()[0] not in "#!"]
    if wrong := [pair.split("=")[0] for pair in pairs if "=" not in pair]:
        raise SettingError(f"{properties} has lines that are not name=value: {', '.join(wrong)}")
    return {name.strip(): value.strip() for name, value in (p.split("=", 1) for p in pairs)}


def kafka_lines(spark: SparkSession, reader: Reader) -> DataFrame:
    """Stream Kafka's records as lines of the multiplexed feed."""
    return reader.load(spark).select(
        F.to_json(
            F.struct(
                F.col("key").cast("string").alias("key"),
                F.col("value").cast("string").alias("value"),
                "topic",
                "partition",
                "offset",
                (F.unix_micros("timestamp") / 1_000_000).alias("timestamp"),
            )
        ).alias("_raw"),
        F.concat(F.lit(KAFKA_SOURCE), F.concat_ws("/", "topic", "partition")).alias("_source_file"),
        F.col("timestamp").alias("_source_modified_at"),
    )
