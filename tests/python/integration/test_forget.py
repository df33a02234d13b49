"""A person is gone from every table after `fitness forget`, and everybody else is as before."""

import json
from dataclasses import dataclass

import pytest
from deltalake import DeltaTable

from fitness.build import build
from fitness.dbt_arguments import EVERYDAY
from fitness.privacy.forget import Forgotten, forget
from fitness.privacy.people import find_people
from python_ingest.tables import is_table
from tests.python.lake import Lake, bronze_lines, compared_whole, differences, landed_lines
from tests.python.lines import message, workout
from tests.python.reference import tables
from tests.python.stories import Ids
from tests.python.worlds import world_from_seed

pytestmark = pytest.mark.usefixtures("secret")

THEY, STRANGER, OTHER = 7000007, 9000009, 8000008  # the stranger has not registered
DEVICE, OTHERS_DEVICE = 7700077, 8800088  # the first is passed on, as the mac address is
MAC, OTHERS_MAC = "aa:07", "aa:08"
FROM, HANDOVER = 1767657600, 1767700000
REGISTRATIONS, VISITS, MULTIPLEX = "registered_users_bz", "gym_logins_bz", "kafka_multiplex_bz"


def profile(user: int, at: float, name: str) -> str:
    address = {"street_address": f"1 {name} Street", "city": "Oslo"}
    event = {"user_id": user, "update_type": "update", "timestamp": at, "dob": "01/05/1990"}
    return message("user_info", {**event, "first_name": name, "address": address})


def readings(device: int, start: float) -> list[str]:
    values = [
        {"device_id": device, "time": start + second, "heartrate": 90}
        for second in range(0, 60, 10)
    ]
    # Every other one as text.
    return [message("bpm", v if n % 2 else json.dumps(v)) for n, v in enumerate(values)]


THEIRS = {
    REGISTRATIONS: [
        f"{THEY},{DEVICE},{MAC},{FROM}",
        f"{THEY},{DEVICE}",
        f"x,{DEVICE},aa:09,{FROM}",
    ],
    VISITS: [
        f"{MAC},1,{FROM},{FROM + 3600}",
        f"{MAC},1,{HANDOVER - 0.5},",
        f"{MAC},1,{FROM},x,y",
    ],
    MULTIPLEX: [
        profile(THEY, FROM, "Åsa"),
        profile(THEY, FROM + 60, "Anna"),
        *workout(THEY, FROM + 60),
        *workout(STRANGER, FROM + 60),
        *readings(DEVICE, FROM + 60),
        message("bpm", {"device_id": DEVICE, "time": None, "heartrate": 90}),
        f'{{"topic":"workout","value":{{"user_id":{THEY}',
        message("weather", {"user_id": THEY}),
        message("workout", {"user_id": str(THEY), "workout_id": 2}),
    ],
}
OTHERS = {
    REGISTRATIONS: [
        f"{OTHER},{OTHERS_DEVICE},{OTHERS_MAC},{FROM}",
        f"{OTHER},{DEVICE},{MAC},{HANDOVER}",
        f"{OTHER},{OTHERS_DEVICE}",
    ],
    VISITS: [
        f"{MAC},1,{HANDOVER},{HANDOVER + 3600}",
        f"{OTHERS_MAC},1,{FROM},",
        "ff:ff,1,5,6",
    ],
    MULTIPLEX: [
        profile(OTHER, FROM, "Bo"),
        *workout(OTHER, HANDOVER + 60),
        *readings(DEVICE, HANDOVER),
        *readings(OTHERS_DEVICE, FROM + 60),
        message("bpm", {"device_id": 99, "time": FROM, "heartrate": 90}),
        message("weather", {"user_id": OTHER}),
        '{"topic":"workout","value":{"user_id":8',
    ],
}
# Of each kind of table, some that have the person.
PLANTED = (
    *("bronze.registered_users_bz", "bronze.user_info_bz", "bronze.unrouted_bz"),
    *("silver.quarantine", "silver.heart_rate", "silver.user_profile_history"),
    *("gold.workout_bpm_summary", "gold.training_days"),
    *("snapshots.user_profile_snapshot", "failures.theirs", "dev_anna_silver.users"),
)
HEADERS = {
    REGISTRATIONS: ["user_id,device_id,mac_address,registration_timestamp"],
    VISITS: ["mac_address,gym,login,logout"],
    MULTIPLEX: [],
}


@dataclass(frozen=True)
class Planted:
    """A lakehouse from which two people were forgotten, and what was seen before and by it."""

    lake: Lake
    before: dict[str, str]
    done: Forgotten
    messages: list[str]


