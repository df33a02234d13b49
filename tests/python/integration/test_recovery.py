"""Each landed line is in bronze once, whatever becomes of checkpoints, tables and landed files."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Timer

import pytest
from pyspark.sql.streaming.query import StreamingQuery

from fitness import cleaning, maintenance
from fitness.landing import ingest
from fitness.lock import only_one
from python_ingest import file_stream, stream
from python_ingest.errors import BusyError, IngestError
from python_ingest.file_source_log import listed_files, path_of
from python_ingest.stream import Stream
from python_ingest.tables import append
from tests.python.lake import Lake, after_read, bronze_lines, land, landed_lines

HEART = "heart_rate_bz"


def lose_checkpoint(lake: Lake) -> None:
    shutil.rmtree(lake.settings.checkpoints)


def lose_positions(lake: Lake) -> None:
    shutil.rmtree(lake.settings.positions)


def lose_both(lake: Lake) -> None:
    lose_checkpoint(lake)
    lose_positions(lake)


def restore_old_checkpoint(lake: Lake) -> None:
    shutil.rmtree(lake.settings.checkpoints)
    shutil.copytree(lake.settings.lakehouse / "copy", lake.settings.checkpoints)


def truncate_checkpoint(lake: Lake) -> None:
    for offsets in lake.settings.checkpoints.glob("*/offsets"):
        newest = max(int(f.name) for f in offsets.iterdir() if f.name.isdigit())
        (offsets / str(newest)).write_bytes(b"")
        (offsets / f".{newest}.crc").unlink()


def lose_table(lake: Lake) -> None:
    shutil.rmtree(lake.settings.lakehouse / "bronze" / HEART)
    lake.forget_logs()


@pytest.mark.slow
@pytest.mark.parametrize(
    "accident",
    [
        lose_checkpoint,
        lose_positions,
        lose_both,
        restore_old_checkpoint,
        truncate_checkpoint,
        lose_table,
    ],
)
def test_after_an_accident_nothing_is_lost_or_duplicated_and_the_reset_is_logged(
    lake: Lake, caplog: pytest.LogCaptureFixture, accident: Callable[[Lake], None]
) -> None:
    land(lake, 1)
    lake.ingest()
    shutil.copytree(lake.settings.checkpoints, lake.settings.lakehouse / "copy")
    land(lake, 2)
    lake.ingest()
    accident(lake)
    shutil.rmtree(lake.settings.lakehouse / "copy")
    land(lake, 3)
    lake.ingest()
    assert "is read again; what its tables have is left out" in caplog.text
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)
    caplog.clear()
    land(lake, 4)
    lake.ingest()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)
    assert "is read again" not in caplog.text


@pytest.mark.slow
def test_a_lost_table_is_not_forgotten_if_the_ingest_fails_before_it_reads(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, 1)
    lake.ingest()
    lose_table(lake)
    with monkeypatch.context() as patch:
        patch.setattr("fitness.landing.clean_folder", no_space)
        with pytest.raises(OSError, match="No space left"):
            lake.ingest()
    lake.ingest()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


def test_a_missing_landing_folder_is_an_error(lake: Lake) -> None:
    land(lake, 1)
    lake.ingest()
    feed = lake.settings.landing / "kafka_multiplex_bz"
    feed.rename(lake.settings.landing / "moved")
    with pytest.raises(IngestError, match="is gone: mount it or make it again"):
        lake.ingest()
    (lake.settings.landing / "moved").rename(feed)
    assert lake.ingest() == {}


@pytest.mark.slow
def test_a_recovery_that_was_cut_short_is_continued(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first batch lands one file; the next ingest must not duplicate lines of the others."""
    monkeypatch.setitem(file_stream.OPEN_SOURCE_OPTIONS, "maxBytesPerTrigger", "1")
    land(lake, 1)
    lake.ingest()
    lose_checkpoint(lake)
    land(lake, 2)
    with disk_full_after(2, monkeypatch), pytest.raises(IngestError, match="No space left"):
        lake.ingest()
    lake.ingest()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


