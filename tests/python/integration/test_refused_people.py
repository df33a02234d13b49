"""Lines of people who are forgotten do not land: no table and no file of the lakehouse has them."""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from fitness.ingest_log import LoggedBatch, newest
from fitness.landing import ingest
from fitness.privacy.forget import save_suppressions
from fitness.status import as_text, read_status
from python_ingest.errors import SettingError
from python_ingest.feeds import MULTIPLEX, feeds_by_folder
from python_ingest.parse.frames import parse_lines, rows_of
from python_ingest.suppression import (
    REGISTRATIONS,
    Span,
    Suppressions,
    record_file,
    secret_keys,
)
from python_ingest.tables import table_names
from tests.python.lake import Lake, bronze_lines
from tests.python.lines import HEADERS, write_feeds

LOGINS, HEART = "gym_logins_bz", "heart_rate_bz"
REGISTRATION, VISIT = HEADERS[REGISTRATIONS], HEADERS[LOGINS]
USER, DEVICE, MAC = 918273645, 564738291, "a4:c1:38:de:ad:07"
IDS = (str(USER), str(DEVICE), MAC)


def message(topic: str, value: Mapping[str, object], *, is_text: bool = False) -> str:
    payload = json.dumps(value) if is_text else value
    return json.dumps({"topic": topic, "value": payload, "timestamp": 5.0})


def reading(device: object, time: object) -> str:
    return message("bpm", {"device_id": device, "time": time, "heartrate": 60})


THEIRS = {
    REGISTRATIONS: [f"{USER},{DEVICE},{MAC},100", f"{USER},5,aa,300", f"{USER},{DEVICE},{MAC}"],
    LOGINS: [f"{MAC},1,150,160", f"{MAC},1,170,", f"{MAC},1,", f"{MAC},1,x,160"],
    MULTIPLEX: [
        reading(DEVICE, 150),
        reading(DEVICE, None),
        reading(str(DEVICE), 150),
        message("bpm", {"device_id": DEVICE, "time": 150.5, "heartrate": 61}, is_text=True),
        message("workout", {"user_id": USER, "timestamp": 150, "action": "start"}),
        message("user_info", {"user_id": USER, "unknown_colour": 1}, is_text=True),
        message("user_info", {"user_id": str(USER), "first_name": "Ada"}),
        message("weather", {"user_id": USER}),
        message("weather", {"device_id": DEVICE}, is_text=True),
        f'{{"topic":"workout","value":"{{\\"user_id\\":{USER}',
        f'{{"topic":"bpm","value":"{{\\"device_id\\":{DEVICE},}}"}}',
    ],
}
OTHERS = {
    REGISTRATIONS: ["8,9,bb,100", "8,9,bb"],
    LOGINS: ["bb,1,150,160", "bb,1,"],
    MULTIPLEX: [
        reading(9, 150),
        reading("9", 150),
        message("workout", {"user_id": 8, "timestamp": 150, "action": "start"}, is_text=True),
        message("user_info", {"user_id": 8, "first_name": "Bob"}),
        message("weather", {"user_id": 8}),
        f'{{"topic":"workout","value":"{{\\"user_id\\":{8}',
    ],
}


