"""Whatever is landed: each line is in bronze, or its file is skipped and named; nothing stops."""

import bz2
import gzip
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from fitness.doctor import examine
from fitness.ingest_log import newest
from python_ingest.file_source_log import path_of
from python_ingest.tables import table_names
from tests.python.lake import Lake, after_read

JSON, CSV = "kafka_multiplex_bz", "gym_logins_bz"
HEART, UNROUTED = "heart_rate_bz", "unrouted_bz"
READING = '{"topic":"bpm","value":{"device_id":1,"time":2,"heartrate":60}}'
LONG = f'{{"topic":"bpm","value":{{"device_id":1,"time":2,"pad":"{"x" * 10_000_000}"}}}}'
HEADER = "mac_address,gym,login,logout"


@dataclass(frozen=True)
class Landed:
    """A file and its rows in bronze: the table, and the raw lines, well-formed and malformed."""

    feed: str
    content: bytes
    table: str
    rows: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()
    rescued: str | None = None
    values: Mapping[str, object] | None = None


def lines(*texts: str) -> bytes:
    return "\n".join(texts).encode() + b"\n"


def unrouted(content: bytes, *raw: str) -> Landed:
    return Landed(JSON, content, UNROUTED, malformed=raw)


FILES: dict[str, Landed] = {
    # Lines of the multiplexed feed.
    "truncated.json": unrouted(b'{"topic":"bpm","value":{"dev', '{"topic":"bpm","value":{"dev'),
    "text.json": unrouted(b"hello\nworld", "hello", "world"),
    "array.json": unrouted(lines(f"[{READING}]"), f"[{READING}]"),
    "binary.json": unrouted(b"\x00\x01\xff\xfe\n\x80\x81", "\x00\x01��", "��"),
    "blank.json": Landed(JSON, b"\n  \n\r\n\t\v\f\n" + lines(READING), HEART, rows=(READING,)),
    "empty.json": Landed(JSON, b"", HEART),
    "mark_only.json": Landed(JSON, "\ufeff\n".encode(), HEART),
    "unknown_topic.json": unrouted(
        lines('{"topic":"weather","value":{}}'), '{"topic":"weather","value":{}}'
    ),
    "unknown_field.json": Landed(
        JSON,
        lines('{"topic":"bpm","x":1,"value":{"device_id":1,"time":2,"unit":"a:b","user_id":3}}'),
        HEART,
        rows=('{"topic":"bpm","x":1,"value":{"device_id":1,"time":2,"unit":"a:b","user_id":3}}',),
        rescued='{"x": 1, "value.unit": "a:b", "value.user_id": 3}',
    ),
    "unknown_field_in_text.json": Landed(
        JSON,
        lines(
            '{"topic":"user_info","value":"{\\"user_id\\":1,\\"address\\":{\\"city\\":\\"Graz\\",\\"lat\\":47}}"}'
        ),
        "user_info_bz",
        rows=(
            '{"topic":"user_info","value":"{\\"user_id\\":1,\\"address\\":{\\"city\\":\\"Graz\\",\\"lat\\":47}}"}',
        ),
        rescued='{"value.address.lat": 47}',
    ),
    "same_name_twice.json": Landed(
        JSON,
        lines('{"topic":"bpm","value":{"x":1,"x":2,"device_id":1}}'),
        HEART,
        rows=('{"topic":"bpm","value":{"x":1,"x":2,"device_id":1}}',),
        rescued='{"value.x": 2}',
    ),
    "missing_field.json": Landed(
        JSON,
        lines('{"topic":"bpm","value":{"device_id":1}}'),
        HEART,
        rows=('{"topic":"bpm","value":{"device_id":1}}',),
        values={"device_id": 1, "time": None, "heartrate": None},
    ),
    "wrong_type.json": Landed(
        JSON,
        lines('{"topic":"bpm","value":{"device_id":"one","time":[],"heartrate":60}}'),
        HEART,
        rows=('{"topic":"bpm","value":{"device_id":"one","time":[],"heartrate":60}}',),
        values={"device_id": None, "time": None, "heartrate": 60.0},
    ),
    "no_object.json": Landed(
        JSON,
        lines('{"topic":"bpm","value":"[]"}'),
        HEART,
        malformed=('{"topic":"bpm","value":"[]"}',),
    ),
    "mark_and_windows.json": Landed(
        JSON, f"\ufeff{READING}\r\n{READING}\r\n".encode(), HEART, rows=(READING, READING)
    ),
    "latin1.json": unrouted(
        '{"topic":"bpm","key":"ö"}\n'.encode("latin-1"), '{"topic":"bpm","key":"�"}'
    ),
    "utf16.json": unrouted("hi".encode("utf-16"), "��h\x00i\x00"),
    "long.json": Landed(JSON, lines(LONG), HEART, rows=(LONG,)),
    "zipped.json.gz": Landed(JSON, gzip.compress(lines(READING)), HEART, rows=(READING,)),
    "zipped.json.bz2": Landed(JSON, bz2.compress(lines(READING)), HEART, rows=(READING,)),
    # Names that Spark or a shell could take for something else.
    "with space, 'quote' \"double\".json": Landed(JSON, lines(READING), HEART, rows=(READING,)),
    "100%25 ünï #1 + & = ;.json": Landed(JSON, lines(READING), HEART, rows=(READING,)),
    "{a,b}[1]*?\\.json": Landed(JSON, lines(READING), HEART, rows=(READING,)),
    "12:30.json": Landed(JSON, lines(READING), HEART, rows=(READING,)),
    "sub/folder/deep.json": Landed(JSON, lines(READING), HEART, rows=(READING,)),
    # CSV.
    "order.csv": Landed(
        CSV,
        lines("logout,login,gym,mac_address", "9,5,1,aa"),
        CSV,
        rows=("9,5,1,aa",),
        values={"mac_address": "aa", "gym": 1, "login": 5.0, "logout": 9.0},
    ),
    "more_columns.csv": Landed(
        CSV,
        lines("floor," + HEADER, "2,aa,1,5,9"),
        CSV,
        rows=("2,aa,1,5,9",),
        rescued='{"floor": "2"}',
        values={"mac_address": "aa", "gym": 1, "login": 5.0, "logout": 9.0},
    ),
    "fewer_columns.csv": Landed(
        CSV,
        lines("mac_address,gym,login", "aa,1,5"),
        CSV,
        rows=("aa,1,5",),
        values={"mac_address": "aa", "gym": 1, "login": 5.0, "logout": None},
    ),
    "ragged.csv": Landed(
        CSV,
        lines(HEADER, "aa,1,5", "aa,1,5,9,0", "bb,1,5,9"),
        CSV,
        rows=("bb,1,5,9",),
        malformed=("aa,1,5", "aa,1,5,9,0"),
    ),
    "header_only.csv": Landed(CSV, lines(HEADER), CSV),
    "no_header.csv": Landed(CSV, lines("aa,1,5,9"), CSV, malformed=("aa,1,5,9",)),
    "quoted.csv": Landed(
        CSV,
        lines(HEADER, '"a,a\nb",1,5,9'),
        CSV,
        rows=('"a,a\nb",1,5,9',),
        values={"mac_address": "a,a\nb", "gym": 1},
    ),
    "mark_and_windows.csv": Landed(
        CSV, f"\ufeff{HEADER}\r\naa,1,5,9\r\n".encode(), CSV, rows=("aa,1,5,9",)
    ),
    "latin1.csv": Landed(
        CSV, f"{HEADER}\nö,1,5,9\n".encode("latin-1"), CSV, malformed=("\ufffd,1,5,9",)
    ),
    "wrong_type.csv": Landed(
        CSV,
        lines(HEADER, "aa,one,never,9"),
        CSV,
        rows=("aa,one,never,9",),
        values={"mac_address": "aa", "gym": None, "login": None, "logout": 9.0},
    ),
    "zipped.csv.gz": Landed(CSV, gzip.compress(lines(HEADER, "aa,1,5,9")), CSV, rows=("aa,1,5,9",)),
    "empty.csv": Landed(CSV, b"", CSV),
}
SKIPPED = {
    f"{JSON}/broken.json.gz": "cannot be read (EOFError)",
    f"{CSV}/broken.csv.gz": "cannot be read (EOFError)",
    f"{JSON}/link.json": "leads outside the landing folder",
}
NEW_FIELDS = {
    f"{HEART}.x",
    f"{HEART}.value.unit",
    f"{HEART}.value.user_id",
    f"{HEART}.value.x",
    f"{HEART}.value.pad",
    "user_info_bz.value.address.lat",
    f"{CSV}.floor",
}


