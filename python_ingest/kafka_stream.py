"""A stream of a Kafka broker's topics: its records, as lines of the multiplexed feed."""

import re
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation

from python_ingest.errors import SettingError
from python_ingest.feeds import KAFKA, Feed
from python_ingest.parse.frames import parse_lines
from python_ingest.settings import Settings
from python_ingest.stream import Attempt, Stream, cached

RECORDS_PER_BATCH = 1_000_000  # limits the memory of a batch


class KafkaStream(Stream):
    """The stream of the topics of all feeds that are JSON."""

    identity = ("_source_file", "offset", "_raw")
    own_rows = "_source_file like 'kafka:/%'"

    def frame(self) -> DataFrame:
        """Return the new records as lines."""
        line = F.struct(
            F.col("key").cast("string").alias("key"),
            F.col("value").cast("string").alias("value"),
            "topic",
            "partition",
            "offset",
            (F.unix_micros("timestamp") / 1_000_000).alias("timestamp"),
        )
        source = F.concat(F.lit("kafka:/"), F.concat_ws("/", "topic", "partition"))
        return (
            self.run.spark.readStream.format(KAFKA)
            .options(**kafka_options(self.run.settings, self.feeds))
            .load()
            .select(
                F.to_json(line).alias("_raw"),
                source.alias("_source_file"),
                F.col("timestamp").alias("_source_modified_at"),
            )
        )

    def land(self, frame: DataFrame, attempt: Attempt) -> None:
        """Land a batch of lines."""
        with cached(parsed := parse_lines(frame, self.feeds, self.run.line_filter())) as chunks:
            self.write(parsed, chunks, attempt)


def kafka_options(settings: Settings, feeds: tuple[Feed, ...]) -> dict[str, str]:
    """Return the options of Spark's stream: from the first record that the broker still has.

    Raises SettingError if the file of client settings cannot be read.
    """
    topics = "|".join(re.escape(str(feed.topic)) for feed in feeds)
    return {
        "kafka.bootstrap.servers": settings.kafka or "",
        # A pattern, so that a topic may be created later.
        "subscribePattern": f"^({topics})$",
        "startingOffsets": "earliest",
        "maxOffsetsPerTrigger": str(RECORDS_PER_BATCH),
        "failOnDataLoss": "true",
        **client_settings(settings.kafka_properties),
    }


def client_settings(properties: Path | None) -> dict[str, str]:
    """Return the options for a file of client settings (security, say) as Kafka's tools take it."""
    settings = {}
    try:
        lines = properties.read_text(encoding="utf-8").splitlines() if properties else []
    except OSError as error:
        raise SettingError(f"FITNESS_KAFKA_PROPERTIES names {properties}: {error}") from error
    for number, line in enumerate(lines, 1):
        name, equals, value = line.strip().partition("=")
        if name and name[0] not in "#!":
            if not equals:  # The line itself may be secret.
                raise SettingError(f"{properties}: not name=value in line {number}.")
            settings[f"kafka.{name.strip()}"] = value.strip()
    return settings