@pytest.fixture(autouse=True)
def record(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file of the record, which tests after these must not find."""
    monkeypatch.setenv("FITNESS_SECRET", "a key of the tests of refused people")
    file = record_file(lake.settings)
    file.unlink(missing_ok=True)
    yield file
    file.unlink(missing_ok=True)


def forget(lake: Lake, *entries: tuple[str, Any, Span]) -> Suppressions:
    """Write a record of the ids of forgotten people."""
    forgotten = Suppressions(secret_keys()).forget(entries)
    save_suppressions(lake.settings, forgotten)
    return forgotten


def forget_person(lake: Lake) -> None:
    forget(lake, ("user", USER, Span()), ("device", DEVICE, Span()), ("mac", MAC, Span(None, 999)))


def places_with(lake: Lake, texts: tuple[str, ...]) -> list[Path]:
    """Return the files of the lakehouse in which a text is."""

    def content(file: Path) -> str:
        if file.suffix == ".parquet":
            return str(pq.read_table(file).to_pylist())
        return file.read_bytes().decode(errors="replace")

    files = [file for file in lake.settings.lakehouse.rglob("*") if file.is_file()]
    return [file for file in files if any(text in content(file) for text in texts)]


def refused(lake: Lake) -> dict[str, int]:
    """Return the refused lines that the ingest log has, by stream."""
    return {
        batch.stream: batch.refused
        for batch in newest(lake.settings.lakehouse, 10)
        if batch.refused
    }


def test_no_line_of_a_forgotten_person_lands_and_all_lines_of_others_do(lake: Lake) -> None:
    forget_person(lake)
    write_feeds(lake, "others", OTHERS)
    write_feeds(lake, "theirs", THEIRS)
    landed = lake.ingest()
    expected = [line for lines in OTHERS.values() for line in lines]
    assert sorted(bronze_lines(lake).elements()) == sorted(expected)
    assert sum(landed.values()) == len(expected)
    assert places_with(lake, IDS) == []
    assert places_with(lake, ("unknown_colour",)) == []
    assert refused(lake) == {folder: len(lines) for folder, lines in THEIRS.items()}
    batches = newest(lake.settings.lakehouse, 10)
    assert sum(batch.malformed + batch.unrouted for batch in batches) == 4
    text = as_text(read_status(lake.settings), datetime.now(UTC))
    for folder, lines in THEIRS.items():
        assert [t for t in text if f"{folder}: " in t and f", {len(lines)} lines refused" in t]


@pytest.mark.slow
def test_a_lost_checkpoint_and_a_lost_table_bring_nothing_back(lake: Lake) -> None:
    write_feeds(lake, "others", OTHERS)
    forget_person(lake)
    write_feeds(lake, "theirs", THEIRS)
    lake.ingest()
    before = bronze_lines(lake)
    shutil.rmtree(lake.settings.checkpoints)
    assert lake.ingest() == {}
    shutil.rmtree(lake.settings.lakehouse / "bronze" / HEART)
    lake.forget_logs()
    assert lake.ingest() == {HEART: 2}
    assert bronze_lines(lake) == before
    assert places_with(lake, IDS) == []


def test_a_batch_of_which_all_lines_are_refused_is_in_the_log(lake: Lake) -> None:
    forget_person(lake)
    write_feeds(lake, "theirs", THEIRS)
    batches: list[LoggedBatch] = []
    assert ingest(lake.spark, lake.settings, batches.append) == {}
    assert {batch.stream: batch.refused for batch in batches} == refused(lake)
    assert sum(batch.refused for batch in batches) == sum(map(len, THEIRS.values()))
    assert all(batch.rows == {} and batch.newest_event_at is None for batch in batches)
    assert all(lake.rows(f"bronze.{table}") == [] for table in table_names())
    assert lake.ingest() == {}


def test_a_device_lands_again_from_the_registration_by_somebody_else(lake: Lake) -> None:
    forget(lake, ("user", 70, Span()), ("device", 71, Span(100.0)), ("mac", "aa", Span(100.0)))
    # The registration is new too: streams land at the same time otherwise.
    lake.write_lines(f"{REGISTRATIONS}/a.csv", REGISTRATION, "70,71,aa,140", "8,71,bb,160")
    times = (99, 100, 159.999999, 160, 161)
    lake.write_lines(f"{MULTIPLEX}/a.json", *(reading(71, time) for time in times))
    lake.write_lines(f"{LOGINS}/a.csv", VISIT, "aa,1,170,180")
    assert lake.ingest() == {REGISTRATIONS: 1, HEART: 3}
    assert sorted(str(row["time"]) for row in lake.rows(f"bronze.{HEART}")) == [
        *("160.0", "161.0", "99.0"),
    ]
    assert refused(lake) == {REGISTRATIONS: 1, MULTIPLEX: 2, LOGINS: 1}
    lake.write_lines(f"{MULTIPLEX}/b.json", reading(71, 150), reading(71, 170))
    assert lake.ingest() == {HEART: 1}


def test_a_registration_that_is_refused_by_its_contract_returns_no_device(lake: Lake) -> None:
    forget(lake, ("user", 70, Span()), ("device", 71, Span(100.0)))
    unusable = ["8,71, ,160", "-8,71,bb,160", "8,71,bb,", "8,71,bb,-1", ",71,bb,160"]
    lake.write_lines(f"{REGISTRATIONS}/a.csv", REGISTRATION, *unusable)
    lake.ingest()
    lake.write_lines(f"{MULTIPLEX}/a.json", reading(71, 170))
    assert lake.ingest() == {}


def test_records_of_a_broker_are_refused_as_landed_lines_are(lake: Lake) -> None:
    forgotten = forget(lake, ("user", USER, Span()), ("device", DEVICE, Span()))
    received = [(line, "kafka:/bpm/0", datetime(2026, 1, 5, tzinfo=UTC)) for line in every_line()]
    lines = lake.spark.createDataFrame(
        received, "_raw string, _source_file string, _source_modified_at timestamp"
    )
    feeds = feeds_by_folder()[MULTIPLEX]
    hashes = lake.spark.sparkContext.broadcast(forgotten.hashes)
    parsed = parse_lines(lines, feeds, forgotten.for_workers(hashes))
    found = {
        str(row["_raw"])
        for table in (*(feed.table for feed in feeds), "unrouted_bz")
        for row in rows_of(parsed, table).collect()
    }
    assert found == {*OTHERS[MULTIPLEX]}
    assert sum(row.refused for row in parsed.collect()) == len(THEIRS[MULTIPLEX])


def every_line() -> list[str]:
    return OTHERS[MULTIPLEX] + THEIRS[MULTIPLEX]


def test_without_its_key_the_ingest_stops_and_lands_nothing(
    lake: Lake, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_person(lake)
    write_feeds(lake, "others", OTHERS)
    with monkeypatch.context() as patched:
        patched.delenv("FITNESS_SECRET")
        with pytest.raises(SettingError, match="a key that FITNESS_SECRET does not have") as caught:
            lake.ingest()
    assert str(record) in str(caught.value)
    assert [*(lake.settings.lakehouse / "bronze").rglob("*.parquet")] == []
    landed = lake.ingest()
    assert sum(landed.values()) == sum(map(len, OTHERS.values()))
