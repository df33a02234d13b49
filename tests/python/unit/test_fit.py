"""The .fit import: what lands agrees with the device's own summary, or nothing lands."""

import csv
import json
import struct
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from fitdecode.utils import compute_crc

from fitness.samples import records
from fitness.samples.fit import (
    DamagedFitError,
    FitError,
    Imported,
    NoHeartRateError,
    NotFitError,
    import_fit,
)
from fitness.samples.rides import ride_files

FIT_EPOCH = 631_065_600  # 1989-12-31T00:00Z
BEGAN = 1_600_000_000
RIDES = {path.name: path for path in ride_files()}

# Message and field numbers of the FIT profile: (message, {field: (number, format, type)}).
FILE_ID = (0, {"type": (0, "B", 0x00), "serial": (3, "I", 0x8C)})
USER_PROFILE = (3, {"gender": (1, "B", 0x00)})
SESSION = (18, {"start": (2, "I", 0x86), "elapsed": (7, "I", 0x86), "average": (16, "B", 0x02)})
RECORD = (20, {"time": (253, "I", 0x86), "bpm": (3, "B", 0x02)})

Message = tuple[int, dict[str, tuple[int, str, int]]]


def fit(*messages: tuple[Message, dict[str, int]]) -> bytes:
    """Encode messages as a FIT file, each with its own definition."""
    body = b""
    for (number, fields), values in messages:
        used = [(fields[name], value) for name, value in values.items()]
        body += struct.pack("<BBBHB", 0x40, 0, 0, number, len(used))
        body += b"".join(struct.pack("BBB", f, struct.calcsize(c), t) for (f, c, t), _ in used)
        body += b"\0" + b"".join(struct.pack(f"<{c}", value) for (_, c, _), value in used)
    header = struct.pack("<BBHI4s", 12, 0x20, 2132, len(body), b".FIT")
    return header + body + struct.pack("<H", compute_crc(header + body))


def record(second: int, bpm: int) -> tuple[Message, dict[str, int]]:
    return RECORD, {"time": BEGAN + second - FIT_EPOCH, "bpm": bpm}


def session(second: int, elapsed_ms: int) -> tuple[Message, dict[str, int]]:
    return SESSION, {"start": BEGAN + second - FIT_EPOCH, "elapsed": elapsed_ms, "average": 80}


def landed(
    tmp_path: Path, content: bytes, user: int | None = None, device: int | None = None
) -> Imported:
    path = tmp_path / "activity.fit"
    path.write_bytes(content)
    (imported,) = import_fit([path], tmp_path / "landing", user, device)
    return imported


def lines(imported: Imported) -> list[dict[str, Any]]:
    with imported.written[1].open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def values(imported: Imported, topic: str) -> list[dict[str, Any]]:
    return [json.loads(line["value"]) for line in lines(imported) if line["topic"] == topic]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_rides_are_installed() -> None:
    assert {"4078723797.fit", "4801048867.fit"} <= RIDES.keys()


@pytest.mark.parametrize(
    ("name", "average", "highest", "readings"),
    [("4078723797.fit", 165, 190, 8356), ("4801048867.fit", 130, 160, 5159)],
)
def test_a_ride_has_the_average_and_maximum_of_its_devices_summary(
    tmp_path: Path, name: str, average: int, highest: int, readings: int
) -> None:
    (imported,) = import_fit([RIDES[name]], tmp_path)
    start, stop = values(imported, records.WORKOUT)
    assert (start["action"], stop["action"]) == ("start", "stop")
    bpm = [
        reading["heartrate"]
        for reading in values(imported, records.BPM)
        if start["timestamp"] <= reading["time"] < stop["timestamp"]
    ]
    assert (round(mean(bpm)), max(bpm), len(bpm)) == (average, highest, readings)
    (summary,) = imported.sessions
    assert (summary.avg_bpm, summary.max_bpm, summary.readings) == (average, highest, readings)


