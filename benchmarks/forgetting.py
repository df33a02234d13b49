"""What it costs to forget members of a gym, and to rewrite its tables instead.

The members have trained for a year, about three times a week.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import groupby, pairwise
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from benchmarks.timing import timed
from fitness.build import build
from fitness.dbt_arguments import EVERYDAY, UNTESTED
from fitness.delta_log import newest_version
from fitness.landing import ingest
from fitness.maintenance import all_tables
from fitness.privacy.delta_files import actions_of
from fitness.privacy.forget import forget
from fitness.samples.people import DAY, Person, drawn, heart_rates, person
from fitness.samples.produce import write_files
from fitness.samples.rows import Readings, Row, action, gym_login, sign_up
from fitness.spark import start_spark
from python_ingest.settings import Settings

MEMBERS, FORGOTTEN = 200, (1, 10)
DAYS, WORKOUTS_A_DAY, READINGS = 365, 3 / 7, 100
BEGIN = int(datetime(2025, 1, 6, tzinfo=UTC).timestamp())
SEED = 7
Event = tuple[int, Row | Readings]  # seconds since BEGIN, and what is sent then


def forgetting(root: Path) -> dict[str, Any]:
    """Forget one member, then ten others; return what that costs, and what a rewrite does."""
    # A process can open only one metastore.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(forget_some, root).result()


def forget_some(root: Path) -> dict[str, Any]:
    """Load the gym, forget members, and build all of silver and gold again."""
    os.environ["FITNESS_SECRET"] = "a key of the benchmarks"  # noqa: S105 - of an invented gym
    settings = Settings(root / "landing", root / "lakehouse", "local")
    members = land_year(settings.landing)
    spark = start_spark(settings)
    load = timed(lambda: (ingest(spark, settings), build(settings, EVERYDAY)))
    print(f"forgetting: {MEMBERS} members loaded in {load:.1f} s", flush=True)
    build(settings, EVERYDAY)  # It reads what the snapshot wrote in the first.
    figures: dict[str, Any] = {"bytes_in_use": bytes_in_use(settings), "forgotten": {}}
    for count in FORGOTTEN:
        some, members = members[:count], members[count:]
        found = figures["forgotten"][str(count)] = forget_members(spark, settings, some)
        seconds = sum(found["seconds"].values())
        print(f"forgetting: {count} of {MEMBERS} members in {seconds:.1f} s", flush=True)
    before = versions(settings)
    seconds = timed(lambda: build(settings, [*EVERYDAY, "--full-refresh"]))
    figures["full_refresh"] = {"seconds": seconds, "bytes": bytes_written(settings, before)}
    print(f"forgetting: a full refresh in {seconds:.1f} s", flush=True)
    return figures


def land_year(landing: Path) -> list[int]:
    """Land the year, in a file of each feed for each week; return the ids of the members."""
    people = [person(SEED, index) for index in range(MEMBERS)]
    events: list[Event] = [(0, row) for user in people for row in sign_up(user)]
    events += [event for user in people for event in workouts(user)]
    events.sort(key=itemgetter(0))
    for week, group in groupby(events, key=lambda event: event[0] // (7 * DAY)):
        write_files(landing, f"week-{week:02}", (batch for _, batch in group))
    return [user.user_id for user in people]


def workouts(user: Person) -> Iterator[Event]:
    """Return the workouts of a member, each with a visit of a gym."""
    random = drawn(SEED, "year", user.index)
    for day in range(DAYS):
        if random.random() < WORKOUTS_A_DAY:
            at = day * DAY + random.randrange(DAY - READINGS)
            start, stop = BEGIN + at, BEGIN + at + READINGS
            rates = heart_rates(random, user, READINGS, READINGS // 10)
            yield at, action(user, (start, 0), "start", start)
            yield at, Readings(user.device_id, start, rates)
            yield at, action(user, (start, 0), "stop", stop)
            yield at, gym_login(user.mac, 1 + user.index % 10, start - 300, stop + 300)


def forget_members(
    spark: SparkSession, settings: Settings, members: Sequence[int]
) -> dict[str, Any]:
    """Forget members as the command does; return the seconds of each phase, bytes and rows."""
    before, ends = versions(settings), {"begin": time.monotonic()}

    def note_end(phase: str) -> None:
        ends[phase] = time.monotonic()

    def on_step(message: str) -> None:
        if message.endswith("lines removed"):
            note_end("landed files")
        elif message.startswith("bronze."):
            note_end("bronze")

    def build_all() -> str:
        build(settings, UNTESTED)
        note_end("silver and gold")
        summary = build(settings, EVERYDAY)
        note_end("a second build, with tests")
        return summary

    done = forget(spark, settings, members, build_all, on_step)
    note_end("snapshot, failures and logs")
    return {
        "seconds": {phase: end - begin for (_, begin), (phase, end) in pairwise(ends.items())},
        "rows": sum(done.rows.values()),
        "bytes": bytes_written(settings, before),
        "landed_bytes": sum(path.stat().st_size for path in done.lines),
    }


def versions(settings: Settings) -> dict[str, int]:
    """Return the newest version of each table."""
    return {name: newest_version(path) for name, path in all_tables(settings).items()}


def bytes_written(settings: Settings, since: Mapping[str, int]) -> int:
    """Return the bytes of the data and change files in the commits after some versions."""
    return sum(
        found[kind]["size"]
        for name, path in all_tables(settings).items()
        for commit in path.glob("_delta_log/*.json")
        if commit.stem.isdigit() and int(commit.stem) > since.get(name, -1)
        for kind in ("add", "cdc")
        for found in actions_of(commit, kind)
    )


def bytes_in_use(settings: Settings) -> int:
    """Return the bytes of the data files in the newest versions of all tables."""
    tables = map(DeltaTable, all_tables(settings).values())
    files = (table.get_add_actions(flatten=True).column("size_bytes") for table in tables)
    return sum(size for sizes in files for size in sizes.to_pylist())
