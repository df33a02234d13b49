"""A search finds a person in every kind of place, each alone."""

import bz2
import gzip
import json
from collections.abc import Callable

import pytest
from deltalake import DeltaTable

from fitness.privacy.scan import NOT_SEARCHED, scan
from python_ingest.settings import Settings
from tests.python.unit.passed_on import (
    DEVICE,
    HANDOVER,
    LONG,
    MAC,
    NAME,
    OTHER,
    RECORD,
    STREET,
    USER,
    append,
    bronze_reading,
    commit,
    did,
    message,
    quarantined,
    reading,
    removed_file,
    workout,
    write,
    write_parquet,
)

Places = set[tuple[str, str]]


def places(settings: Settings, with_names: bool = False) -> Places:
    """Return where the person is found."""
    found = scan(settings, RECORD, [USER], with_names)
    return {(each.kind, "" if each.kind == NOT_SEARCHED else each.where) for each in found}


def in_predicate(s: Settings) -> None:
    predicate = json.dumps([f"(user_id#41L = {USER})"])
    folder = s.lakehouse / "silver" / "users"
    commit(folder, did("DELETE", operationParameters={"predicate": predicate}))


def in_user_metadata(s: Settings) -> None:
    folder = s.lakehouse / "silver" / "users"
    commit(folder, did("WRITE", userMetadata=f"without users (12, {LONG})"))


def in_old_statistics(s: Settings) -> None:
    folder = s.lakehouse / "silver" / "users"
    commit(folder, *removed_file(user_id=USER, device_id=4), did("WRITE"))


def in_checkpoint(s: Settings) -> None:
    folder = append(s, "silver.workouts", {"user_id": USER, "workout_id": 1})
    DeltaTable(folder).create_checkpoint()
    for file in [*folder.glob("*.parquet"), *folder.glob("_delta_log/*.json")]:
        file.unlink()


def in_partition(s: Settings) -> None:
    append(s, "silver.by_user", {"user_id": USER, "at": 1}, by="user_id")


def in_orphan(s: Settings) -> None:
    write_parquet(s.lakehouse / "bronze" / "heart_rate_bz" / "part-0.parquet", bronze_reading(1.0))


def in_change_file(s: Settings) -> None:
    changed = {"user_id": USER, "device_id": DEVICE, "_change_type": "delete"}
    write_parquet(s.lakehouse / "silver" / "users" / "_change_data" / "cdc-0.parquet", changed)


def in_footer(s: Settings) -> None:
    path = s.lakehouse / "silver" / "users" / "part-0.parquet"
    write_parquet(path, {"user_id": USER})
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36  # The pages cannot be read any more.
    path.write_bytes(content)


def in_log_of_damaged_file(s: Settings) -> None:
    folder = s.lakehouse / "bronze" / "heart_rate_bz"
    write(folder / "gone.parquet", b"PAR1")
    commit(folder, *removed_file(device_id=DEVICE, time=1.0), did("WRITE"))


def in_row_of_another(s: Settings) -> None:
    append(s, "failures.x", {"user_id": OTHER, "note": "was user 12"})


def in_column_of_names(s: Settings) -> None:
    append(s, "failures.x", {"user": f"of device {DEVICE}"})


def beside_another(s: Settings) -> None:
    own = {"user_id": USER, "note": ""}
    append(s, "failures.x", own, {"user_id": OTHER, "note": f"device {DEVICE}"})


def in_metadata(s: Settings) -> None:
    write_parquet(s.lakehouse / "silver" / "users" / "part-0.parquet", {"a": 1}, user_id="12")


def in_quarantined_csv(s: Settings) -> None:
    append(s, "silver.quarantine", quarantined("registered_users_bz", "malformed", "12,8"))


def in_quarantined_visit(s: Settings) -> None:
    raw = f"{MAC},3,{HANDOVER - 9},"
    record = {"mac_address": MAC, "login": HANDOVER - 9}
    append(s, "silver.quarantine", quarantined("gym_logins_bz", "unknown_mac", raw, record))