@pytest.mark.parametrize("name", sorted(RIDES))
def test_every_session_of_every_ride_agrees_with_its_summary(tmp_path: Path, name: str) -> None:
    (imported,) = import_fit([RIDES[name]], tmp_path)
    readings = values(imported, records.BPM)
    for part in imported.sessions:
        bpm = [r["heartrate"] for r in readings if part.start <= r["time"] < part.end]
        assert (round(mean(bpm)), max(bpm)) == (part.avg_bpm, part.max_bpm)
        assert len(bpm) == part.readings
    # A device takes its last reading as it stops, perhaps after its session's last instant.
    counted = sum(part.readings for part in imported.sessions)
    assert counted in (imported.readings - 1, imported.readings)
    assert len(readings) == imported.readings


def test_a_ride_lands_as_the_contract_says(tmp_path: Path) -> None:
    (imported,) = import_fit([RIDES["4801048867.fit"]], tmp_path)
    assert [path.parent.name for path in imported.written] == [
        records.REGISTERED_USERS,
        records.MULTIPLEX,
    ]
    with imported.written[0].open(newline="") as file:
        (registration,) = csv.DictReader(file)
    assert tuple(registration) == records.REGISTERED_USERS_HEADER
    assert int(registration["user_id"]) == imported.user_id
    assert int(registration["device_id"]) == imported.device_id
    events = lines(imported)
    assert [event["offset"] for event in events] == list(range(len(events)))
    for value in values(imported, records.BPM):
        assert value.keys() == {"device_id", "time", "heartrate"}
        assert value["device_id"] == imported.device_id
    for index, value in enumerate(values(imported, records.WORKOUT)):
        assert value["user_id"] == imported.user_id
        assert (value["workout_id"], value["session_id"]) == (1587208244, 0)
        assert value["action"] == ("start", "stop")[index]


def test_importing_again_changes_no_byte(tmp_path: Path) -> None:
    import_fit(list(RIDES.values()), tmp_path)
    before = files(tmp_path)
    assert len(before) == 2 * len(RIDES)
    import_fit(list(reversed(RIDES.values())), tmp_path)
    assert files(tmp_path) == before


def test_a_device_lands_under_the_same_ids_whatever_it_recorded(tmp_path: Path) -> None:
    same_watch = [RIDES[f"{name}.fit"] for name in ("4801048867", "6449921903_ACTIVITY")]
    one, two = import_fit(same_watch, tmp_path)
    (other,) = import_fit([RIDES["4078723797.fit"]], tmp_path)
    assert (one.user_id, one.device_id) == (two.user_id, two.device_id)
    assert len({one.user_id, one.device_id, other.user_id, other.device_id}) == 4
    assert all(0 < number < 2**63 for number in (one.user_id, one.device_id))


def test_without_a_serial_number_the_ids_depend_on_the_content(tmp_path: Path) -> None:
    one = landed(tmp_path, fit(record(0, 80)))
    again = landed(tmp_path, fit(record(0, 80)))
    other = landed(tmp_path, fit(record(0, 81)))
    assert one == again
    assert one.device_id != other.device_id


def test_given_ids_are_used_and_never_replace_files_of_other_ids(tmp_path: Path) -> None:
    content = fit((FILE_ID, {"type": 4, "serial": 5}), record(0, 80))
    made_up = landed(tmp_path, content)
    given = landed(tmp_path, content, 11, 2**63 - 1)
    assert (given.user_id, given.device_id) == (11, 2**63 - 1)
    assert values(given, records.BPM)[0]["device_id"] == 2**63 - 1
    assert not set(given.written) & set(made_up.written)


@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_an_id_out_of_range_is_refused(tmp_path: Path, number: int) -> None:
    with pytest.raises(ValueError, match="give ids between"):
        landed(tmp_path, fit(record(0, 80)), user=number)
    assert not (tmp_path / "landing").exists()


def test_a_profile_lands_only_when_known_and_for_a_made_up_user(tmp_path: Path) -> None:
    known = fit((USER_PROFILE, {"gender": 0}), record(0, 80))
    (profile,) = values(landed(tmp_path, known), records.USER_INFO)
    assert profile["update_type"] == "new"
    assert profile["gender"] == "F"
    assert values(landed(tmp_path, known, user=11), records.USER_INFO) == []
    assert values(landed(tmp_path, fit(record(0, 80))), records.USER_INFO) == []