@pytest.fixture(scope="module")
def planted(warm_lake: Lake, secret: None) -> Planted:
    """Build a lakehouse with the person in every kind of table, and forget them."""
    lake = warm_lake
    lake.empty()
    for folder, header in HEADERS.items():
        suffix = "csv" if header else "json"
        mixed = [*header, *THEIRS[folder], *OTHERS[folder]]
        lake.write_lines(f"{folder}/mixed.{suffix}", *mixed)
        lake.write_lines(f"{folder}/theirs.{suffix}", *header, *THEIRS[folder])
    lake.ingest()
    lake.build_and_test()
    for schema in ("dev_anna_silver", "failures"):
        lake.spark.sql(f"create schema if not exists {schema} location '{schema}'")
    lake.spark.sql("create table dev_anna_silver.users using delta as select * from silver.users")
    lake.spark.sql("create table dev_anna_silver.gyms using delta as select 1 as gym")
    for name, user in (("theirs", THEY), ("others", OTHER)):
        row = f"select '{user}' as unique_field, 2 as n_records"
        lake.spark.sql(f"create table failures.{name} using delta as {row}")
    before = all_rows(lake)
    return Planted(lake, before, *forgotten(lake, THEY, STRANGER))


def forgotten(lake: Lake, *users: int) -> tuple[Forgotten, list[str]]:
    """Forget users; return what was removed, and what the models logged in the build."""
    messages: list[str] = []

    def build_all() -> str:
        return build(lake.settings, EVERYDAY, on_log=messages.append)

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
    mixed = [line for lines in OTHERS.values() for line in lines]
    assert sorted(bronze_lines(lake).elements()) == sorted(mixed)
    assert bronze_lines(lake) == landed_lines(lake.settings.landing)
    assert {row["user_id"] for row in lake.rows("silver.heart_rate")} == {OTHER}
    assert len(lake.rows("silver.heart_rate")) == 12
    assert {row["mac_address"] for row in lake.rows("silver.gym_logs")} == {MAC, OTHERS_MAC}
    assert not lake.differences()

    # Snapshots, failures and developers' tables.
    users = {row["user_id"] for row in lake.rows("snapshots.user_profile_snapshot")}
    assert users == {OTHER}
    assert (len(lake.rows("failures.theirs")), len(lake.rows("failures.others"))) == (0, 1)
    assert "dev_anna_silver.users" not in rows
    assert not lake.spark.catalog.tableExists("dev_anna_silver.users")
    assert "dev_anna_silver.gyms" in rows

    # What it says it did.
    removed = sum(len(lines) for lines in THEIRS.values())
    assert sum(done.lines.values()) == sum(done.rows.values()) == 2 * removed
    assert done.leftovers == {
        "snapshots.user_profile_snapshot": "1 rows removed",
        "failures.theirs": "emptied",
        "dev_anna_silver.users": "dropped",
    }
    assert not done.problems


def test_forgetting_again_changes_nothing_and_all_tables_equal_a_full_refresh(
    planted: Planted,
) -> None:
    lake = planted.lake
    names = [f"bronze.{path.name}" for path in (lake.settings.lakehouse / "bronze").iterdir()]
    versions = {table: lake.version(table) for table in names}
    again, messages = forgotten(lake, THEY)
    assert (again.lines, again.rows, again.leftovers) == ({}, {}, {})
    assert {table: lake.version(table) for table in names} == versions
    assert not compared_whole(messages)

    before = lake.contents()
    lake.build("--full-refresh")
    assert not differences(lake.contents(), before)


def test_their_lines_that_land_later_are_refused_and_removed_by_the_next_run(
    planted: Planted,
) -> None:
    lake = planted.lake
    before = bronze_lines(lake)
    for folder, header in HEADERS.items():
        suffix = "csv" if header else "json"
        lake.write_lines(f"{folder}/replayed.{suffix}", *header, *THEIRS[folder])
    assert lake.ingest() == {}
    assert bronze_lines(lake) == before
    again, _ = forgotten(lake, THEY)
    assert sum(again.lines.values()) == sum(len(lines) for lines in THEIRS.values())
    assert again.rows == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [6, 7])
def test_in_a_random_world_all_tables_are_as_if_the_person_had_never_been(
    lake: Lake, seed: int
) -> None:
    world_from_seed(seed).write_all(lake.settings.landing)
    lake.ingest()
    lake.build_and_test()
    person = find_people(lake.settings, Ids(seed).users)[0]
    done, messages = forgotten(lake, person.user_id)
    assert sum(done.rows.values()) > 0
    assert not compared_whole(messages)
    after = lake.contents()
    # From the lines that are left in the landing folder, and from those that are left in bronze.
    assert not differences(tables(lake.settings.landing), after)
    lake.build("--full-refresh")
    assert not differences(lake.contents(), after)
