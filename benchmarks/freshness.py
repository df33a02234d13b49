"""Continuous operation: the time from a file's appearance to its row in gold.

Each second a file lands with a whole workout: its start, a reading for each of its seconds, its
stop. The log of workout_bpm_summary shows when its row was committed.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.ingest import start
from fitness.samples.produce import World, produce
from fitness.samples.records import (
    BPM,
    MULTIPLEX,
    REGISTERED_USERS,
    REGISTERED_USERS_HEADER,
    WORKOUT,
    csv_line,
    mac_address,
    multiplex_line,
)
from python_ingest.atomic_write import atomic_write
from python_ingest.errors import FitnessError

HISTORY = 300_000  # readings
READINGS_A_FILE = 500
USERS = range(800_000, 800_100)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
WARM_UP, MEASURED = 180, 1800  # seconds
TIMEOUT = 300  # seconds
READ_EVERY = 60  # seconds


def freshness(root: Path) -> list[float]:
    """Land workouts while the command line runs; return the seconds until each was in gold."""
    taken = run_with_workouts(root, WARM_UP + MEASURED)
    return [seconds for session, seconds in taken.items() if session >= WARM_UP]


def run_with_workouts(root: Path, seconds: int) -> dict[int, float]:
    """Land a workout a second beside a continuous run that is stopped when all are in gold.

    Return the seconds until each was in gold, by its session.
    """
    landing = root / "landing"
    produce(World(users=100, days=1, seed=1, files=3, readings=HISTORY), landing)
    with atomic_write(landing / REGISTERED_USERS / "users.csv") as file:
        file.write(csv_line(*REGISTERED_USERS_HEADER))
        for user in USERS:
            file.write(csv_line(user, user, mac_address(user), BEGIN.timestamp()))
    summary = root / "lakehouse" / "gold" / "workout_bpm_summary"
    arrivals = Arrivals(summary)
    with (root / "output.txt").open("w") as output:
        process = start([sys.executable, "-m", "fitness", "run", "--continuous"], root, output)
    try:
        wait_for(process, lambda: any(summary.glob("_delta_log/*.json")), "the first build")
        print("freshness: landing a workout a second", flush=True)
        landed = land_workouts(landing, seconds, arrivals)
        newest = max(landed)
        wait_for(process, lambda: newest in arrivals.read(), "the last workout")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    return {session: arrivals.read()[session] - at for session, at in landed.items()}


def land_workouts(landing: Path, seconds: int, arrivals: "Arrivals") -> dict[int, float]:
    """Land a workout each second; return when each appeared, by its session."""
    landed = {}
    began = time.time()
    for session in range(seconds):
        time.sleep(max(0.0, began + session - time.time()))
        with atomic_write(landing / MULTIPLEX / f"workout-{session:05}.json") as file:
            file.writelines(workout(session))
        landed[session] = time.time()
        if session % READ_EVERY == 0:
            arrivals.read()
    return landed


def workout(session: int) -> Iterator[str]:
    """Return the lines of a workout."""
    user = USERS[session % len(USERS)]
    begin = BEGIN + timedelta(seconds=session * READINGS_A_FILE)
    times = [begin.timestamp() + second for second in range(READINGS_A_FILE)]
    line = partial(multiplex_line, key=str(user), partition=0, offset=session)
    ids = {"user_id": user, "workout_id": session, "session_id": session}
    for at, action in ((times[0], "start"), (times[-1] + 1, "stop")):
        yield line(WORKOUT, ids | {"timestamp": at, "action": action}, timestamp=at)
    for at in times:
        yield line(BPM, {"device_id": user, "time": at, "heartrate": 120}, timestamp=at)


class Arrivals:
    """When the complete row of each workout was first committed: epoch seconds by its session.

    Read it more often than every quarter of an hour: a continuous run cuts its tables' logs.
    """

    def __init__(self, summary: Path) -> None:
        self._summary = summary
        self._commits: set[str] = set()
        self._arrived: dict[int, float] = {}

    def read(self) -> Mapping[int, float]:
        """Return what has been committed so far."""
        commits = (self._summary / "_delta_log").glob("[0-9]*.json")
        for commit in sorted(each for each in commits if each.name not in self._commits):
            self._commits.add(commit.name)
            at = commit.stat().st_mtime
            for line in commit.read_text().splitlines():
                if added := json.loads(line).get("add"):
                    self._note(self._summary / added["path"], at)
        return self._arrived

    def _note(self, file: Path, at: float) -> None:
        columns = ["user_id", "session_id", "num_recordings"]
        for row in pq.read_table(file, columns=columns).to_pylist():
            if row["user_id"] in USERS and row["num_recordings"] == READINGS_A_FILE:
                self._arrived.setdefault(row["session_id"], at)


def wait_for(process: "subprocess.Popen[str]", holds: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; raises FitnessError after TIMEOUT or if the process ends."""
    until = time.monotonic() + TIMEOUT
    while not holds():
        if process.poll() is not None or time.monotonic() > until:
            raise FitnessError(f"gave up waiting for {what}")
        time.sleep(1)
