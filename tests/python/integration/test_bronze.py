"""The table that a line of the multiplexed feed goes to, and the values read from it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fitness.ingest_log import LoggedBatch
from fitness.landing import ingest
from python_ingest.feeds import MULTIPLEX, UNROUTED, feeds_by_folder
from python_ingest.parse.frames import parse_lines, rows_of
from tests.python.lake import Lake

READING = '{"device_id":11,"time":1.5,"heartrate":60}'
QUOTED = READING.replace('"', '\\"')
LINES: dict[str, dict[str, Any]] = {
    # The payload as text and as an object.
    f'{{"topic":"bpm","value":"{QUOTED}","offset":7,"timestamp":9.25}}': {
        "feed": "heart_rate_bz",
        "device_id": 11,
        "time": 1.5,
        "heartrate": 60.0,
        "offset": 7,
        "timestamp": 9.25,
        "_is_malformed": False,
    },
    f'{{"topic":"bpm","value":{READING}}}': {
        "feed": "heart_rate_bz",
        "device_id": 11,
        "_is_malformed": False,
    },
    # Of a known topic, with a payload that is no JSON object or not strict JSON.
    '{"topic":"bpm","value":"[1]"}': {"feed": "heart_rate_bz", "_is_malformed": True},
    '{"topic":"bpm","value":7}': {"feed": "heart_rate_bz", "_is_malformed": True},
    '{"topic":"bpm"}': {"feed": "heart_rate_bz", "_is_malformed": True},
    '{"topic":"bpm","value":"{\'device_id\':11}"}': {
        "feed": "heart_rate_bz",
        "_is_malformed": True,
    },
    '{"topic":"bpm","value":"{\\"device_id\\":11} x"}': {
        "feed": "heart_rate_bz",
        "_is_malformed": True,
    },
    # Fields of another type are NULL; the line still lands.
    '{"topic":"bpm","value":{"device_id":"11","time":"1","heartrate":60}}': {
        "feed": "heart_rate_bz",
        "device_id": None,
        "time": None,
        "heartrate": 60.0,
        "_is_malformed": False,
    },
    '{"topic":"bpm","value":{"device_id":11.5,"time":1}}': {
        "feed": "heart_rate_bz",
        "device_id": None,
        "_is_malformed": False,
    },
    '{"topic":"workout","value":{"user_id":1,"action":5,"timestamp":3}}': {
        "feed": "workouts_bz",
        "user_id": 1,
        "action": None,
        "event_timestamp": 3.0,
    },
    '{"topic":"user_info","value":{"user_id":1,"address":{"city":"Graz"}}}': {
        "feed": "user_info_bz",
        "user_id": 1,
    },
    # Of no feed.
    '{"topic":"weather","value":{}}': {"feed": "unrouted_bz"},
    '{"value":{}}': {"feed": "unrouted_bz"},
    '{"topic":"bpm",}': {"feed": "unrouted_bz"},
    "[]": {"feed": "unrouted_bz"},
    "not JSON": {"feed": "unrouted_bz"},
    f'{{"topic":"bpm","value":{READING}}} {{}}': {"feed": "unrouted_bz"},
}


@pytest.fixture(scope="module")
def rows(warm_lake: Lake) -> dict[str, dict[str, Any]]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    lines = warm_lake.spark.createDataFrame(
        [(line, "file", now) for line in LINES],
        "_raw string, _source_file string, _source_modified_at timestamp",
    )
    feeds = feeds_by_folder()[MULTIPLEX]
    parsed = parse_lines(lines, feeds)
    return {
        row["_raw"]: {"feed": table} | row.asDict(recursive=True)
        for table in [*(feed.table for feed in feeds), UNROUTED]
        for row in rows_of(parsed, table).collect()
    }


@pytest.mark.parametrize("line", LINES)
def test_a_line_goes_to_its_feed(rows: dict[str, dict[str, Any]], line: str) -> None:
    expected = LINES[line]
    assert {name: rows[line][name] for name in expected} == expected


def test_files_of_every_kind_land_whole(lake: Lake) -> None:
    """CSV by header name in any order, with blank lines and a byte order mark; nothing is lost."""
    folder = lake.settings.landing / "gym_logins_bz"
    folder.mkdir(parents=True)
    write(folder / "a.csv", "\ufeffgym,mac_address,logout,login\r\n1,aa,,5\r\n\r\n2,bb,9,6\r\n")
    write(folder / "b.csv", "no header of this feed\naa,1,5,\n")
    write(lake.settings.landing / "kafka_multiplex_bz" / "c.json", "\n \nnot JSON\n")
    assert lake.ingest() == {"gym_logins_bz": 4, "unrouted_bz": 1}
    found = [(r["mac_address"], r["gym"], r["login"], r["logout"]) for r in visits(lake)]
    assert sorted(found, key=str) == [
        ("aa", 1, 5.0, None),
        ("bb", 2, 6.0, 9.0),
        (None, None, None, None),
        (None, None, None, None),
    ]
    raws = {str(row["_raw"]) for row in visits(lake) if row["_is_malformed"]}
    assert raws == {"no header of this feed", "aa,1,5,"}
    assert lake.ingest() == {}


def test_an_ingest_without_new_files_runs_no_spark_job(lake: Lake) -> None:
    """Also for feeds of which no file has ever landed."""
    folder = lake.settings.landing / "kafka_multiplex_bz"
    folder.mkdir(parents=True)
    (folder / "one.json").write_text(f'{{"topic":"bpm","value":{READING}}}\n')
    lake.ingest()
    scheduler = lake.spark.sparkContext._jsc.sc().dagScheduler()
    before = scheduler.numTotalJobs()
    assert lake.ingest() == {}
    assert scheduler.numTotalJobs() == before


def test_no_task_of_a_batch_is_interrupted(lake: Lake) -> None:
    """A task that is interrupted while it writes to a Python worker crashes the JVM."""
    write(lake.settings.landing / "kafka_multiplex_bz" / "one.json", f"{READING}\n")
    context, seen = lake.spark.sparkContext, []

    def on_batch(_: LoggedBatch) -> None:
        seen.append(context.getLocalProperty("spark.job.interruptOnCancel"))

    ingest(lake.spark, lake.settings, on_batch)
    assert seen == ["false"]


def visits(lake: Lake) -> list[dict[str, object]]:
    return lake.rows("bronze.gym_logins_bz")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
