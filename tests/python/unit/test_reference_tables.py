"""The reference against examples worked by hand from the contract of each table."""

from datetime import UTC, date, datetime

import pytest

from tests.python.unit.reference_lines import (
    BEGINNING,
    GYMS,
    ONE,
    T0,
    USERS,
    Land,
    Tables,
    at,
    bpm,
    profile,
    values,
    workout,
)


def test_users_keep_the_earliest_registration_with_its_smallest_mac(land: Land) -> None:
    made = land(USERS + "1,11,m0,9\n1,11,m3,5\n1,11,m2,5\n1,12,m9,7\n2,11,m8,6\n")
    assert values(made["users"], "user_id", "device_id", "registered_at", "mac_address") == [
        (1, 11, datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC), "m2"),
        (1, 12, datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC), "m9"),
        (2, 11, datetime(1970, 1, 1, 0, 0, 6, tzinfo=UTC), "m8"),
    ]


def device_spans(made: Tables) -> list[tuple[object, ...]]:
    columns = ("valid_from", "valid_to", "user_id", "mac_address", "registered_at")
    return [tuple(row[c] for c in columns) for row in made["device_assignments"]]


def test_devices_are_passed_on_and_back(land: Land) -> None:
    lines = [f"1,11,m1,{T0}", f"1,11,m2,{T0}", f"1,11,m0,{T0 + 10}"]  # m0: still their own
    lines += [f"2,11,m5,{T0 + 20}", f"1,11,m6,{T0 + 30}"]
    made = land(USERS + "\n".join(reversed(lines)) + "\n")
    assert device_spans(made) == [
        (BEGINNING, at(20), 1, "m1", at(0)),
        (at(20), at(30), 2, "m5", at(20)),
        (at(30), None, 1, "m6", at(30)),
    ]


def test_owners_at_one_instant_are_in_order_of_user_and_those_of_no_length_left_out(
    land: Land,
) -> None:
    made = land(USERS + f"3,11,m,{T0}\n2,11,m,{T0}\n1,11,m,{T0}\n")
    assert device_spans(made) == [
        (BEGINNING, at(0), 1, "m", at(0)),
        (at(0), None, 3, "m", at(0)),
    ]


def test_an_owner_interrupted_for_no_time_has_two_rows(land: Land) -> None:
    made = land(USERS + f"2,11,m,{T0}\n1,11,m,{T0 + 5}\n2,11,n,{T0 + 5}\n")
    assert device_spans(made) == [
        (BEGINNING, at(5), 2, "m", at(0)),
        (at(5), None, 2, "n", at(5)),
    ]


def test_macs_are_assigned_from_all_registrations_that_name_them(land: Land) -> None:
    lines = [f"1,12,m,{T0}", f"1,11,m,{T0}", f"1,10,m,{T0 + 5}", f"2,13,m,{T0 + 9}"]
    made = land(USERS + "\n".join(lines) + "\n")
    assert values(
        made["mac_assignments"], "mac_address", "valid_from", "valid_to", "user_id", "device_id"
    ) == [("m", BEGINNING, at(9), 1, 11), ("m", at(9), None, 2, 13)]


def test_a_handover_belongs_to_the_new_owner(land: Land) -> None:
    gyms = GYMS + f"m1,1,{T0 + 59.999999:.6f},\nm1,1,{T0 + 60},\n"
    made = land(
        ONE + f"2,11,m1,{T0 + 60}\n", gyms, bpm(-999, 60) + bpm(59.999999, 60) + bpm(60, 60)
    )
    assert values(made["heart_rate"], "event_time", "user_id") == [
        (at(-999), 1),
        (at(59.999999), 1),
        (at(60), 2),
    ]
    assert values(made["gym_logs"], "login", "user_id") == [(at(59.999999), 1), (at(60), 2)]


