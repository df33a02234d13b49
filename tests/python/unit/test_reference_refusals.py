"""The reference refuses lines as the contract says, rule by rule."""

import pytest

from tests.python.unit.reference_lines import (
    GYMS,
    ONE,
    T0,
    USERS,
    Land,
    at,
    bpm,
    message,
    reasons,
    values,
    workout,
)


def test_csv_is_read_by_header_with_quotes_byte_order_mark_and_crlf(land: Land) -> None:
    text = '\ufeffMAC_ADDRESS, "Device_Id" ,user_id,registration_timestamp\r\n\r\n'
    made = land(users=text.replace(' "Device_Id" ', " Device_Id ") + f'"m,1", 11 ,"1",{T0}.5\r\n')
    assert made["users"] == [
        {"user_id": 1, "device_id": 11, "registered_at": at(0.5), "mac_address": "m,1"}
    ]
    assert made["quarantine"] == []


def test_lines_of_an_unknown_header_are_malformed_with_the_header(land: Land) -> None:
    made = land(users="a,b\n1,2\n\n")
    assert values(made["quarantine"], "feed", "reason", "raw") == [
        ("registered_users_bz", "malformed", "1,2"),
        ("registered_users_bz", "malformed", "a,b"),
    ]


def test_a_line_with_more_or_fewer_values_is_malformed(land: Land) -> None:
    made = land(users=ONE, gyms=GYMS + f"m1,1,{T0}\nm1,1,{T0},,\nm1,1,{T0},\n")
    assert reasons(made) == [("gym_logins_bz", "malformed")] * 2
    assert values(made["gym_logs"], "login", "logout") == [(at(0), None)]


def test_the_same_line_under_two_headers_is_two_rows_of_quarantine(land: Land) -> None:
    land(gyms="mac_address,gym,login,logout\nx,x,x,x\nx,x,x,x\n")
    land(gyms="Mac_Address,GYM,login,logout\nx,x,x,x\n")  # the same names
    made = land(gyms="gym,mac_address,logout,login\nx,x,x,y\n")
    assert len(made["quarantine"]) == 2
    made = land(gyms="gym,mac_address,login,logout\n1,2,x,x\nx,x,x,y\n")
    assert len(made["quarantine"]) == 4


@pytest.mark.parametrize(
    ("line", "feed"),
    [
        ("{'topic': 'bpm'}", "unrouted_bz"),
        ("[]", "unrouted_bz"),
        ('{"topic": "weather", "value": {}}', "unrouted_bz"),
        ('{"topic": "bpm", "value": {"time": NaN}}', "unrouted_bz"),
        ('{"topic": "bpm", "value": {}} x', "unrouted_bz"),
        ('{"topic": "bpm"}', "heart_rate_bz"),
        ('{"topic": "workout", "value": 5}', "workouts_bz"),
        ('{"topic": "user_info", "value": "{\'a\': 1}"}', "user_info_bz"),
        ('{"topic": "bpm", "value": "{\\"a\\": 1,}"}', "heart_rate_bz"),
        ('{"topic": "bpm", "value": "[1]"}', "heart_rate_bz"),
        ('{"topic": "bpm", "value": "{\\"a\\": -Infinity}"}', "heart_rate_bz"),
    ],
)
def test_what_is_not_json_or_of_no_topic_is_malformed(land: Land, line: str, feed: str) -> None:
    made = land(kafka=line + "\n" + line + "\n")
    assert made["quarantine"] == [{"feed": feed, "reason": "malformed", "raw": line}]


def test_a_payload_is_an_object_or_its_text_and_the_last_of_equal_names_counts(land: Land) -> None:
    text = f'{{"device_id": 7, "device_id": 11, "time": {T0}, "heartrate": 60}}'
    kafka = message("bpm", text) + bpm(1, 70)
    assert values(land(ONE, kafka=kafka)["heart_rate"], "event_time", "heartrate") == [
        (at(0), 60.0),
        (at(1), 70.0),
    ]


@pytest.mark.parametrize(
    ("user", "device", "mac", "time", "reason"),
    [
        ("", "11", "m1", "5", "missing_key"),
        ("1.0", "11", "m1", "5", "missing_key"),
        ("1", "9223372036854775808", "m1", "5", "missing_key"),
        ("1", "11", "", "5", "missing_key"),
        ("-1", "11", "m1", "NaN", "missing_key"),  # before bad_value
        ("-1", "11", "m1", "5", "bad_value"),
        ("1", "11", "m1", "-0.5", "bad_value"),
        ("1", "11", "m1", "253402300800", "bad_value"),
        ("1", "11", "m1", "1e400", "bad_value"),
        ("1", "11", "m1", "1e9999999999999999999999", "bad_value"),
        ("9223372036854775807", "0", "m1", " 253402300799 ", None),
        ("1", "11", "m1", "1.5e3", None),
    ],
)
def test_registrations_are_refused(
    land: Land, user: str, device: str, mac: str, time: str, reason: str | None
) -> None:
    made = land(users=USERS + f"{user},{device},{mac},{time}\n")
    assert reasons(made) == ([("registered_users_bz", reason)] if reason else [])
    assert len(made["users"]) == (reason is None)


