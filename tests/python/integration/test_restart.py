"""Killed, failed and concurrent builds end in the same tables."""

import os
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from fitness.errors import BuildError
from fitness.lock import only_one
from fitness.settings import export
from tests.python.lake import FITNESS, MODELS_ONLY, Lake, differences
from tests.python.reference import tables
from tests.python.worlds import world_from_seed

KILLS_OF_BUILDS = 11  # twice


def start(lake: Lake, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command of the command line on a lakehouse, with a process group of its own."""
    export(lake.settings)
    return subprocess.Popen(  # noqa: S603 - our own command line
        [*FITNESS, *arguments],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def commits(lake: Lake) -> int:
    return len(list(lake.settings.lakehouse.glob("*/*/_delta_log/*.json")))


def kill_after(process: "subprocess.Popen[str]", lake: Lake, more: int, seconds: float) -> bool:
    """Kill a process and its JVM a while after some more commits; return False if it had ended."""
    enough = commits(lake) + more
    while process.poll() is None and commits(lake) < enough:
        time.sleep(0.02)
    time.sleep(seconds)
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return True


@pytest.mark.slow
def test_a_build_killed_at_any_moment_and_run_again_ends_in_the_same_tables(
    warm_lake: Lake, tmp_path: Path
) -> None:
    """The builds are processes of their own; this one's Spark only reads their tables."""
    lake, random, kills = Lake(tmp_path), Random(1), 0  # noqa: S311 - no secret
    world = world_from_seed(5)
    for batches in ((0, 1), (2, 3)):
        for batch in batches:
            world.write(batch, lake.settings.landing)
        ingest = start(lake, "ingest")
        kills += kill_after(ingest, lake, random.randint(0, 4), random.random())
        output, _ = (ingest := start(lake, "ingest")).communicate()
        assert ingest.returncode == 0, output
        # Few commits each, so that the last of them still has something to do.
        for _ in range(KILLS_OF_BUILDS):
            process = start(lake, "build", *MODELS_ONLY)
            kills += kill_after(process, lake, random.randint(0, 2), 2 * random.random())
        output, _ = (process := start(lake, "build", *MODELS_ONLY)).communicate()
        assert process.returncode == 0, output
        found = lake.differences()
        assert not found, "\n".join([f"after batches {batches}", *found[:20], world.describe()])
    assert kills >= 20


def test_files_left_by_interrupted_creations_of_tables_do_no_harm(lake: Lake) -> None:
    world = world_from_seed(2)
    world.write(0, lake.settings.landing)
    for table in ("bronze/heart_rate_bz", "ops/watermarks", "silver/users", "gold/gyms"):
        log = lake.settings.lakehouse / table / "_delta_log"
        log.mkdir(parents=True)
        (log / ".00000000000000000000.json.1.tmp").write_text("{}")
        (log.parent / "part-0.parquet").write_text("half a file")
    lake.ingest()
    lake.build("--select", "+users", "gyms")
    expected = {"users": tables(lake.settings.landing)["users"]}
    assert expected["users"]
    assert not differences(expected, {"users": lake.rows("silver.users")})
    assert lake.rows("gold.gyms")


@pytest.mark.slow
def test_the_next_build_repairs_a_failed_model_and_a_failed_test(lake: Lake) -> None:
    world = world_from_seed(2)
    for batch in range(len(world.batches)):
        world.write(batch, lake.settings.landing)
        if batch == 2:
            lake.ingest()
            lake.build()
    lake.ingest()
    with lake.hidden("workout_sessions"), pytest.raises(BuildError, match="workout_sessions"):
        lake.build()
    lake.spark.sql("insert into silver.users values (9, 9, timestamp'2026-01-01', null)")
    with pytest.raises(BuildError, match="users"):
        lake.build_and_test()
    lake.spark.sql("delete from silver.users where user_id = 9")
    lake.build_and_test()
    assert not lake.differences()


def test_a_second_build_is_refused_and_says_who_is_at_work(lake: Lake) -> None:
    with only_one(lake.settings.lakehouse, "build"):
        process = start(lake, "build")
        output, _ = process.communicate()
    assert process.returncode == 1
    assert f"Another build (process {os.getpid()}) is at work" in output