def test_profile_fields_are_texts_and_the_date_strict(land: Land) -> None:
    address = {"street_address": "Å 1", "city": None, "state": "CA", "zip": 94110, "dob": "x"}
    made = land(kafka=profile("new", 0, dob="02/29/2004", sex="F", first_name="", address=address))
    [row] = made["user_profile"]
    assert row == {
        **{"user_id": 1, "dob": date(2004, 2, 29), "sex": "F", "gender": None, "first_name": ""},
        **{"last_name": None, "street_address": "Å 1", "city": None, "state": "CA"},
        **{"zip": "94110", "updated_at": at(0)},
    }
    for second, text in enumerate(("02/29/2023", "2/9/2004", "2004-02-29", "02/29/2004 ", 2004), 1):
        [row] = land(kafka=profile("update", second, dob=text, sex=str(second)))["user_profile"]
        assert (row["sex"], row["dob"]) == (str(second), None)


def history(made: Tables) -> list[tuple[object, ...]]:
    columns = ("valid_from", "valid_to", "is_current", "first_name", "updated_at")
    return values(made["user_profile_history"], *columns)


def test_history_has_a_row_per_change_and_deletes_leave_gaps(land: Land) -> None:
    kafka = profile("new", 90, first_name="A") + profile("delete", 40)
    kafka += profile("update", 20, first_name="A", dob="no date") + profile(
        "new", 0, first_name="A"
    )
    kafka += profile("update", 30, first_name="B") + profile("delete", 50)
    made = land(kafka=kafka)
    assert history(made) == [
        (at(0), at(30), False, "A", at(0)),  # 20 changed nothing
        (at(30), at(40), False, "B", at(30)),
        (at(90), None, True, "A", at(90)),
    ]
    assert values(made["user_profile"], "user_id", "first_name", "updated_at") == [(1, "A", at(90))]
    deleted = land(kafka=profile("delete", 95))
    assert deleted["user_profile"] == []
    assert history(deleted)[-1] == (at(90), at(95), False, "A", at(90))


def test_the_current_version_began_before_events_that_change_nothing(land: Land) -> None:
    made = land(kafka=profile("new", 0, first_name="A") + profile("update", 9, first_name="A"))
    assert values(made["user_profile"], "updated_at") == [(at(0),)]


def test_of_events_at_one_instant_delete_then_update_then_the_larger_text_wins(land: Land) -> None:
    kafka = profile("new", 0, first_name="Z") + profile("update", 0, first_name="A")
    assert history(land(kafka=kafka)) == [(at(0), None, True, "A", at(0))]
    made = land(kafka=profile("update", 0, first_name="B"))
    assert history(made) == [(at(0), None, True, "B", at(0))]
    assert land(kafka=profile("delete", 0))["user_profile_history"] == []


@pytest.mark.parametrize(
    ("events", "start", "end", "state"),
    [
        ([("start", 0), ("stop", 60)], 0, 60, "completed"),
        ([("stop", 60), ("start", 5), ("start", 0), ("stop", 90)], 0, 60, "completed"),
        ([("start", 0), ("stop", 0)], 0, 0, "completed"),
        ([("start", 0), ("stop", 10800)], 0, 10800, "completed"),
        ([("start", 0), ("stop", 10800.000001)], 0, 10800.000001, "overlong"),
        ([("start", 0)], 0, None, "open"),
        ([("stop", -1), ("start", 0)], 0, None, "open"),
        ([("stop", 9), ("stop", 7)], None, 7, "orphan_stop"),
    ],
)
def test_sessions(
    land: Land, events: list[tuple[str, float]], start: float | None, end: float | None, state: str
) -> None:
    made = land(ONE, kafka="".join(workout(*event) * 2 for event in events))
    assert len(made["workouts"]) == len(events)
    key = {"user_id": 1, "workout_id": 1, "session_id": 5}
    times = {
        "start_time": None if start is None else at(start),
        "end_time": None if end is None else at(end),
    }
    assert made["workout_sessions"] == [{**key, **times, "state": state}]
    assert made["completed_workouts"] == ([{**key, **times}] if state == "completed" else [])


