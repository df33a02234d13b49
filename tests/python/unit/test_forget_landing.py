"""Landed files lose exactly the lines that the ingest would refuse, and nothing else changes."""

import gzip
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.privacy import landing
from fitness.privacy.landing import refused_records, sweep_files
from fitness.privacy.leftovers import clean_log
from python_ingest.feeds import Feed, feeds_by_folder
from python_ingest.landed_files import Part, look_at
from python_ingest.parse.csv_files import READERS, CsvRecord, csv_records
from python_ingest.parse.frames import lines_of
from python_ingest.parse.json_lines import JsonReader
from python_ingest.settings import Settings
from python_ingest.suppression import Span, Suppressions
from tests.python.records import START
from tests.python.stories import Ids
from tests.python.worlds import world_from_seed

# User 7 had device 77 and mac 7a until second 100, when both were passed on.
FORGOTTEN = Suppressions((b"a key of the tests",)).forget(
    [
        ("user", 7, Span()),
        ("device", 77, Span(None, 100.0)),
        ("mac", "7a", Span(None, 100.0)),
    ]
)
VISITS, REGISTRATIONS, MULTIPLEX = "gym_logins_bz", "registered_users_bz", "kafka_multiplex_bz"


def reading(device: int | str, at: float) -> str:
    return json.dumps({"topic": "bpm", "value": {"device_id": device, "time": at}})


THEIRS = (
    reading(77, 99.5),
    json.dumps({"topic": "workout", "value": json.dumps({"user_id": 7, "action": "start"})}),
    '{"topic":"user_info","value":{"user_id":7,"update_type":"delete","timestamp":5}}',
    '{"topic": "bpm", "value": {"d\\u0065vice_id": 77, "time": 5}}',
    '{"topic": "bpm", "value": {"device_id": 77}}',
    '{"topic": "weather", "of": {"user_id": "7"}}',
    '{"topic": "user_info", "value": "{\\"user_id\\" : 007, "}',
    '{"topic":"workout","value":{"user_id":7',
    "{'mac_address': '7a'}",
    '{"mac_address":7a',
)
OTHERS = (
    reading(77, 100),
    reading(777, 5),
    reading("x77", 5),
    '{"topic":"workout","value":{"user_id":8,"workout_id":7,"device_id":77}}',
    '{"topic":"workout","value":{"user_id":70',
    "7",
    "",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "landing", tmp_path / "lakehouse", archive=tmp_path / "archive")


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("chunk", [1, 64, 2**20])
def test_lines_of_json_are_removed_and_the_others_keep_their_bytes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, end: str, chunk: int
) -> None:
    monkeypatch.setattr(landing, "CHUNK", chunk)
    mixed = [line for pair in zip(OTHERS, THEIRS, strict=False) for line in pair]
    lines = [*mixed, *THEIRS[len(OTHERS) :], "{ }   "]
    path = write(settings.landing / MULTIPLEX / "a.json", end.join(lines))
    assert sweep_files(settings, FORGOTTEN) == {path: len(THEIRS)}
    assert path.read_bytes() == end.join([*OTHERS, "{ }   "]).encode()
    assert sweep_files(settings, FORGOTTEN) == {}


def test_records_of_csv_are_removed_with_all_of_their_lines(settings: Settings) -> None:
    kept = [b"\xef\xbb\xbfmac_address,gym,login,logout,note\r\n", b"\r\n", b"7a,1,100,,x\r\n"]
    kept += [b"7b,1,5,,\xff\r\n", b'"7b",1,5,,"7a\n7a"\r\n', b"7b,1,5,,7\n"]
    theirs = [b'"7a",1,99,,"x\r\n\r\ny"\r\n', b"7a,1,,,\r\n", b"7a,1\n", b"\xff,7a\n"]
    mixed = [kept[0], theirs[0], *kept[1:3], theirs[1], *kept[3:5], *theirs[2:], kept[5]]
    path = write(settings.landing / VISITS / "a.csv", b"".join(mixed))
    assert sweep_files(settings, FORGOTTEN) == {path: 6}
    assert path.read_bytes() == b"".join(kept)