@pytest.mark.parametrize(
    ("mac", "gym", "login", "logout", "reason"),
    [
        ("", "1", "5", "", "missing_key"),
        ("m1", "x", "5", "", "missing_key"),
        ("m1", "1", "", "9", "missing_key"),
        ("m1", "-1", "5", "", "bad_value"),
        ("m1", "1", "5", "x", "bad_value"),
        ("m1", "1", "5", "4.999999", "bad_value"),
        ("m1", "1", "5", "253402300800", "bad_value"),
        ("m2", "1", "5", "4", "bad_value"),  # before unknown_mac
        ("m2", "1", "5", "6", "unknown_mac"),
        ("m1", "1", "5", "5", None),
    ],
)
def test_visits_are_refused(
    land: Land, mac: str, gym: str, login: str, logout: str, reason: str | None
) -> None:
    made = land(ONE, GYMS + f"{mac},{gym},{login},{logout}\n")
    assert reasons(made) == ([("gym_logins_bz", reason)] if reason else [])
    assert len(made["gym_logs"]) == (reason is None)


@pytest.mark.parametrize(
    ("topic", "changed", "reason"),
    [
        ("bpm", {"device_id": "11"}, "missing_key"),
        ("bpm", {"device_id": 11.0}, "missing_key"),
        ("bpm", {"device_id": True}, "missing_key"),
        ("bpm", {"device_id": 2**63}, "missing_key"),
        ("bpm", {"device_id": None}, "missing_key"),
        ("bpm", {"time": "5"}, "missing_key"),
        ("bpm", {"device_id": -11}, "bad_value"),
        ("bpm", {"time": -1}, "bad_value"),
        ("bpm", {"time": 253402300800}, "bad_value"),
        ("bpm", {"heartrate": None}, "bad_value"),
        ("bpm", {"heartrate": "72"}, "bad_value"),
        ("bpm", {"heartrate": True}, "bad_value"),
        ("bpm", {"device_id": 12, "heartrate": None}, "bad_value"),
        ("bpm", {"device_id": 12}, "unknown_device"),
        ("bpm", {"heartrate": -5.5}, None),
        ("workout", {"session_id": "5"}, "missing_key"),
        ("workout", {"action": ""}, "missing_key"),
        ("workout", {"action": None}, "missing_key"),
        ("workout", {"action": 1}, "missing_key"),
        ("workout", {"action": "Start"}, "bad_value"),
        ("workout", {"workout_id": -1}, "bad_value"),
        ("workout", {"user_id": 2}, "unknown_user"),
        ("workout", {}, None),
        ("user_info", {"timestamp": None}, "missing_key"),
        ("user_info", {"user_id": 1.5, "update_type": "x"}, "missing_key"),
        ("user_info", {"update_type": None}, "bad_value"),
        ("user_info", {"update_type": "New"}, "bad_value"),
        ("user_info", {"update_type": 1}, "bad_value"),
        ("user_info", {"user_id": 2, "dob": "no date", "address": "none"}, None),
    ],
)
def test_messages_are_refused(
    land: Land, topic: str, changed: dict[str, object], reason: str | None
) -> None:
    ids = {"user_id": 1, "workout_id": 1, "session_id": 1, "device_id": 11}
    others = {"time": 5, "timestamp": 5, "heartrate": 60, "action": "start", "update_type": "new"}
    made = land(ONE, kafka=message(topic, {**ids, **others, **changed}))
    feed = {"bpm": "heart_rate_bz", "workout": "workouts_bz", "user_info": "user_info_bz"}[topic]
    table = {"bpm": "heart_rate", "workout": "workouts", "user_info": "user_profile"}[topic]
    assert reasons(made) == ([(feed, reason)] if reason else [])
    assert len(made[table]) == (reason is None)


def test_pending_rows_leave_quarantine_once_the_dimension_is_there(land: Land) -> None:
    before = land(gyms=GYMS + f"m1,1,{T0},\n", kafka=bpm(0, 60) + workout("start", 0))
    assert reasons(before) == [
        ("gym_logins_bz", "unknown_mac"),
        ("heart_rate_bz", "unknown_device"),
        ("workouts_bz", "unknown_user"),
    ]
    # Registered later than the facts happened: the first owner has it from the beginning.
    after = land(users=USERS + f"1,11,m1,{T0 + 999}\n")
    assert after["quarantine"] == []
    assert [len(after[t]) for t in ("gym_logs", "heart_rate", "workouts")] == [1, 1, 1]
