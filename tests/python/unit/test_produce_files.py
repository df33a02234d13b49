"""The files of an invented gym are as the landing contract says."""

import json
import tracemalloc
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from fitness.samples import records
from fitness.samples.people import DAY, person
from fitness.samples.produce import ProducedCounts, World, produce
from fitness.samples.rows import Readings
from fitness.samples.world import BATCH, in_order_of_time
from tests.python.unit.produced_files import (
    EVENT_KEYS,
    PROFILE,
    SMALL,
    contents,
    event_time,
    lines,
    payloads,
    rows,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ProducedCounts]:
    out = tmp_path_factory.mktemp("landing")
    return out, produce(SMALL, out)


def test_the_same_world_gives_the_same_bytes(
    made: tuple[Path, ProducedCounts], tmp_path: Path
) -> None:
    out, counts = made
    assert produce(SMALL, tmp_path) == counts
    assert contents(tmp_path) == contents(out)


@pytest.mark.parametrize("change", [{"seed": 1}, {"users": 31}, {"late_share": 0.02}])
def test_another_world_never_replaces_the_files_of_the_first(
    made: tuple[Path, ProducedCounts], tmp_path: Path, change: dict[str, Any]
) -> None:
    produce(replace(SMALL, **change), tmp_path)
    assert not contents(tmp_path).keys() & contents(made[0]).keys()


def test_a_later_world_of_the_seed_has_the_same_users_and_other_readings(
    made: tuple[Path, ProducedCounts], tmp_path: Path
) -> None:
    later = replace(SMALL, start=datetime(2026, 1, 7, tzinfo=UTC), days=1)
    produce(later, tmp_path)

    def users(out: Path) -> set[str]:
        return {row["user_id"] for row in rows(out, records.REGISTERED_USERS)}

    def instants(out: Path) -> set[tuple[int, int]]:
        return {(v["device_id"], v["time"]) for v in payloads(out, records.BPM)}

    assert users(tmp_path) == users(made[0])
    assert not instants(tmp_path) & instants(made[0])


def test_every_line_is_as_the_contract_says(made: tuple[Path, ProducedCounts]) -> None:
    for _, line in lines(made[0]):
        assert line.keys() == {"key", "value", "topic", "partition", "offset", "timestamp"}
        value = line["value"]
        for name in {"user_id", "device_id"} & value.keys():
            assert type(value[name]) is int
            assert 0 < value[name] < 2**63
            assert line["key"] == str(value[name])
        if line["topic"] == records.USER_INFO:
            assert value["update_type"] in {"new", "update", "delete"}
            rest = value.keys() - {"user_id", "update_type", "timestamp"}
            assert rest == PROFILE or (value["update_type"] == "delete" and not rest)
            if rest:
                datetime.strptime(value["dob"], "%m/%d/%Y").replace(tzinfo=UTC)
                assert value["address"].keys() == {"street_address", "city", "state", "zip"}
        else:
            assert value.keys() == EVENT_KEYS[line["topic"]]


def test_offsets_count_the_lines_of_a_file(made: tuple[Path, ProducedCounts]) -> None:
    offsets = defaultdict(list)
    for piece, line in lines(made[0]):
        offsets[piece].append(line["offset"])
    assert all(found == list(range(len(found))) for found in offsets.values())


def test_readings_are_written_as_multiplex_line_would() -> None:
    for is_text in (True, False):
        batch = Readings(2**63 - 1, 1_767_571_200, bytes([80, 255]), is_text, 7)
        values = [
            {"device_id": batch.device_id, "time": batch.first + i, "heartrate": bpm}
            for i, bpm in enumerate(batch.rates)
        ]
        assert batch.lines(5) == "".join(
            records.multiplex_line(
                records.BPM,
                records.json_text(value) if is_text else value,
                key=str(batch.device_id),
                partition=batch.device_id % 8,
                offset=5 + i,
                timestamp=batch.first + i + 0.007,
            )
            for i, value in enumerate(values)
        )


def test_values_are_mostly_json_text_and_profiles_objects(
    made: tuple[Path, ProducedCounts],
) -> None:
    kinds: Counter[tuple[str, type]] = Counter()
    for path in (made[0] / records.MULTIPLEX).iterdir():
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            kinds[line["topic"], type(line["value"])] += 1
    assert kinds[records.USER_INFO, str] == 0
    for topic in (records.BPM, records.WORKOUT):
        assert 0 < kinds[topic, dict] < kinds[topic, str]


def test_the_counts_are_what_landed(made: tuple[Path, ProducedCounts]) -> None:
    out, counts = made
    found = lines(out)
    readings = payloads(out, records.BPM)
    assert counts.files == SMALL.files == len({piece for piece, _ in found})
    assert counts.readings == len(readings) == 30_000
    assert counts.readings == len({(v["device_id"], v["time"]) for v in readings})
    assert counts.invalid_readings == sum(v["heartrate"] in (0, 255) for v in readings) > 0
    assert counts.workouts == len(payloads(out, records.WORKOUT))
    assert counts.user_info == len(payloads(out, records.USER_INFO))
    sent_once = 0
    for folder, number in (
        (records.REGISTERED_USERS, counts.registrations),
        (records.GYM_LOGINS, counts.gym_logins),
    ):
        distinct = {tuple(row.values()) for row in rows(out, folder)}
        assert number == len(distinct)
        sent_once += number
    sent_once += counts.readings + counts.workouts + counts.user_info
    sent = len(found) + sum(len(rows(out, folder)) for folder in records.CSV_HEADERS)
    assert counts.duplicates == sent - sent_once > 0