def test_a_file_keeps_its_header_its_time_and_its_rights(settings: Settings) -> None:
    header = "user_id,device_id,mac_address,registration_timestamp\n"
    path = write(settings.landing / REGISTRATIONS / "a.csv", f"{header}7,77,7a,5\n")
    empty = write(settings.landing / MULTIPLEX / "a.json", THEIRS[0])
    for file in (path, empty):
        file.chmod(0o640)
        os.utime(file, ns=(1, 1_767_657_300_123_456_789))
    sweep_files(settings, FORGOTTEN)
    assert (path.read_text(), empty.read_text()) == (header, "")
    for file in (path, empty):
        assert file.stat().st_mtime_ns == 1_767_657_300_123_456_789
        assert file.stat().st_mode & 0o777 == 0o640


def test_compressed_and_archived_files_are_swept_and_stay_compressed(settings: Settings) -> None:
    content = gzip.compress(f"{OTHERS[0]}\n{THEIRS[0]}\n".encode())
    assert settings.archive
    landed = write(settings.landing / MULTIPLEX / "sub folder" / "a.json.gz", content)
    archived = write(settings.archive / MULTIPLEX / "a.json.gz.again", content)
    assert sweep_files(settings, FORGOTTEN) == {landed: 1, archived: 1}
    for path in (landed, archived):
        assert gzip.decompress(path.read_bytes()).decode() == f"{OTHERS[0]}\n"


def test_files_of_no_feed_are_read_as_lines_of_json(settings: Settings) -> None:
    paths = [
        write(settings.landing / name, f"{THEIRS[0]}\n{OTHERS[0]}\n") for name in ("a", "old/a")
    ]
    assert sweep_files(settings, FORGOTTEN) == dict.fromkeys(paths, 1)


def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_swept(
    settings: Settings, tmp_path: Path
) -> None:
    bad = write(settings.landing / MULTIPLEX / "a.json.gz", b"\x1f\x8b no gzip")
    cut = write(settings.landing / MULTIPLEX / "b.gz", gzip.compress(THEIRS[0].encode())[:-9])
    good = write(settings.landing / MULTIPLEX / "c.json", THEIRS[0])
    outside = settings.landing / MULTIPLEX / "d.json"
    outside.symlink_to(write(tmp_path / "outside.json", THEIRS[0]))
    problems: dict[Path, str] = {}
    removed = sweep_files(settings, FORGOTTEN, on_problem=problems.__setitem__)
    assert removed == {good: 1}
    assert problems.keys() == {bad, cut, outside}


def test_a_file_that_may_be_being_written_is_left_to_its_writer(settings: Settings) -> None:
    young, old = (write(settings.landing / MULTIPLEX / f".{n}.json", THEIRS[0]) for n in "ab")
    os.utime(old, (time.time() - landing.SECONDS_TO_WRITE - 1,) * 2)
    assert sweep_files(settings, FORGOTTEN) == {old: 1}
    assert young.read_text() == THEIRS[0]


def test_a_sweep_that_was_killed_leaves_whole_files_and_can_be_repeated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(settings.landing / MULTIPLEX / "a.json", f"{THEIRS[0]}\n{OTHERS[0]}\n")
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            sweep_files(settings, FORGOTTEN)
    assert path.read_bytes() == before
    assert len([*path.parent.iterdir()]) == 2
    assert sweep_files(settings, FORGOTTEN) == {path: 1}
    assert [*path.parent.iterdir()] == [path]


def feed_of(feeds: tuple[Feed, ...], table: str) -> Feed | None:
    return next((feed for feed in feeds if feed.table == table), None)