def test_session_length_is_a_variable(land: Land) -> None:
    made = land(ONE, kafka=workout("start", 0) + workout("stop", 3601), max_session_hours=1)
    assert values(made["workout_sessions"], "state") == [("overlong",)]


def test_of_readings_the_newest_sent_then_larger_offset_then_larger_value_wins(land: Land) -> None:
    kafka = bpm(0, 60, timestamp=8, offset=9) + bpm(0, 70, timestamp=9, offset=1)
    kafka += bpm(1, 60, timestamp=None, offset=9) + bpm(1, 70, timestamp=0, offset=1)
    kafka += bpm(2, 60, timestamp=5, offset=10) + bpm(2, 70, timestamp=5, offset=9)
    kafka += bpm(3, 60, timestamp=5, offset=None) + bpm(3, 70, timestamp=5, offset=0)
    kafka += bpm(4, 9, timestamp=5) + bpm(4, 70, timestamp=5)
    made = land(ONE, kafka=kafka)
    assert values(made["heart_rate"], "event_time", "heartrate") == [
        (at(0), 70.0),
        (at(1), 70.0),
        (at(2), 60.0),
        (at(3), 70.0),
        (at(4), 70.0),
    ]


def test_readings_have_their_utc_date_and_validity(land: Land) -> None:
    made = land(ONE, kafka=bpm(299.999999, 29.9) + bpm(300, 30) + bpm(301, 230) + bpm(302, 230.1))
    assert values(made["heart_rate"], "event_time", "event_date", "is_valid") == [
        (at(299.999999), date(2026, 1, 5), False),
        (at(300), date(2026, 1, 6), True),
        (at(301), date(2026, 1, 6), True),
        (at(302), date(2026, 1, 6), False),
    ]
    made = land(heart_rate_min=29, heart_rate_max=30)
    assert [valid for (valid,) in values(made["heart_rate"], "is_valid")].count(True) == 2


def test_a_visit_has_the_largest_known_logout(land: Land) -> None:
    lines = [f"m1,1,{T0},", f"m1,1,{T0},{T0 + 60}", f"m1,1,{T0}.0,{T0 + 50}", f"m1,2,{T0},"]
    made = land(ONE, GYMS + "\n".join(lines) + "\n")
    assert values(made["gym_logs"], "gym", "login", "logout", "user_id") == [
        (1, at(0), at(60), 1),
        (2, at(0), None, 1),
    ]


def test_bpm_summary_is_over_valid_readings_from_start_to_before_the_end(land: Land) -> None:
    session = workout("start", 0) + workout("stop", 60)
    kafka = session + bpm(-1, 99) + bpm(0, 60) + bpm(30, 231) + bpm(59.5, 71) + bpm(60, 99)
    kafka += profile("new", 0, dob="01/05/1990", gender="F", address={"city": "Oslo"})
    [row] = land(ONE, kafka=kafka)["workout_bpm_summary"]
    assert row == {
        **{"user_id": 1, "workout_id": 1, "session_id": 5, "start_time": at(0)},
        **{"age": 36, "gender": "F", "city": "Oslo", "state": None},
        **{"min_bpm": 60.0, "avg_bpm": 65.5, "max_bpm": 71.0},
        "num_recordings": 2,
    }


def test_bpm_summary_counts_only_readings_while_the_user_owned_the_device(land: Land) -> None:
    kafka = workout("start", 0) + workout("stop", 60) + bpm(0, 60) + bpm(30, 90)
    kafka += workout("start", 0, user=2) + workout("stop", 60, user=2)
    made = land(ONE + f"2,11,m1,{T0 + 30}\n", kafka=kafka)
    assert values(
        made["workout_bpm_summary"], "user_id", "min_bpm", "max_bpm", "num_recordings", "age"
    ) == [(1, 60.0, 60.0, 1, None), (2, 90.0, 90.0, 1, None)]