def test_a_session_lasts_its_elapsed_time_though_the_last_reading_is_a_fraction_late(
    tmp_path: Path,
) -> None:
    imported = landed(tmp_path, fit(record(0, 80), record(10, 90), session(0, 9_600)))
    (only,) = imported.sessions
    assert (only.start, only.end, only.readings) == (BEGAN, BEGAN + 9.6, 1)
    assert len(values(imported, records.BPM)) == imported.readings == 2


@pytest.mark.parametrize("elapsed", [0, 9_000])
def test_a_session_ends_after_its_last_reading_though_its_elapsed_time_falls_short(
    tmp_path: Path, elapsed: int
) -> None:
    imported = landed(tmp_path, fit(record(0, 80), record(10, 90), session(0, elapsed)))
    assert [(s.start, s.end) for s in imported.sessions] == [(BEGAN, BEGAN + 11)]


def test_a_session_lasts_its_elapsed_time_though_the_sensor_fell_off(tmp_path: Path) -> None:
    imported = landed(tmp_path, fit(record(0, 80), session(0, 9_600)))
    assert [(s.start, s.end) for s in imported.sessions] == [(BEGAN, BEGAN + 9.6)]
    assert values(imported, records.WORKOUT)[1]["timestamp"] == BEGAN + 9.6


def test_a_reading_counts_in_one_session_only(tmp_path: Path) -> None:
    readings = [record(second, 80) for second in range(20)]
    imported = landed(tmp_path, fit(*readings, session(0, 10_500), session(10, 10_000)))
    assert [(s.start - BEGAN, s.end - BEGAN, s.readings) for s in imported.sessions] == [
        (0, 10, 10),
        (10, 20, 10),
    ]
    assert [v["session_id"] for v in values(imported, records.WORKOUT)] == [0, 0, 1, 1]


def test_without_a_session_message_the_records_are_one_session(tmp_path: Path) -> None:
    imported = landed(tmp_path, fit(record(3, 80), record(7, 90)))
    (only,) = imported.sessions
    assert (only.start, only.end, only.readings) == (BEGAN + 3, BEGAN + 8, 2)
    assert (only.avg_bpm, only.max_bpm) == (None, None)


def test_records_without_a_rate_or_a_time_are_no_readings(tmp_path: Path) -> None:
    unset_clock = (RECORD, {"time": 100, "bpm": 80})
    no_contact = record(1, 255)  # FIT's mark of an absent value
    imported = landed(tmp_path, fit(unset_clock, record(0, 0), no_contact, record(2, 90)))
    assert [v["heartrate"] for v in values(imported, records.BPM)] == [0, 90]


def refused() -> dict[str, tuple[bytes | None, type[FitError]]]:
    ride = RIDES["6449921903_ACTIVITY.fit"].read_bytes()
    flipped = bytearray(ride)
    flipped[len(ride) // 2] ^= 0x01
    return {
        "text": (b"time,heartrate\n1,80\n" * 9, NotFitError),
        "empty": (b"", NotFitError),
        "missing": (None, NotFitError),
        "cut in the middle": (ride[: len(ride) // 2], DamagedFitError),
        "cut by a byte": (ride[:-1], DamagedFitError),
        "cut before its checksum": (ride[:-2], DamagedFitError),
        "a bit flipped": (bytes(flipped), DamagedFitError),
        "wrong checksum": (ride[:-2] + bytes(b ^ 0xFF for b in ride[-2:]), DamagedFitError),
        "no records": (fit((FILE_ID, {"type": 4, "serial": 5})), NoHeartRateError),
        "no heart rate": (fit((RECORD, {"time": BEGAN - FIT_EPOCH})), NoHeartRateError),
    }


@pytest.mark.parametrize("case", refused())
def test_a_refused_file_is_named_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    content, error = refused()[case]
    path = tmp_path / "bad.fit"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=r"bad\.fit: "):
        import_fit([RIDES["2020-06-01-16-52-40.fit"], path], tmp_path / "landing")
    assert not (tmp_path / "landing").exists()
