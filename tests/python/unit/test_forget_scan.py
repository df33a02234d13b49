"""A search tells a person from others who are similar, and when what is found will be gone."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fitness.privacy.scan import NOT_SEARCHED, Finding, scan
from python_ingest.errors import FitnessError
from python_ingest.settings import Settings
from python_ingest.suppression import Span
from tests.python.unit.passed_on import (
    DEVICE,
    HANDOVER,
    LONG,
    MAC,
    NAME,
    OTHER,
    RECORD,
    USER,
    append,
    bronze_reading,
    commit,
    did,
    message,
    removed_file,
    visit,
    workout,
    write,
    write_parquet,
)


def found_in(settings: Settings, with_names: bool = False) -> list[Finding]:
    return scan(settings, RECORD, [USER], with_names)


def places(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(each.kind, each.where) for each in findings}


def test_nothing_is_found_of_a_person_who_is_gone(settings: Settings) -> None:
    assert found_in(settings) == []


def test_names_of_somebody_else_are_not_the_persons(settings: Settings) -> None:
    assert found_in(settings, with_names=True) == []


@pytest.mark.parametrize(("seconds", "is_theirs"), [(-1e-6, True), (0.0, False), (None, True)])
def test_a_device_is_theirs_until_the_handover_or_if_the_time_is_unknown(
    seconds: float | None, is_theirs: bool, settings: Settings
) -> None:
    time = None if seconds is None else HANDOVER + seconds
    row = {"device_id": DEVICE, "time": time, "_raw": ""}
    write_parquet(settings.lakehouse / "bronze" / "heart_rate_bz" / "part-0.parquet", row)
    line = message("bpm", device_id=DEVICE, time=time)
    write(settings.landing / "kafka_multiplex_bz" / "1.json", line)
    expected = {("device", at) for at in ("device_id", "statistics", "value.device_id")}
    assert places(found_in(settings)) == (expected if is_theirs else set())


@pytest.mark.parametrize(("time", "is_theirs"), [(HANDOVER - 9, True), (HANDOVER, False)])
def test_statistics_of_a_file_that_is_gone_are_judged_by_its_times(
    time: float, is_theirs: bool, settings: Settings
) -> None:
    folder = settings.lakehouse / "bronze" / "heart_rate_bz"
    commit(folder, *removed_file(device_id=DEVICE, time=time), did("WRITE"))
    assert places(found_in(settings)) == ({("device", "statistics")} if is_theirs else set())


def test_statistics_of_a_file_of_another_user_are_not_theirs(settings: Settings) -> None:
    folder = settings.lakehouse / "silver" / "users"
    commit(folder, *removed_file(user_id=OTHER, device_id=DEVICE), did("WRITE"))
    assert found_in(settings) == []


def test_before_they_are_forgotten_the_registrations_tell_what_is_theirs(
    settings: Settings,
) -> None:
    registration = {"device_id": DEVICE, "mac_address": MAC, "registration_timestamp": 5.0}
    append(settings, "bronze.registered_users_bz", {"user_id": USER, **registration})
    append(settings, "bronze.heart_rate_bz", bronze_reading(HANDOVER - 1), bronze_reading(1.0))
    append(settings, "bronze.gym_logins_bz", visit(HANDOVER - 1))
    found = scan(settings, None, [USER], with_names=False)
    rows = {
        (each.path.parent.name, each.where): each.count
        for each in found
        if each.path.parent.parent.name == "bronze" and each.where != "statistics"
    }
    assert rows == {
        ("registered_users_bz", "user_id"): 1,
        ("registered_users_bz", "device_id"): 1,
        ("registered_users_bz", "mac_address"): 1,
        ("heart_rate_bz", "device_id"): 2,
        ("heart_rate_bz", "_raw"): 2,
        ("gym_logins_bz", "mac_address"): 1,
        ("gym_logins_bz", "_raw"): 1,
    }


def test_a_device_known_by_its_hash_only_is_free_once_another_user_registers_it(
    settings: Settings,
) -> None:
    record = RECORD.forget([("device", 99, Span())])
    append(settings, "bronze.heart_rate_bz", bronze_reading(5.0, 99), bronze_reading(10.0, 99))
    newcomer = {"user_id": OTHER, "device_id": 99, "mac_address": "m"}
    append(settings, "bronze.registered_users_bz", {**newcomer, "registration_timestamp": 10.0})
    found = scan(settings, record, [USER], with_names=False)
    counts = {each.where: each.count for each in found if each.path.suffix == ".parquet"}
    assert counts.pop("statistics")
    assert counts == {"device_id": 1, "_raw": 1}


def test_it_is_said_when_what_a_table_dropped_will_be_gone(settings: Settings) -> None:
    folder = settings.lakehouse / "bronze" / "heart_rate_bz"
    write_parquet(folder / "part-0.parquet", bronze_reading(1.0))
    commit(folder, did("DELETE", operationParameters={"predicate": "(user_id#41L = 12)"}))
    append(settings, "silver.workouts", {"user_id": USER})
    append(settings, "silver.by_city", {"user_id": USER, "city": "San José"}, by="city")
    changes = settings.lakehouse / "silver" / "users" / "_change_data"
    write_parquet(changes / "cdc-0.parquet", {"user_id": USER})
    day = datetime(2026, 3, 4, 5, tzinfo=UTC)
    for path in settings.lakehouse.rglob("*"):
        os.utime(path, (day.timestamp(), day.timestamp()))
    times = {
        each.path.parent.relative_to(settings.lakehouse).as_posix(): each.gone_when
        for each in found_in(settings)
    }
    at_once = "on, or at once by --purge"
    assert times == {
        "bronze/heart_rate_bz": f"after `fitness maintain`, from 2026-03-12 {at_once}",
        "bronze/heart_rate_bz/_delta_log": f"after `fitness maintain`, from 2026-03-13 {at_once}",
        "silver/users/_change_data": f"after `fitness maintain`, from 2026-03-12 {at_once}",
        "silver/by_city/city=San%20Jos%C3%A9": None,
        "silver/by_city/_delta_log": None,
        "silver/workouts": None,
        "silver/workouts/_delta_log": None,
    }


def test_what_can_be_read_of_a_damaged_file_is_searched_and_the_rest_is_reported(
    settings: Settings,
) -> None:
    folder = settings.landing / "kafka_multiplex_bz"
    whole = gzip.compress(workout(USER).encode() + b"\n" + os.urandom(99_999))
    write(folder / "cut.json.gz", whole[: len(whole) // 2])
    write(folder / "1.json.zip", b"PK\3\4" + workout(USER).encode())
    write(settings.lakehouse / "silver" / "users" / "part-9.parquet", b"PAR1\nuser_id=12")
    found = {(each.path.name, each.kind) for each in found_in(settings)}
    assert found == {
        ("cut.json.gz", "user id"),
        ("cut.json.gz", NOT_SEARCHED),
        ("1.json.zip", NOT_SEARCHED),
        ("part-9.parquet", "user id"),
        ("part-9.parquet", NOT_SEARCHED),
    }


def test_many_people_are_looked_for_at_once(settings: Settings) -> None:
    members = [f"member: {LONG + each}" for each in range(0, 200, 2)]
    write(settings.landing / "x.log", "\n".join(members))
    [found] = scan(settings, None, range(LONG, LONG + 100), with_names=False)
    assert found.count == 50


def test_findings_tell_no_identifier(settings: Settings) -> None:
    write(settings.landing / "x.log", f"{NAME}, {MAC}, member: {LONG}")
    append(settings, "silver.workouts", {"user_id": LONG, "mac_address": MAC, "first_name": NAME})
    write(settings.lakehouse / "silver" / "workouts" / "part-9.parquet", b"PAR1")
    found = "\n".join(map(str, scan(settings, RECORD, [LONG], with_names=True)))
    assert all(f": {kind} in text, 1 times; stays" in found for kind in ("name", "user id"))
    assert not any(text in found for text in (MAC, NAME, str(LONG)))


def test_files_are_found_by_links_and_once(settings: Settings) -> None:
    elsewhere = settings.lakehouse.parent / "elsewhere"
    write(elsewhere / "1.json", workout(USER))
    (settings.landing / "link").symlink_to(elsewhere)
    (elsewhere / "again").symlink_to(settings.landing)
    (settings.lakehouse.parent / "archive").symlink_to(elsewhere)
    assert [each.count for each in found_in(settings)] == [1]


def test_on_databricks_the_files_are_elsewhere(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "a", tmp_path / "b", target="databricks", catalog="fitness")
    with pytest.raises(FitnessError, match="Unity Catalog"):
        scan(settings, None, [USER], with_names=False)