def in_unrouted(s: Settings) -> None:
    append(s, "bronze.unrouted_bz", {"_is_malformed": True, "_raw": '{"user_id": 12, "cut'})


def in_malformed(s: Settings) -> None:
    row = {"user_id": None, "device_id": None, "_is_malformed": True, "_raw": "12;8"}
    write_parquet(s.lakehouse / "bronze" / "registered_users_bz" / "part-0.parquet", row)


def in_list(s: Settings) -> None:
    append(s, "failures.some_test", {"members": [{"user_id": USER}]})


def in_unnamed_column(s: Settings) -> None:
    append(s, "failures.relationships_x", {"from_field": LONG})


def lines(path: str, *content: str) -> Callable[[Settings], None]:
    return lambda s: write(s.lakehouse.parent / path, "\n".join(content))


def packed(path: str, pack: Callable[[bytes], bytes], content: str) -> Callable[[Settings], None]:
    return lambda s: write(s.lakehouse.parent / path, pack(content.encode()))


LOGGED = "where (user_id, workout_id) in (\n    select * from values (13L, 1L), (12L, 2L)\n)"
CSV = f"device_id,user_id,mac_address,registration_timestamp\n7,12,{MAC},{HANDOVER - 9}\n"
POSITION = json.dumps({"skipped": {"device_id": DEVICE, "time": HANDOVER - 1}}, indent=1)
USER_ID, STATISTICS = ("user id", "user_id"), ("user id", "statistics")
PLANTED: dict[str, tuple[Callable[[Settings], None], Places]] = {
    "landed line": (
        lines("landing/kafka_multiplex_bz/1.json", workout(OTHER), workout(USER)),
        {("user id", "value.user_id")},
    ),
    "reading in their time": (
        lines("landing/kafka_multiplex_bz/1.json", reading(HANDOVER - 1)),
        {("device", "value.device_id")},
    ),
    "object as a value": (
        lines("landing/kafka_multiplex_bz/1.json", message("workout", False, user_id=USER)),
        {("user id", "value.user_id")},
    ),
    "malformed line": (
        lines("landing/kafka_multiplex_bz/1.json", workout(USER)[:60]),
        {("user id", "text")},
    ),
    "landed csv": (
        lines("landing/registered_users_bz/1.csv", CSV),
        {USER_ID, ("device", "device_id"), ("mac address", "mac_address")},
    ),
    "malformed csv": (
        lines("landing/registered_users_bz/1.csv", "user_id,device_id\n12"),
        {("user id", "text")},
    ),
    "csv of no feed": (lines("lake house ü/members.csv", "note,user_id\nx,12"), {USER_ID}),
    "gzip in the archive": (
        packed("archive/kafka_multiplex_bz/1.json.gz.again", gzip.compress, workout(USER)),
        {("user id", "value.user_id")},
    ),
    "bzip2": (
        packed("archive/registered_users_bz/1.csv.bz2", bz2.compress, CSV),
        {USER_ID, ("device", "device_id"), ("mac address", "mac_address")},
    ),
    "log": (lines("logs/spark.log", "INFO user 13", "WARN Lost user 12."), {("user id", "text")}),
    "sql in a log": (lines("logs/dbt.log.1", LOGGED), {("user id", "text")}),
    "compiled sql": (
        lines("target/compiled/fitness/models/gold/days.sql", LOGGED),
        {("user id", "text")},
    ),
    "results of dbt": (
        lines("target/run_results.json", json.dumps({"results": [{"compiled_code": LOGGED}]})),
        {("user id", "results.compiled_code")},
    ),
    "device in a log": (lines("logs/x", "device_id in (6L, 7L)"), {("device", "text")}),
    "mac in a log": (lines("logs/x", f"seen: {MAC}, gone"), {("mac address", "text")}),
    "log of builds": (
        lines("lake house ü/build_log/1.jsonl", '{"failures": {"t": "user_id=12"}}'),
        {("user id", "failures.t")},
    ),
    "position": (
        lines("lake house ü/positions/x.json", POSITION),
        {("device", "skipped.device_id")},
    ),
    "checkpoint of a stream": (
        lines("lake house ü/checkpoints/x/sources/0/1", 'v1\n{"path":"file:/x/user_12.json"}'),
        {("user id", "path")},
    ),
    "metastore": (
        packed("lake house ü/metastore/seg0/c1.dat", bytes, "\0user_id=13\0\1device=7\0"),
        {("device", "text")},
    ),
    "file name": (lines("landing/exports/user_12.txt", "x"), {("user id", "file name")}),
    "long id": (lines("logs/x", f"worker {LONG} is slow"), {("device", "text")}),
    "predicate": (in_predicate, {("user id", "commitInfo.operationParameters.predicate")}),
    "metadata of a commit": (in_user_metadata, {("device", "commitInfo.userMetadata")}),
    "statistics of a file that is gone": (in_old_statistics, {STATISTICS}),
    "statistics in a checkpoint": (in_checkpoint, {STATISTICS}),
    "partition": (
        in_partition,
        {
            ("user id", "file name"),
            ("user id", "add.path"),
            ("user id", "add.partitionValues.user_id"),
        },
    ),
    "orphan": (
        in_orphan,
        {("device", "device_id"), ("device", "_raw"), ("device", "statistics")},
    ),
    "change file": (
        in_change_file,
        {USER_ID, ("device", "device_id"), STATISTICS, ("device", "statistics")},
    ),
    "footer": (in_footer, {STATISTICS, (NOT_SEARCHED, "")}),
    "log of a damaged file": (
        in_log_of_damaged_file,
        {("device", "statistics"), (NOT_SEARCHED, "")},
    ),
    "row of another user": (
        in_row_of_another,
        {("user id", "note"), ("user id", "statistics")},
    ),
    "column of names": (in_column_of_names, {("device", "user"), ("device", "statistics")}),
    "beside another user": (beside_another, {USER_ID, STATISTICS}),
    "metadata of a file": (in_metadata, {("user id", "metadata")}),
    "quarantined csv": (in_quarantined_csv, {("user id", "raw")}),
    "quarantined visit": (
        in_quarantined_visit,
        {("mac address", where) for where in ("raw", "_record", "statistics")},
    ),
    "unrouted": (in_unrouted, {("user id", "_raw"), STATISTICS}),
    "malformed row": (in_malformed, {("user id", "_raw")}),
    "list": (in_list, {("user id", "members")}),
    "column of another name": (
        in_unnamed_column,
        {("device", "from_field"), ("device", "statistics")},
    ),
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_person_is_found_in(place: str, settings: Settings) -> None:
    plant, expected = PLANTED[place]
    plant(settings)
    assert places(settings) == expected


NAMED: dict[str, tuple[Callable[[Settings], None], Places]] = {
    "profile": (
        lambda s: write_parquet(
            s.lakehouse / "dev_x_silver" / "part-0.parquet", {"first_name": NAME, "zip": "12"}
        ),
        {("name", "first_name"), ("name", "statistics")},
    ),
    "nested address": (
        lambda s: write_parquet(s.lakehouse / "a.parquet", {"address": {"street_address": STREET}}),
        {("address", "address.street_address"), ("address", "statistics")},
    ),
    "escaped text": (lines("logs/x", r"{\"of\": \"\u0041nnabel\""), {("name", "text")}),
    "street in a text": (lines("logs/x", f'lives "{STREET}"'), {("address", "text")}),
}


@pytest.mark.parametrize("place", NAMED)
def test_names_and_streets_are_found_if_asked_for(place: str, settings: Settings) -> None:
    plant, expected = NAMED[place]
    plant(settings)
    assert places(settings, with_names=True) == expected
    assert places(settings) == set()