def test_bpm_summary_has_a_row_without_readings(land: Land) -> None:
    [row] = land(ONE, kafka=workout("start", 0) + workout("stop", 0) + bpm(0, 60))[
        "workout_bpm_summary"
    ]
    assert row["num_recordings"] == 0
    assert row["min_bpm"] is row["avg_bpm"] is row["max_bpm"] is None


@pytest.mark.parametrize(
    ("born", "age"),
    [("01/05/2000", 26), ("01/06/2000", 25), ("12/31/1999", 26), ("02/29/2004", 21), ("x", None)],
)
def test_age_is_whole_years_on_the_day_of_the_start(land: Land, born: str, age: object) -> None:
    kafka = workout("start", 0) + workout("stop", 600) + profile("new", 0, dob=born)
    assert values(land(ONE, kafka=kafka)["workout_bpm_summary"], "age") == [(age,)]


def gym_rows(made: Tables) -> list[tuple[object, ...]]:
    columns = ("login", "workout_id", "date", "minutes_in_gym", "minutes_exercising")
    return values(made["gym_summary"], *columns)


def test_gym_summary_has_a_row_per_closed_visit_and_overlapping_workout(land: Land) -> None:
    kafka = workout("start", -60) + workout("stop", 90)
    kafka += workout("start", 100, number=2) + workout("stop", 130, number=2)
    kafka += workout("start", 600, number=3) + workout("stop", 700, number=3)  # touches only
    kafka += workout("start", 50, number=4)  # never ends
    kafka += workout("start", 0, user=2) + workout("stop", 60, user=2)
    gyms = GYMS + f"m1,1,{T0},{T0 + 600}\nm1,1,{T0 + 5},\n"
    made = land(ONE + f"2,22,m2,{T0}\n", gyms, kafka)
    day = date(2026, 1, 5)
    assert gym_rows(made) == [(at(0), 1, day, 10.0, 1.5), (at(0), 2, day, 10.0, 0.5)]


def test_a_closed_visit_without_a_workout_has_one_row(land: Land) -> None:
    gyms = GYMS + f"m1,1,{T0},{T0}\nm1,99,{T0 + 300},{T0 + 360}\n"
    kafka = workout("start", 0) + workout("stop", 0)
    made = land(ONE, gyms, kafka)
    assert gym_rows(made) == [
        (at(0), None, date(2026, 1, 5), 0.0, 0.0),
        (at(300), None, date(2026, 1, 6), 1.0, 0.0),
    ]
    assert values(made["gym_summary"], "session_id") == [(None,), (None,)]


def test_minutes_are_rounded_half_up(land: Land) -> None:
    gyms = GYMS + f"m1,1,{T0},{T0}.3\nm1,2,{T0},{T0}.299999\nm1,3,{T0},{T0}.9\n"
    assert [row[3] for row in gym_rows(land(ONE, gyms))] == [0.0, 0.01, 0.02]


def test_a_visits_date_is_in_its_gyms_zone(land: Land) -> None:
    # Midnight in Los Angeles is 08:00 UTC: 8 h 5 min after T0.
    gyms = GYMS + f"m1,1,{T0 + 29099},{T0 + 40000}\nm1,1,{T0 + 29100},{T0 + 40000}\n"
    gyms += f"m1,11,{T0 + 299},{T0 + 400}\nm1,11,{T0 + 300},{T0 + 400}\n"
    dates = [row["date"] for row in land(ONE, gyms)["gym_summary"]]
    assert dates == [date(2026, 1, 5), date(2026, 1, 6)] * 2
    zones: dict[str, object] = {"gym_time_zones": {}, "default_time_zone": "Asia/Tokyo"}
    assert {row["date"] for row in land(**zones)["gym_summary"]} == {date(2026, 1, 6)}
