"""Each line that a contract refuses is in quarantine once, with the first reason that applies."""

import json

from tests.python.lake import Lake
from tests.python.lines import HEADERS, MULTIPLEX, REGISTRATIONS, VISITS, write_feeds

END_OF_9999 = 253_402_300_799
# By folder, the reason of each line; None for a line that is admitted.
CSV_LINES: dict[str, dict[str, str | None]] = {
    REGISTRATIONS: {
        "1,11,aa,0": None,
        "1,11,aa": "malformed",
        ",11,aa,0": "missing_key",
        "x,11,aa,0": "missing_key",
        "1,,aa,0": "missing_key",
        "1,11,,0": "missing_key",
        "1,11, ,0": "missing_key",
        "1,11,aa,": "missing_key",
        "-1,11,,0": "missing_key",
        "-1,11,aa,0": "bad_value",
        "1,-1,aa,0": "bad_value",
        "1,11,aa,-0.5": "bad_value",
        f"1,11,aa,{END_OF_9999}": None,
        f"1,11,aa,{END_OF_9999 + 1}": "bad_value",
    },
    VISITS: {
        "aa,1,60,60": None,
        "aa,1,60,": None,
        "aa,1,,60": "missing_key",
        "aa,,60,60": "missing_key",
        ",1,60,60": "missing_key",
        "aa,1,60,59": "bad_value",
        "aa,1,60,x": "bad_value",
        f"aa,1,60,{END_OF_9999 + 1}": "bad_value",
        "aa,-1,60,60": "bad_value",
        "zz,1,60,59": "bad_value",
        "zz,1,60,": "unknown_mac",
    },
}


def profile(**value: object) -> str:
    return json.dumps({"topic": "user_info", "value": value})


def workout(user: int, workout: int, session: int | None, at: float, action: object) -> str:
    ids = {"user_id": user, "workout_id": workout, "session_id": session}
    return json.dumps({"topic": "workout", "value": {**ids, "timestamp": at, "action": action}})


def reading(device: int | None, at: float | None, rate: object) -> str:
    value = {"device_id": device, "time": at, "heartrate": rate}
    return json.dumps({"topic": "bpm", "value": value})


JSON_LINES: dict[str, str | None] = {
    "no JSON": "malformed",
    '{"topic":"weather"}': "malformed",
    '{"topic":"user_info","value":7}': "malformed",
    profile(user_id=9, update_type="new", timestamp=0): None,
    profile(update_type="new", timestamp=0): "missing_key",
    profile(user_id=9, update_type="other"): "missing_key",
    profile(user_id=9, update_type="other", timestamp=0): "bad_value",
    profile(user_id=9, timestamp=0): "bad_value",
    profile(user_id=-9, update_type="new", timestamp=0): "bad_value",
    profile(user_id=9, update_type="new", timestamp=1e300): "bad_value",
    '{"topic":"workout","value":"{"}': "malformed",
    workout(1, 2, 3, 0, "start"): None,
    workout(1, 2, None, 0, "start"): "missing_key",
    workout(1, 2, 3, 0, None): "missing_key",
    workout(1, 2, 3, 0, 5): "missing_key",
    workout(1, 2, 3, 0, ""): "missing_key",
    workout(1, 2, 3, 0, "pause"): "bad_value",
    workout(1, -2, 3, 0, "start"): "bad_value",
    workout(1, 2, -3, 0, "start"): "bad_value",
    workout(1, 2, 3, -1, "start"): "bad_value",
    workout(9, 2, 3, 0, "start"): "unknown_user",
    '{"topic":"bpm"}': "malformed",
    reading(11, 0, 60): None,
    reading(11, 0, -1): None,
    reading(None, 0, 60): "missing_key",
    reading(11, None, None): "missing_key",
    reading(11, 0, None): "bad_value",
    reading(11, 0, "60"): "bad_value",
    reading(-11, 0, 60): "bad_value",
    reading(11, END_OF_9999 + 1, 60): "bad_value",
    reading(99, 0, 60): "unknown_device",
}


def test_a_refused_line_has_the_first_reason_that_applies(lake: Lake) -> None:
    every = {folder: [*lines] for folder, lines in CSV_LINES.items()}
    write_feeds(lake, "one", every | {MULTIPLEX: [*JSON_LINES]})
    # The same text under another header has other fields, and is another line.
    swapped = "device_id,user_id,mac_address,registration_timestamp"
    lake.write_lines(f"{REGISTRATIONS}/swapped.csv", swapped, "-1,11,aa,0", "-1,11,aa,0")
    lake.write_lines(f"{REGISTRATIONS}/again.csv", HEADERS[REGISTRATIONS], "-1,11,aa,0")
    lake.ingest()
    lake.build("--select", "+quarantine", "workouts", "heart_rate", "gym_logs")
    every_line = JSON_LINES | CSV_LINES[REGISTRATIONS] | CSV_LINES[VISITS]
    refused = [(line, reason) for line, reason in every_line.items() if reason]
    rows = lake.rows("silver.quarantine")
    found = sorted((str(row["raw"]), str(row["reason"])) for row in rows)
    assert found == sorted([*refused, ("-1,11,aa,0", "bad_value")])
    waiting = {row["reason"]: row["_waits_for"] for row in rows if row["_waits_for"]}
    assert waiting == {"unknown_mac": "zz", "unknown_user": "9", "unknown_device": "99"}
    # If two files have the same line, the first by name is the source.
    sources = {
        str(row["_source_file"]).rsplit("/", 1)[1] for row in rows if row["raw"] == "-1,11,aa,0"
    }
    assert sources == {"again.csv", "swapped.csv"}

    # What is refused is not in silver.
    assert [row["heartrate"] for row in lake.rows("silver.heart_rate")] == [60.0]
    assert [row["action"] for row in lake.rows("silver.workouts")] == ["start"]
    assert [row["gym"] for row in lake.rows("silver.gym_logs")] == [1]

    # If a line is sent again, its first file and time stay.
    lake.write_lines(f"{REGISTRATIONS}/a.csv", HEADERS[REGISTRATIONS], "-1,11,aa,0")
    lake.ingest()
    lake.build("--select", "+quarantine")
    assert sorted(map(str, lake.rows("silver.quarantine"))) == sorted(map(str, rows))