def landed_lines(folder: Path, suppressions: Suppressions | None) -> Iterator[tuple[str, ...]]:
    """Return the lines, each with its file and table, that land: without those refused."""
    for name, feeds in feeds_by_folder().items():
        for path in sorted((folder / name).glob("*")):
            reader = JsonReader(() if feeds[0].is_csv else feeds)
            for table, columns in lines_of(Part(look_at(path, path.name)), feeds, reader):
                kept = [True] * len(columns["_raw"])
                if suppressions:
                    kept = suppressions.lets_land(feed_of(feeds, table), columns)
                lines = zip(columns["_raw"], kept, strict=True)
                yield from ((path.name, table, raw) for raw, is_kept in lines if is_kept)


@pytest.mark.parametrize("chunk", [50, 2**20])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_left_of_a_file_is_what_the_ingest_lets_land(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, chunk: int
) -> None:
    monkeypatch.setattr(landing, "CHUNK", chunk)
    world, folder, ids = world_from_seed(seed), tmp_path / "landing", Ids(seed)
    world.write_all(folder)
    forgotten = FORGOTTEN.forget(
        [
            ("user", ids.users[0], Span()),
            ("device", ids.devices[0], Span(None, START + 300)),
            ("device", ids.unknown_device, Span()),
            ("mac", ids.macs[0], Span(START + 60, START + 11100)),
        ]
    )
    before, expected = (sorted(landed_lines(folder, each)) for each in (None, forgotten))
    removed = sweep_files(Settings(folder, tmp_path / "lakehouse"), forgotten)
    assert sorted(landed_lines(folder, None)) == expected
    assert sum(removed.values()) == len(before) - len(expected) > 0


def typed(record: CsvRecord, feed: Feed) -> dict[str, object]:
    values = record.fields or {}
    return {c.name: READERS[c.data_type](values.get(c.field)) for c in feed.columns}


PIECES = ("7", "77", "7a", ",", ",", "\n", "\n", "\r", "\r\n", " ", "\u2028", "\x0c", "\ufeff")


@given(parts=st.lists(st.sampled_from((*PIECES, "7,77,7a,5\n", "8,77,7a,5\n")), max_size=20))
def test_any_text_loses_its_refused_records_and_no_other(parts: list[str]) -> None:
    [feed] = feeds_by_folder()[REGISTRATIONS]
    fields = [column.field for column in feed.columns]
    content = f"{','.join(fields)}\n{''.join(parts)}".encode()
    gone = refused_records(content, feed, FORGOTTEN)
    lines = content.splitlines(keepends=True)
    left = b"".join(line for number, line in enumerate(lines) if number not in gone)
    kept = [
        record
        for record in csv_records(content, fields)
        if not FORGOTTEN.refuses(feed, typed(record, feed), record.raw, record.fields is None)
    ]
    assert [*csv_records(left, fields)] == kept


def test_ids_in_the_messages_of_a_log_are_replaced_and_its_figures_stay(tmp_path: Path) -> None:
    entry = {
        "started_at": "2026-01-07T07:07:07+00:00",
        "rows": {"heart_rate_bz": 7},
        "failures": {"users": "Got 2 rows of user 7, mac 7a, device_id=77 and user 70."},
        "arguments": ["--select", "7"],
    }
    whole, cut = json.dumps(entry), '{"failures": {"users": "user 7'
    path = write(tmp_path / "2026-01.jsonl", f"{whole}\n{cut}\n{json.dumps({'rows': 7})}\n")
    assert clean_log(path, replace(FORGOTTEN)) == 2
    first, second, third, last = path.read_text().split("\n")
    message = "Got 2 rows of user [forgotten], mac [forgotten], device_id=[forgotten] and user 70."
    cleaned = {"failures": {"users": message}, "arguments": ["--select", "[forgotten]"]}
    assert json.loads(first) == entry | cleaned
    assert (second, third, last) == ("", '{"rows": 7}', "")
    assert clean_log(path, FORGOTTEN) == 0