def test_a_batch_that_was_cut_short_is_repeated_without_what_has_landed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also if its position is an old copy, without that batch."""
    land(lake, 1)
    lake.ingest()
    shutil.copytree(lake.settings.positions, lake.settings.lakehouse / "copy")
    topics = ("bpm", "workout", "user_info", "other")
    lines = "".join(f'{{"topic":"{topic}","value":{{}}}}\n' for topic in topics)
    (lake.settings.landing / "kafka_multiplex_bz" / "new.json").write_text(lines)
    with disk_full_after(2, monkeypatch), pytest.raises(IngestError, match="No space left"):
        lake.ingest()
    shutil.rmtree(lake.settings.positions)
    shutil.move(lake.settings.lakehouse / "copy", lake.settings.positions)
    lake.ingest()
    assert "is read again" not in caplog.text
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


def no_space(*_: object) -> None:
    raise OSError("No space left on device")


@contextmanager
def disk_full_after(most: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let only so many appends succeed."""
    appended = 0

    def append_or_fail(*arguments: object) -> None:
        nonlocal appended
        appended += 1
        if appended > most:
            no_space()
        append(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(stream, "append", append_or_fail)
        yield


def test_a_file_skipped_by_a_batch_that_was_cut_short_lands_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lands on its own before the batch is repeated, which must not land it again."""
    land_two_files_of_which_one_grows(lake, monkeypatch)
    with disk_full_after(1, monkeypatch), pytest.raises(IngestError, match="No space left"):
        lake.ingest()
    lake.ingest()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


def test_a_skipped_file_is_not_forgotten_before_it_has_landed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position is saved between, for a new field, and then the disk is full."""
    land_two_files_of_which_one_grows(lake, monkeypatch)
    lake.ingest()
    with disk_full_after(0, monkeypatch), pytest.raises(OSError, match="No space left"):
        lake.ingest()
    lake.ingest()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


def land_two_files_of_which_one_grows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one of two files grow when it has just been read for the first time."""
    feed = lake.settings.landing / "kafka_multiplex_bz"
    feed.mkdir(parents=True)
    lines = '{"topic":"bpm","value":{}}\n{"topic":"workout","value":{}}\n'
    (feed / "grows.json").write_text(lines)
    (feed / "stays.json").write_text(lines)
    longer = lines + '{"topic":"bpm","new":1,"value":{}}\n'
    after_read(monkeypatch, lambda: (feed / "grows.json").write_text(longer))


def test_files_land_with_auto_loaders_options(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them except its format, which exists only on Databricks."""
    options = file_stream.auto_loader_options(lake.settings, lake.settings.checkpoints)
    monkeypatch.setattr(file_stream, "OPEN_SOURCE_OPTIONS", options)
    for seed in (1, 2):
        land(lake, seed)
        lake.ingest()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


@pytest.mark.slow
def test_many_small_batches_leave_few_files_and_a_list_that_can_be_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark compacts its list of files at every tenth batch."""
    monkeypatch.setitem(file_stream.OPEN_SOURCE_OPTIONS, "maxBytesPerTrigger", "1")
    feed = lake.settings.landing / "kafka_multiplex_bz"
    feed.mkdir(parents=True)
    for number in range(12):
        (feed / f"{number}.json").write_text('{"topic":"bpm","value":{}}\n')
    assert lake.ingest() == {HEART: 12}
    assert lake.ingest() == {}
    table_path = str(lake.settings.lakehouse / "bronze" / HEART)
    table = lake.spark.read.format("delta").load(table_path)
    assert table.count() == 12
    assert len(table.inputFiles()) == 12
    monkeypatch.setattr(maintenance, "MANY_CALLS", 1)
    upkeep = maintenance.Upkeep(lake.spark, lake.settings, "bronze")
    (feed / "12.json").write_text('{"topic":"bpm","value":{}}\n')
    assert lake.ingest() == {HEART: 1}
    upkeep()
    assert len(lake.spark.read.format("delta").load(table_path).inputFiles()) == 1
    checkpoint = lake.settings.checkpoints / "kafka_multiplex_bz"
    assert list(checkpoint.glob("sources/0/*.compact"))
    files = listed_files(checkpoint)
    assert {path_of(source) for source in files} == {*feed.iterdir()}
    assert all(file.is_landed for file in files.values())


def test_no_stream_is_started_without_new_files(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = Stream.start

    def counted_start(stream: Stream) -> StreamingQuery:
        started.append(stream.name)
        return start(stream)

    monkeypatch.setattr(Stream, "start", counted_start)
    feed = lake.settings.landing / "kafka_multiplex_bz"
    (feed / "sub folder").mkdir(parents=True)
    (feed / "a%20 b.json").write_text('{"topic":"bpm","value":{}}\n')
    assert lake.ingest() == {HEART: 1}
    (feed / "_hidden.json").write_text('{"topic":"bpm","value":{}}\n')
    assert lake.ingest() == {}
    assert started == [feed.name]
    (feed / "sub folder" / "a.json").write_text('{"topic":"bpm","value":{}}\n')
    assert lake.ingest() == {HEART: 1}
    assert started == [feed.name] * 2


@pytest.mark.slow
def test_old_files_land_too(lake: Lake) -> None:
    """By default Spark's file stream ignores files that are a week older than the newest one."""
    land(lake, 1)
    lake.ingest()
    land(lake, 2)
    for file in lake.settings.landing.rglob("2-*"):
        os.utime(file, (1, 1))
    lake.ingest()
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)