@pytest.fixture(scope="module")
def log_text(warm_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Land all the files at once; return the log of a first and a second ingest."""
    warm_lake.empty()
    landing = warm_lake.settings.landing
    for name, file in FILES.items():
        write(landing / file.feed / name, file.content)
    write(landing / JSON / "broken.json.gz", gzip.compress(lines(READING) * 1000)[:-30])
    write(landing / CSV / "broken.csv.gz", gzip.compress(lines(HEADER, "aa,1,5,9"))[:-10])
    outside = tmp_path_factory.mktemp("outside") / "secret.json"
    write(outside, lines(READING))
    (landing / JSON / "link.json").symlink_to(outside)
    os.mkfifo(landing / JSON / "pipe.json")
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("fitness", "python_ingest")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        warm_lake.ingest()
        records.append("second ingest")
        assert warm_lake.ingest() == {}
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    return "\n".join(records)


@pytest.fixture(scope="module")
def bronze(warm_lake: Lake, log_text: str) -> dict[str, list[dict[str, object]]]:
    return {table: warm_lake.rows(f"bronze.{table}") for table in table_names()}


@pytest.mark.parametrize("name", FILES)
def test_each_line_is_in_its_table(bronze: dict[str, list[dict[str, object]]], name: str) -> None:
    file = FILES[name]
    ending = f"/{file.feed}/{name}"
    found = {
        table: [r for r in rows if str(path_of(str(r["_source_file"]))).endswith(ending)]
        for table, rows in bronze.items()
    }
    assert {table for table, rows in found.items() if rows} <= {file.table}
    rows = found[file.table]
    assert sorted(str(r["_raw"]) for r in rows if not r["_is_malformed"]) == sorted(file.rows)
    assert sorted(str(r["_raw"]) for r in rows if r["_is_malformed"]) == sorted(file.malformed)
    if file.rescued or name != "long.json":
        assert {row["_rescued_data"] for row in rows} <= {file.rescued}
    for field, value in (file.values or {}).items():
        assert [row[field] for row in rows] == [value]


def test_files_that_cannot_be_read_are_skipped_and_named(warm_lake: Lake, log_text: str) -> None:
    first, second = log_text.split("second ingest")
    findings = [f.what for f in examine(warm_lake.settings) if not f.is_good]
    for name, reason in SKIPPED.items():
        for report in (first.splitlines(), second.splitlines(), findings):
            assert [t for t in report if f"{name} is" in t and reason in t], (name, report)


def test_new_fields_are_reported_once_each(warm_lake: Lake, log_text: str) -> None:
    reports = [line for line in log_text.splitlines() if line.startswith("New fields, kept in")]
    names = [name for line in reports for name in line.rstrip(".").split(": ")[1].split(", ")]
    assert sorted(names) == sorted(NEW_FIELDS)


def test_no_content_of_a_record_is_in_the_log(log_text: str) -> None:
    assert "hello" not in log_text
    assert "Graz" not in log_text


def test_the_ingest_log_has_the_figures_of_each_batch(
    warm_lake: Lake, bronze: dict[str, list[dict[str, object]]]
) -> None:
    figures = {batch.stream: batch for batch in newest(warm_lake.settings.lakehouse, 10)}
    assert figures[CSV].rows == {CSV: len(bronze[CSV])}
    assert figures[CSV].malformed == sum(bool(row["_is_malformed"]) for row in bronze[CSV])
    assert figures[CSV].newest_event_at == "1970-01-01T00:00:05+00:00"
    assert figures[JSON].rows[UNROUTED] == figures[JSON].unrouted == len(bronze[UNROUTED])
    assert figures[JSON].files == sum(
        file.feed == JSON and bool(file.content) for file in FILES.values()
    )
    assert set(figures[JSON].new_fields) == {n for n in NEW_FIELDS if not n.startswith(CSV)}
    assert len(figures[JSON].skipped_files) == 2
    folder = str(warm_lake.settings.lakehouse / "ingest_log")
    table = warm_lake.spark.read.option("__globPaths__", "false").json(folder)
    assert {row.stream for row in table.collect()} == {JSON, CSV}


@pytest.mark.parametrize("change", ["grows", "vanishes"])
def test_a_file_that_changes_while_it_is_read_is_skipped_and_lands_once_it_has_stopped_changing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    path = lake.settings.landing / JSON / "a.json"
    write(path, lines(READING))
    write(path.with_name("b.json"), lines(READING))
    longer = path.read_bytes() + lines(READING)
    change_file = path.unlink if change == "vanishes" else partial(path.write_bytes, longer)
    after_read(monkeypatch, change_file)
    assert lake.ingest() == {HEART: 1}
    assert "a.json is skipped: c" in caplog.text
    if change == "vanishes":
        assert lake.ingest() == {}
        assert "a.json, which was skipped, is gone" in caplog.text
    else:
        assert lake.ingest() == {HEART: 2}
    caplog.clear()
    assert lake.ingest() == {}
    assert "skipped" not in caplog.text


def test_a_file_that_changes_after_it_has_landed_is_reported(
    lake: Lake, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitness.cleaning.EVERY", 0.0)
    path = lake.settings.landing / JSON / "a.json"
    write(path, lines(READING))
    assert lake.ingest() == {HEART: 1}
    with path.open("ab") as file:
        file.write(lines(READING))
    os.utime(path, (1, 1))
    for _ in range(2):
        caplog.clear()
        assert lake.ingest() == {}
        assert "a.json" in caplog.text
        assert "changed after it had landed" in caplog.text
    path.rename(path.with_name("b.json"))
    assert lake.ingest() == {HEART: 2}


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
