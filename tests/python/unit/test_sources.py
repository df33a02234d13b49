"""The options of the streams, as far as they can be tested without Databricks and a broker."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from python_ingest.errors import SettingError
from python_ingest.feeds import MULTIPLEX, feeds_by_folder
from python_ingest.file_stream import auto_loader_options
from python_ingest.kafka_stream import kafka_options
from python_ingest.settings import Settings

LAKE = Path("/Volumes/fitness/bronze/lakehouse")
SETTINGS = Settings(Path("/Volumes/fitness/bronze/landing"), LAKE, "databricks", "fitness")


def test_auto_loader_lists_every_file_and_keeps_its_schema_beside_the_checkpoint() -> None:
    options = auto_loader_options(SETTINGS, LAKE / "checkpoints" / "gym_logins_bz")
    assert options == {
        "cloudFiles.format": "binaryFile",
        "cloudFiles.maxBytesPerTrigger": str(256 * 1024 * 1024),
        "cloudFiles.schemaLocation": f"{LAKE}/checkpoints/gym_logins_bz/schema",
        "cloudFiles.includeExistingFiles": "true",
        "cloudFiles.useNotifications": "false",
        "recursiveFileLookup": "true",
        "ignoreMissingFiles": "true",
    }


def test_auto_loader_can_be_notified_of_files() -> None:
    options = auto_loader_options(replace(SETTINGS, file_notifications=True), LAKE)
    assert options["cloudFiles.useNotifications"] == "true"


@pytest.mark.parametrize(
    ("archive", "how"),
    [
        (None, {"cloudFiles.cleanSource": "DELETE"}),
        (
            Path("/Volumes/fitness/bronze/archive"),
            {
                "cloudFiles.cleanSource": "MOVE",
                "cloudFiles.cleanSource.moveDestination": "/Volumes/fitness/bronze/archive",
            },
        ),
    ],
)
def test_auto_loader_cleans_by_itself(archive: Path | None, how: dict[str, str]) -> None:
    settings = replace(SETTINGS, clean_after=timedelta(days=30), archive=archive)
    options = auto_loader_options(settings, LAKE)
    retention = {"cloudFiles.cleanSource.retentionDuration": "2592000 seconds"}
    assert {k: v for k, v in options.items() if "cleanSource" in k} == how | retention


def with_kafka(properties: Path) -> Settings:
    return replace(SETTINGS, kafka="broker:9092", kafka_properties=properties)


def test_kafka_reads_the_topics_of_the_feeds_from_their_beginning_and_never_skips(
    tmp_path: Path,
) -> None:
    properties = tmp_path / "client.properties"
    properties.write_text("# TLS\n! a comment\n\nsecurity.protocol = SSL\n  ssl.Password=a=b:c%\n")
    assert kafka_options(with_kafka(properties), feeds_by_folder()[MULTIPLEX]) == {
        "kafka.bootstrap.servers": "broker:9092",
        "subscribePattern": "^(bpm|user_info|workout)$",
        "startingOffsets": "earliest",
        "maxOffsetsPerTrigger": "1000000",
        "failOnDataLoss": "true",
        "kafka.security.protocol": "SSL",
        "kafka.ssl.Password": "a=b:c%",
    }


def test_a_file_of_kafka_settings_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    properties = tmp_path / "client.properties"
    with pytest.raises(SettingError, match=r"FITNESS_KAFKA_PROPERTIES names .*No such file"):
        kafka_options(with_kafka(properties), ())
    properties.write_text("a=b\nsecurity.protocol SSL\n")
    with pytest.raises(SettingError, match=r"client.properties: not name=value in line 2\.$"):
        kafka_options(with_kafka(properties), ())