@pytest.mark.parametrize("readings", [6, 61, 1000, 30_000])
def test_the_readings_are_shared_evenly_by_the_files(tmp_path: Path, readings: int) -> None:
    world = replace(SMALL, readings=readings, late_share=0, duplicate_share=0)
    counts = produce(world, tmp_path)
    shared = Counter(piece for piece, line in lines(tmp_path) if line["topic"] == records.BPM)
    assert sum(shared.values()) == counts.readings == readings
    assert len(shared) == world.files
    assert max(shared.values()) - min(shared.values()) <= 1


def test_the_files_are_in_order_of_time_when_nothing_is_late(tmp_path: Path) -> None:
    produce(replace(SMALL, late_share=0, duplicate_share=0), tmp_path)
    times = defaultdict(list)
    for piece, line in lines(tmp_path):
        if line["topic"] == records.BPM:
            times[piece].append(event_time(line))
    for piece in range(SMALL.files - 1):
        # A device sends its readings a batch at a time.
        assert max(times[piece]) - BATCH < min(times[piece + 1])


def test_about_the_stated_shares_are_late_and_sent_twice(tmp_path: Path) -> None:
    world = replace(SMALL, readings=100_000, late_share=0.1, duplicate_share=0.05)
    counts = produce(world, tmp_path)
    # Batches of 60 are late or sent twice as a whole: about 1,800 draws.
    assert counts.late == pytest.approx(0.1 * counts.readings, rel=0.2)
    assert counts.duplicates == pytest.approx(0.05 * counts.readings, rel=0.2)

    seen, late, latest = set(), 0, 0.0
    by_piece = defaultdict(list)
    for piece, line in lines(tmp_path):
        by_piece[piece].append(line)
    for piece in sorted(by_piece):
        for line in by_piece[piece]:
            record = (line["topic"], json.dumps(line["value"]))
            # Older than what an earlier file has; a batch may lie on the boundary of two files.
            late += record not in seen and event_time(line) < latest - BATCH
            seen.add(record)
        latest = max(event_time(line) for line in by_piece[piece])
    assert late == pytest.approx(counts.late, rel=0.02)


def test_no_file_is_missing_however_much_is_late(tmp_path: Path) -> None:
    world = World(users=1, days=1, readings=200, files=200, late_share=0.5)
    counts = produce(world, tmp_path)
    assert counts.late > 0
    assert counts.files == len(list((tmp_path / records.MULTIPLEX).iterdir())) == 200


def test_nothing_is_late_in_a_single_file(tmp_path: Path) -> None:
    assert produce(replace(SMALL, files=1, late_share=0.5), tmp_path).late == 0


def owners(out: Path, world: World) -> dict[int, list[int]]:
    """Return the users of each device, in order of registration."""
    registered = {
        (int(row["device_id"]), float(row["registration_timestamp"]), int(row["user_id"]))
        for row in rows(out, records.REGISTERED_USERS)
    }
    found = defaultdict(list)
    for device, at, user in sorted(registered):
        assert at < world.began or at == world.handover
        found[device].append(user)
    return found


