"""What the streams are told to read, as far as that can be tried without Databricks."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from python_ingest import sources
from python_ingest.errors import SettingError
from python_ingest.settings import Settings

LAKE = Path("/Volumes/fitness/bronze/lakehouse")
SETTINGS = Settings(Path("/Volumes/fitness/bronze/landing"), LAKE, "databricks", "fitness")


def test_auto_loader_lists_every_file_and_keeps_its_schema_beside_the_checkpoint() -> None:
    reader = sources.auto_loader(SETTINGS, LAKE / "checkpoints" / "gym_logins_bz")
    assert reader == sources.Reader(
        "cloudFiles",
        {
            "cloudFiles.format": "binaryFile",
            "cloudFiles.maxBytesPerTrigger": str(256 * 1024 * 1024),
            "cloudFiles.schemaLocation": f"{LAKE}/checkpoints/gym_logins_bz/schema",
            "cloudFiles.includeExistingFiles": "true",
            "cloudFiles.useNotifications": "false",
            "recursiveFileLookup": "true",
            "ignoreMissingFiles": "true",
        },
    )


def test_auto_loader_can_be_notified_of_files() -> None:
    reader = sources.auto_loader(replace(SETTINGS, file_notifications=True), LAKE)
    assert reader.options["cloudFiles.useNotifications"] == "true"


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
    options = sources.auto_loader(settings, LAKE).options
    retention = {"cloudFiles.cleanSource.retentionDuration": "2592000 seconds"}
    assert {k: v for k, v in options.items() if "cleanSource" in k} == how | retention


def test_kafka_reads_the_three_topics_from_their_beginning_and_never_skips(tmp_path: Path) -> None:
    properties = tmp_path / "client.properties"
    properties.write_text("# TLS\n\nsecurity.protocol = SSL\nssl.truststore.password=a=b\n")
    assert sources.kafka("broker:9092", properties) == sources.Reader(
        "kafka",
        {
            "kafka.bootstrap.servers": "broker:9092",
            "subscribePattern": "^(user_info|workout|bpm)$",
            "startingOffsets": "earliest",
            "maxOffsetsPerTrigger": "1000000",
            "failOnDataLoss": "true",
            "kafka.security.protocol": "SSL",
            "kafka.ssl.truststore.password": "a=b",
        },
    )


def test_a_file_of_kafka_settings_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    properties = tmp_path / "client.properties"
    with pytest.raises(SettingError, match="FITNESS_KAFKA_PROPERTIES names"):
        sources.kafka("broker:9092", properties)
    properties.write_text("security.protocol SSL\n")
    with pytest.raises(SettingError, match="not name=value: security"):
        sources.kafka("broker:9092", properties)
