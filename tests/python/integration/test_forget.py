"""A person is gone from every table after `fitness forget`, and everybody else is as before."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltalake import DeltaTable

from fitness.build import build
from fitness.dbt_arguments import EVERYDAY, UNTESTED
from fitness.privacy.forget import Forgotten, forget
from python_ingest.tables import is_table
from tests.python.forgotten_person import (
    DEVICE,
    MAC,
    OTHER,
    OTHERS_MAC,
    STRANGER,
    THEIRS,
    THEY,
)
from tests.python.lake import Lake, bronze_lines, compared_whole, differences, landed_lines
from tests.python.lines import write_feeds

pytestmark = pytest.mark.usefixtures("secret")

USERS = {THEY, STRANGER, OTHER}  # the lakehouse has others, whom no test of this file is about
# Of each kind of table, some that have the person.
PLANTED = (
    *("bronze.registered_users_bz", "bronze.user_info_bz", "bronze.unrouted_bz"),
    *("silver.quarantine", "silver.heart_rate", "silver.user_profile_history"),
    *("gold.workout_bpm_summary", "gold.training_days"),
    *("snapshots.user_profile_snapshot", "failures.theirs", "dev_anna_silver.users"),
)


@dataclass(frozen=True)
class Planted:
    """A lakehouse from which two people were forgotten, and what was seen before and by it."""

    lake: Lake
    before: dict[str, str]
    lines: tuple[Counter[str], Counter[str]]  # before
    done: Forgotten
    messages: list[str]


@pytest.fixture(scope="module")
def planted(warm_lake: Lake, saved_lakehouse: Callable[[], Path], secret: None) -> Planted:
    """Put the person into every kind of table of the built lakehouse, and forget them."""
    lake = warm_lake
    lake.restore(saved_lakehouse())
    for schema in ("dev_anna_silver", "failures"):
        lake.spark.sql(f"create schema if not exists {schema} location '{schema}'")
    lake.spark.sql("create table dev_anna_silver.users using delta as select * from silver.users")
    lake.spark.sql("create table dev_anna_silver.gyms using delta as select 1 as gym")
    for name, user in (("theirs", THEY), ("others", OTHER)):
        row = f"select '{user}' as unique_field, 2 as n_records"
        lake.spark.sql(f"create table failures.{name} using delta as {row}")
    before, lines = all_rows(lake), all_lines(lake)
    return Planted(lake, before, lines, *forgotten(lake, UNTESTED, THEY, STRANGER))


def all_lines(lake: Lake) -> tuple[Counter[str], Counter[str]]:
    """Return the lines in bronze and in the landing folder."""
    return bronze_lines(lake), landed_lines(lake.settings.landing)


def forgotten(lake: Lake, kind: Sequence[str], *users: int) -> tuple[Forgotten, list[str]]:
    """Forget users and build resources of a kind; return what was removed and what models log."""
    messages: list[str] = []

    def build_all() -> str:
        return build(lake.settings, kind, on_log=messages.append)

    return forget(lake.spark, lake.settings, users, build_all), messages


def all_rows(lake: Lake) -> dict[str, str]:
    """Return the rows of all tables of the lakehouse as texts, by `schema.name`."""
    folders = filter(is_table, lake.settings.lakehouse.glob("*/*"))
    return {
        f"{folder.parent.name}.{folder.name}": repr(
            DeltaTable(folder).to_pyarrow_table().to_pylist()
        )
        for folder in folders
    }


def commits(lake: Lake) -> str:
    """Return the logs of the bronze tables."""
    bronze = lake.settings.lakehouse / "bronze"
    return "".join(path.read_text() for path in sorted(bronze.glob("*/_delta_log/*.json")))


def test_a_person_is_gone_from_every_table_and_the_others_are_as_before(planted: Planted) -> None:
    lake, done = planted.lake, planted.done
    assert not [table for table in PLANTED if str(THEY) not in planted.before[table]]
    assert str(STRANGER) in planted.before["silver.quarantine"]
    assert not compared_whole(planted.messages)

    # No row of theirs is anywhere.
    rows = all_rows(lake)
    words = (str(THEY), str(STRANGER), "Åsa", "Anna")
    assert not [(table, word) for table, row in rows.items() for word in words if word in row]
    assert not any(word in commits(lake) for word in (*words, str(DEVICE), MAC))

    # Of the others' lines each is there, in bronze and in the files.
    theirs = Counter(2 * [line for lines in THEIRS.values() for line in lines])
    assert all_lines(lake) == tuple(lines - theirs for lines in planted.lines)
    measured = [row["user_id"] for row in lake.rows("silver.heart_rate")]
    assert [user for user in measured if user in USERS] == 12 * [OTHER]
    macs = {row["mac_address"] for row in lake.rows("silver.gym_logs")}
    assert macs & {MAC, OTHERS_MAC} == {MAC, OTHERS_MAC}
    assert not lake.differences()

    # Snapshots, failures and developers' tables.
    users = {row["user_id"] for row in lake.rows("snapshots.user_profile_snapshot")}
    assert users & USERS == {OTHER}
    assert (len(lake.rows("failures.theirs")), len(lake.rows("failures.others"))) == (0, 1)
    assert "dev_anna_silver.users" not in rows
    assert not lake.spark.catalog.tableExists("dev_anna_silver.users")
    assert "dev_anna_silver.gyms" in rows

    # What it says it did.
    assert sum(done.lines.values()) == sum(done.rows.values()) == theirs.total()
    assert done.leftovers == {
        "snapshots.user_profile_snapshot": "1 rows removed",
        "failures.theirs": "emptied",
        "dev_anna_silver.users": "dropped",
    }
    assert not done.problems


@pytest.mark.slow
def test_forgetting_again_changes_nothing_and_all_tables_equal_a_full_refresh(
    planted: Planted,
) -> None:
    lake = planted.lake
    names = [f"bronze.{path.name}" for path in (lake.settings.lakehouse / "bronze").iterdir()]
    versions = {table: lake.version(table) for table in names}
    again, messages = forgotten(lake, EVERYDAY, THEY)
    assert (again.lines, again.rows, again.leftovers) == ({}, {}, {})
    assert {table: lake.version(table) for table in names} == versions
    assert not compared_whole(messages)

    before = lake.contents()
    lake.build("--full-refresh")
    assert not differences(lake.contents(), before)


@pytest.mark.slow
def test_their_lines_that_land_later_are_refused_and_removed_by_the_next_run(
    planted: Planted,
) -> None:
    lake = planted.lake
    before = bronze_lines(lake)
    write_feeds(lake, "replayed", THEIRS)
    assert lake.ingest() == {}
    assert bronze_lines(lake) == before
    again, _ = forgotten(lake, EVERYDAY, THEY)
    assert sum(again.lines.values()) == sum(len(lines) for lines in THEIRS.values())
    assert again.rows == {}