@pytest.mark.parametrize(
    ("users", "days", "readings", "handovers"),
    # Users 3 and 23 hand their device on, where there is a next user: at noon, or at midnight.
    [(30, 1, 30_000, 2), (30, 2, 30_000, 2), (5, 1, 100_000, 1), (4, 1, 10_000, 0)],
)
def test_readings_during_a_workout_are_of_a_device_of_its_user(
    tmp_path: Path, users: int, days: int, readings: int, handovers: int
) -> None:
    world = World(users=users, days=days, readings=readings)
    counts = produce(world, tmp_path)
    devices = owners(tmp_path, world)
    assert sum(len(found) == 2 for found in devices.values()) == handovers
    worn = set()
    unknown = 0
    for value in payloads(tmp_path, records.BPM):
        found = devices.get(value["device_id"])
        if found:
            worn.add((found[-1 if value["time"] >= world.handover else 0], value["time"]))
        unknown += not found
    assert unknown == counts.unknown_device_readings == 30 * days

    sessions: dict[tuple[int, ...], dict[str, float]] = defaultdict(dict)
    for value in payloads(tmp_path, records.WORKOUT):
        key = (value["user_id"], value["workout_id"], value["session_id"])
        sessions[key][value["action"]] = value["timestamp"]
    assert all("start" in session for session in sessions.values())
    completed = [(key[0], s) for key, s in sessions.items() if "stop" in s]
    assert len(completed) > 0.9 * len(sessions)
    for user, session in completed:
        assert 0 < session["stop"] - session["start"] < 2 * 3600
        seconds = range(int(-(-session["start"] // 1)), int(session["stop"]))
        assert {(user, second) for second in seconds} <= worn


def test_visits_are_of_known_macs_and_an_open_one_is_closed_by_a_later_row(
    made: tuple[Path, ProducedCounts],
) -> None:
    out, counts = made
    macs = {row["mac_address"] for row in rows(out, records.REGISTERED_USERS)}
    visits = rows(out, records.GYM_LOGINS)
    closed = {(r["mac_address"], r["gym"], r["login"]) for r in visits if r["logout"]}
    still_open = {(r["mac_address"], r["gym"], r["login"]) for r in visits if not r["logout"]}
    assert still_open
    assert still_open <= closed
    assert {mac for mac, _, _ in closed} <= macs
    assert {int(gym) for _, gym, _ in closed} <= set(range(1, SMALL.gyms + 1))
    assert all(float(r["login"]) < float(r["logout"]) for r in visits if r["logout"])
    # Around most workouts (of which a session is two events), and few without.
    assert 0.3 * counts.workouts < len(closed) < 0.6 * counts.workouts


def test_profiles_begin_with_new_and_some_are_updated_or_deleted(tmp_path: Path) -> None:
    produce(World(users=100, days=2, readings=1000), tmp_path)
    kinds: Counter[str] = Counter()
    first: dict[int, tuple[float, str]] = {}
    for value in payloads(tmp_path, records.USER_INFO):
        kinds[value["update_type"]] += 1
        event = (value["timestamp"], value["update_type"])
        first[value["user_id"]] = min(first.get(value["user_id"], event), event)
    assert kinds["new"] == len(first) == 100
    assert {kind for _, kind in first.values()} == {"new"}
    assert kinds["delete"] == 4
    assert 0 < kinds["update"] < 20


def test_the_heart_rises_from_rest_through_exercise_and_recovers() -> None:
    world = World(users=1, days=1, readings=2400, seed=3)
    user = person(world.seed, 0)
    batches = [b for b in in_order_of_time(world) if isinstance(b, Readings)]
    stretches: dict[int, list[int]] = defaultdict(list)
    for batch in batches:
        if batch.device_id == user.device_id:
            stretches[batch.first // (DAY // 2)].extend(batch.rates)
    for rates in stretches.values():
        valid = [rate for rate in rates if rate not in (0, 255)]
        assert all(user.resting_bpm <= rate <= user.highest_bpm + 4 for rate in valid)
        third = len(valid) // 3
        assert mean(valid[:60]) + 20 < mean(valid[third : 2 * third]) > mean(valid[-30:]) + 20
        changes = [abs(b - a) for a, b in pairwise(valid)]
        assert max(changes) <= 8


def test_memory_does_not_grow_with_the_readings(tmp_path: Path) -> None:
    def peak(days: int) -> int:
        world = World(users=5, days=days, files=2 * days, readings=days * 25_000)
        tracemalloc.start()
        try:
            produce(world, tmp_path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is loaded once is loaded
    # About 200 kB; a byte kept of each reading would add 300 kB.
    assert peak(12) < 1.5 * peak(2)


def test_the_first_records_come_without_making_the_others() -> None:
    world = World(users=10, days=100_000, readings=10**9)
    assert len(list(islice(in_order_of_time(world), 100))) == 100


def test_progress_counts_up_to_all_readings(tmp_path: Path) -> None:
    seen: list[int] = []
    produce(replace(SMALL, readings=5000), tmp_path, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 5000


def test_an_interrupted_file_does_not_appear(tmp_path: Path) -> None:
    def interrupt(readings: int) -> None:
        if readings > 15_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        produce(SMALL, tmp_path, interrupt)
    complete = contents(tmp_path)
    assert not [name for name in complete if Path(name).name.startswith(".")]
    produce(SMALL, tmp_path)
    assert complete
    assert complete.items() < contents(tmp_path).items()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": 0}, "users is 0: give 1 or more"),
        ({"days": 0}, "days is 0: give 1 or more"),
        ({"files": 0}, "files is 0: give 1 or more"),
        ({"gyms": -1}, "gyms is -1: give 1 or more"),
        ({"late_share": -0.1}, "late_share is -0.1: give a share"),
        ({"duplicate_share": float("nan")}, "duplicate_share is nan: give a share"),
        ({"readings": 5}, "at least as many readings as files"),
        ({"readings": 30 * 2 * DAY + 1}, "give more users or days"),
        ({"start": datetime(2026, 1, 5)}, "time zone"),  # noqa: DTZ001 - what is refused
    ],
)
def test_an_impossible_world_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_a_device_may_be_worn_at_every_second(tmp_path: Path) -> None:
    world = World(users=1, days=1, readings=DAY, late_share=0, duplicate_share=0)
    produce(world, tmp_path)
    own = person(world.seed, 0).device_id
    times = [v["time"] for v in payloads(tmp_path, records.BPM) if v["device_id"] == own]
    assert len(times) == len(set(times)) == DAY - 30
