"""docs/add-a-feed.md, executed: two feeds by a contract and a silver model each."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from fitness.settings import PROJECT
from python_ingest.feeds import read_feeds
from tests.python.lake import Lake, in_utc, without_lineage

FILE = re.compile(r"`(models/\w+/\w+\.(?:sql|yml))`:\n\n```\w+\n(.*?)```", re.DOTALL)
NOT_COPIED = (".*", "data", "logs", "target", "tests", "benchmarks")
TABLES = ("silver.body_weights", "silver.locker_rentals", "silver.quarantine")
START = 1_767_225_600  # epoch seconds


def body(**value: object) -> str:
    return json.dumps({"topic": "body", "value": value})


def weight(user: object, second: int, kilograms: object) -> str:
    return body(user_id=user, time=START + second, weight_kg=kilograms)


GOOD = (weight(1, 0, 70), weight(1, 0, 71.5), weight(1, 0, 70))
EARLY = weight(2, 60, 80)
REFUSED = {
    '{"topic":"body","value":"no JSON"}': "malformed",
    body(user_id=1, weight_kg=70): "missing_key",
    weight("1", 0, 70): "missing_key",
    weight(1, 0, 0): "bad_value",
    weight(1, 0, "70"): "bad_value",
    weight(1, -START - 1, 70): "bad_value",
    "aa,5,1767225600,4.5,": "malformed",
    ",5,1767225600,4.5": "missing_key",
    "aa,-5,1767225600,4.5": "bad_value",
    "aa,5,1767225600,cheap": "bad_value",
    EARLY: "unknown_user",
    "bb,6,1767225660,": "unknown_mac",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the project, and write the files of the page into it."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
    shutil.copytree(PROJECT / "tests" / "generic", folder / "tests" / "generic")
    files = FILE.findall((PROJECT / "docs" / "add-a-feed.md").read_text())
    assert len(files) == 6
    for path, text in files:
        assert not (folder / path).exists()
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def lake(warm_lake: Lake, tmp_path: Path) -> Iterator[Lake]:
    """Return a lakehouse for the copy."""
    yield Lake(tmp_path)


def fitness(copy: Path, lake: Lake, *command: str) -> str:
    """Run a command of the copy."""
    folders = {"LANDING": lake.settings.landing, "LAKEHOUSE": lake.settings.lakehouse}
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "fitness", *command],
        cwd=copy,
        env={
            **os.environ,
            "PYTHONPATH": str(copy),
            **{f"FITNESS_{name}": str(folder) for name, folder in folders.items()},
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def register(lake: Lake, name: str, user: int, mac: str) -> None:
    header = "user_id,device_id,mac_address,registration_timestamp"
    lake.write_lines(f"registered_users_bz/{name}", header, f"{user},{user},{mac},{START}")


def contents(lake: Lake) -> dict[str, list[dict[str, object]]]:
    lake.forget_logs()
    return {t: sorted(without_lineage(lake.rows(t)), key=str) for t in TABLES}


def test_the_contracts_of_the_page_are_read(copy: Path) -> None:
    feeds = {feed.table: feed for feed in read_feeds(copy / "models" / "bronze")}
    assert feeds["body_scale_bz"].topic == "body"
    assert feeds["locker_rentals_bz"].columns[0].field == "mac_address"


@pytest.mark.slow
def test_two_feeds_by_a_contract_and_a_model_each(copy: Path, lake: Lake) -> None:
    register(lake, "one.csv", 1, "aa")
    topics = [line for line in REFUSED if line.startswith("{")]
    rentals = [line for line in REFUSED if not line.startswith("{")]
    lake.write_lines("kafka_multiplex_bz/body.json", *GOOD, *topics)
    header = "price,rented_at,mac_address,locker"
    lake.write_lines(
        "locker_rentals_bz/good.csv", header, "4.5,1767225600,aa,5", ",1767225600,aa,5"
    )
    header = "mac_address,locker,rented_at,price"
    lake.write_lines("locker_rentals_bz/others.csv", header, *rentals)
    assert "all well" in fitness(copy, lake, "run")  # With the tests, also those of conservation.
    found = contents(lake)
    assert {str(r["raw"]): r["reason"] for r in found["silver.quarantine"]} == REFUSED
    at = in_utc(datetime.fromtimestamp(START).astimezone())
    assert found["silver.body_weights"] == [{"user_id": 1, "event_time": at, "weight_kg": 71.5}]
    rental = {"visitor": "aa", "locker": 5, "rented_at": at, "price": 4.5}
    assert found["silver.locker_rentals"] == [rental]

    register(lake, "two.csv", 2, "bb")
    assert "all well" in fitness(copy, lake, "run")
    increment = contents(lake)
    assert [row["user_id"] for row in increment["silver.body_weights"]] == [1, 2]
    assert [row["visitor"] for row in increment["silver.locker_rentals"]] == ["aa", "bb"]
    assert len(increment["silver.quarantine"]) == len(REFUSED) - 2
    fitness(copy, lake, "build", "--full-refresh")
    assert contents(lake) == increment