def test_a_second_ingest_is_refused(lake: Lake) -> None:
    with only_one(lake.settings.lakehouse, "ingest"), pytest.raises(BusyError, match="Another"):
        lake.ingest()


@pytest.mark.parametrize("work", ["ingest", pytest.param("build", marks=pytest.mark.slow)])
def test_work_waits_for_a_jvm_that_outlives_its_killed_process(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    land(lake, 1)
    lake.ingest()
    build = partial(lake.build, "--select", "date_lookup")
    runs: dict[str, Callable[[], object]] = {"ingest": lake.ingest, "build": build}
    run = runs[work]
    monkeypatch.setattr("fitness.lock.SECONDS_TO_DIE", 0.3)
    # Java's file locks are those of lockf(), which a process does not hold against itself.
    hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, 2); print(); input()"
    command = [sys.executable, "-c", hold, str(lake.settings.lakehouse / f".{work}.jvm.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as jvm:  # noqa: S603
        assert jvm.stdout is not None
        jvm.stdout.readline()
        with pytest.raises(BusyError, match="still at work"):
            run()
        monkeypatch.setattr("fitness.lock.SECONDS_TO_DIE", 60)
        Timer(1, jvm.kill).start()
        run()
        assert jvm.poll() is not None


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False])
def test_landed_files_are_archived_or_removed_after_a_set_time(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    monkeypatch.setattr(cleaning, "EVERY", 0.0)
    land(lake, 1)
    lines = landed_lines(lake.settings.landing)
    archive = tmp_path / "archive" if keep else None
    settings = replace(lake.settings, clean_after=timedelta(days=1), archive=archive)
    ingest(lake.spark, settings)
    assert not ingest(lake.spark, settings)
    assert landed_lines(lake.settings.landing) == lines
    settings = replace(settings, clean_after=timedelta(0))
    land(lake, 2)
    lines += landed_lines(lake.settings.landing) - lines
    ingest(lake.spark, settings)
    # What lands in a run is not cleaned in it.
    assert {file.name[0] for file in landed_files(lake)} == {"2"}
    assert not ingest(lake.spark, settings)
    assert not landed_files(lake)
    assert bronze_lines(lake) == lines
    if archive:
        assert landed_lines(archive) == lines


def landed_files(lake: Lake) -> list[Path]:
    return [file for file in lake.settings.landing.rglob("*") if file.is_file()]


@pytest.mark.slow
def test_a_stream_whose_list_has_many_files_that_are_gone_is_reset(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    land(lake, 1)
    lines = landed_lines(lake.settings.landing)
    lake.ingest()
    for file in landed_files(lake)[1:]:
        file.unlink()
    monkeypatch.setattr(cleaning, "LONG_LIST", 1)
    monkeypatch.setattr(cleaning, "EVERY", 0.0)
    checkpoint = lake.settings.checkpoints / "kafka_multiplex_bz"
    assert len(listed_files(checkpoint)) == 3
    lake.ingest()
    assert "grown long" in caplog.text
    assert len(listed_files(checkpoint)) < 2
    land(lake, 2)
    lake.ingest()
    lines += Counter(
        line
        for line, count in landed_lines(lake.settings.landing).items()
        for _ in range(count)
        if line not in lines
    )
    assert bronze_lines(lake) == lines
