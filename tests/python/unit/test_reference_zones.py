"""The reference's workout_zones against examples worked by hand from the contract."""

import math
from datetime import date
from typing import Any

import pytest

from tests.python.reference_gold import SECONDS_COLUMNS
from tests.python.unit.reference_lines import (
    ONE,
    T0,
    Land,
    Tables,
    at,
    bpm,
    profile,
    training,
    values,
)

FORTY = profile("new", 0, dob="01/05/1986")  # hr_max 180: zones from 90, 108, 126, 144 and 162
TWO_DEVICES = ONE + f"1,12,m2,{T0}\n"


def zones(made: Tables) -> dict[str, Any]:
    """Return the row of the only workout."""
    [row] = made["workout_zones"]
    return row


# --- Zones ------------------------------------------------------------------------------------


def test_a_heart_rate_holds_until_the_next_one_or_the_end_and_for_ten_seconds_at_most(
    land: Land,
) -> None:
    kafka = FORTY + training(0, 60) + "".join(bpm(time, 100) for time in (5, 8, 18.25, 30, 57))
    row = zones(land(ONE, kafka=kafka))
    assert (row["start_time"], row["end_time"]) == (at(0), at(60))
    assert row["seconds_measured"] == row["seconds_zone_1"] == 3 + 10 + 10 + 10 + 3
    assert row["coverage"] == 36 / 60
    assert zones(land(max_hold_seconds=2.5))["seconds_measured"] == 5 * 2.5


@pytest.mark.parametrize(
    ("times", "gap"),
    [((20, 30, 50), 20), ((5, 30, 50), 25), ((5, 20, 29.5), 30.5), ((0,), 60), ((), 60)],
)
def test_the_longest_gap_may_be_before_between_or_after_the_readings(
    land: Land, times: tuple[float, ...], gap: float
) -> None:
    kafka = training(0, 60) + "".join(bpm(time, 100) for time in times)
    assert zones(land(ONE, kafka=kafka))["longest_gap_seconds"] == gap


def test_only_valid_readings_from_start_to_before_the_end_are_measured(land: Land) -> None:
    kafka = training(0, 60) + bpm(-1e-6, 100) + bpm(30, 231) + bpm(60, 100)
    row = zones(land(ONE, kafka=FORTY + kafka))
    assert (row["seconds_measured"], row["longest_gap_seconds"]) == (0, 60)
    assert zones(land(kafka=bpm(0, 100)))["seconds_measured"] == 10


def test_only_readings_while_the_user_owned_the_device_are_measured(land: Land) -> None:
    kafka = training(0, 60) + training(0, 60, user=2) + bpm(29, 100) + bpm(30, 100)
    made = land(ONE + f"2,11,m1,{T0 + 30}\n", kafka=kafka)
    assert values(made["workout_zones"], "user_id", "longest_gap_seconds") == [(1, 31), (2, 30)]


def test_the_bpm_of_an_instant_is_the_mean_over_the_users_devices(land: Land) -> None:
    kafka = bpm(0, 85, device=11) + bpm(0, 95, device=12) + bpm(0, 231, device=12)
    kafka += bpm(3, 85, device=11) + bpm(3.000001, 95, device=12)
    row = zones(land(TWO_DEVICES, kafka=FORTY + training(0, 60) + kafka))
    # The newest of several readings of device 12 is the largest: it is not valid.
    assert (row["seconds_below"], row["seconds_zone_1"]) == (3.000001, 10)
    row = zones(land(kafka=bpm(0, 95, timestamp=1, device=12)))
    assert (row["seconds_below"], row["seconds_zone_1"]) == (0.000001, 13)


@pytest.mark.parametrize(
    ("born", "bounds"),
    [
        (1986, (90, 108, 126, 144, 162)),
        # In binary fractions, 0.8 x (208 - 0.7 x 21) is more than 154.64.
        (2005, (96.65, 115.98, 135.31, 154.64, 173.97)),
    ],
)
def test_zones_begin_at_their_exact_share_of_hr_max(
    land: Land, born: int, bounds: tuple[float, ...]
) -> None:
    kafka = profile("new", 0, dob=f"01/05/{born}") + training(0, 60)
    for second, bound in enumerate(bounds):
        kafka += bpm(second, math.nextafter(bound, 0)) + bpm(second + 0.25, bound)
    row = zones(land(ONE, kafka=kafka))
    assert [row[name] for name in SECONDS_COLUMNS] == [0.25, 1, 1, 1, 1, 10]


def test_zone_5_is_open_above(land: Land) -> None:
    row = zones(land(ONE, kafka=FORTY + training(0, 5) + bpm(0, 230)))
    assert (row["hr_max"], row["seconds_zone_5"]) == (180.0, 5)


def test_edwards_load_is_the_minutes_in_each_zone_times_its_number(land: Land) -> None:
    kafka = FORTY + training(0, 60) + bpm(0, 60) + bpm(10, 100) + bpm(20, 110) + bpm(30, 130)
    made = land(ONE, kafka=kafka + bpm(40, 150) + bpm(50, 170))
    assert zones(made)["edwards_load"] == (1 + 2 + 3 + 4 + 5) / 6


def test_a_workout_below_all_zones_has_a_load_of_0(land: Land) -> None:
    row = zones(land(ONE, kafka=FORTY + training(0, 60) + bpm(0, 60)))
    assert (row["seconds_below"], row["edwards_load"]) == (10, 0)


def test_without_hr_max_all_zones_and_the_load_are_null(land: Land) -> None:
    row = zones(land(ONE, kafka=training(0, 60) + bpm(0, 100)))
    assert row["seconds_measured"] == 10
    names = ("hr_max", "hr_max_source", "edwards_load", *SECONDS_COLUMNS)
    assert [row[name] for name in names] == [None] * len(names)


def test_without_readings_the_zones_are_0_and_the_load_null(land: Land) -> None:
    row = zones(land(ONE, kafka=FORTY + training(0, 60)))
    assert [row[name] for name in ("seconds_measured", "coverage", *SECONDS_COLUMNS)] == [0] * 8
    assert row["edwards_load"] is None


def test_a_workout_of_no_length_has_no_coverage(land: Land) -> None:
    row = zones(land(ONE, kafka=FORTY + training(0, 0) + bpm(0, 100)))
    assert (row["coverage"], row["longest_gap_seconds"], row["seconds_measured"]) == (None, 0, 0)


@pytest.mark.parametrize(
    ("born", "highest"),
    [("01/05/2021", 204.5), ("01/06/2021", None), ("01/06/1925", 138.0), ("01/05/1925", None)],
)
def test_hr_max_is_by_age_from_5_to_100(land: Land, born: str, highest: float | None) -> None:
    kafka = training(0, 60) + profile("new", 0, dob=born)
    columns = ("hr_max", "hr_max_source")
    expected = (highest, highest and "age")
    assert values(land(ONE, kafka=kafka)["workout_zones"], *columns) == [expected]
    assert zones(land(age_min=4, age_max=101))["hr_max_source"] == "age"


def test_the_newest_maximum_set_by_the_day_of_the_start_overrides_the_age(land: Land) -> None:
    maxima = [(2, date(2026, 1, 1), 150), (1, date(2026, 1, 6), 200)]
    maxima += [(1, date(2026, 1, 7), 190), (1, date(2026, 1, 7), 190)]
    kafka = FORTY + training(299, 400) + training(300, 400, number=2)
    kafka += training(90000, 90060, number=3) + training(300, 400, user=3)
    made = land(ONE + f"3,13,m3,{T0}\n", kafka=kafka, heart_rate_maxima=maxima)
    columns = ("user_id", "workout_id", "hr_max", "hr_max_source")
    assert values(made["workout_zones"], *columns) == [
        (1, 1, 180.0, "age"),
        (1, 2, 200.0, "set"),
        (1, 3, 190.0, "set"),
        (3, 1, None, None),
    ]


# --- Recovery ---------------------------------------------------------------------------------

BEFORE, AFTER = (50, 52, 54, 56, 58), (115, 117, 119, 121, 125)


def readings(times: tuple[float, ...], rate: float) -> str:
    return "".join(bpm(time, rate + n) for n, time in enumerate(times))


@pytest.mark.parametrize(
    ("before", "after", "recovery"),
    [
        (BEFORE, AFTER, 60),
        ((*BEFORE, 59.999999), AFTER, 60.5),
        ((*BEFORE, 60), AFTER, 60),
        ((50.000001, *BEFORE[1:]), AFTER, 60),
        ((49.999999, *BEFORE[1:]), AFTER, None),
        (BEFORE, (114.999999, *AFTER[1:]), None),
        (BEFORE, (*AFTER[:4], 125.000001), None),
        (BEFORE[:4], AFTER, None),
        (BEFORE, AFTER[:4], None),
    ],
)
def test_recovery_is_from_the_last_ten_seconds_to_those_about_a_minute_after_the_end(
    land: Land, before: tuple[float, ...], after: tuple[float, ...], recovery: float | None
) -> None:
    kafka = training(0, 60) + readings(before, 160) + readings(after, 100)
    assert zones(land(ONE, kafka=kafka))["recovery_60"] == recovery


def test_recovery_counts_each_valid_reading_of_the_users_devices_once(land: Land) -> None:
    kafka = training(0, 60) + readings(BEFORE[:4], 160) + readings(AFTER, 100) + bpm(59, 20)
    assert zones(land(TWO_DEVICES, kafka=kafka))["recovery_60"] is None
    kafka = bpm(50, 180, device=12)
    assert zones(land(kafka=kafka))["recovery_60"] == (160 + 161 + 162 + 163 + 180) / 5 - 102


def test_recovery_of_a_short_workout_counts_readings_before_its_start(land: Land) -> None:
    kafka = training(60, 60) + readings(BEFORE, 160) + readings(AFTER, 100)
    assert zones(land(ONE, kafka=kafka))["recovery_60"] == 60


@pytest.mark.parametrize(
    ("start", "recovery"), [(59.999999, 60), (60, None), (125, None), (125.000001, 60)]
)
def test_recovery_is_null_if_another_workout_of_the_user_begins_meanwhile(
    land: Land, start: float, recovery: float | None
) -> None:
    kafka = training(0, 60) + readings(BEFORE, 160) + readings(AFTER, 100)
    made = land(ONE, kafka=kafka + training(start, 200, number=2))
    assert values(made["workout_zones"], "workout_id", "recovery_60")[0] == (1, recovery)


def test_recovery_is_not_prevented_by_others_workouts_or_by_one_that_never_ends(
    land: Land,
) -> None:
    kafka = training(0, 60) + readings(BEFORE, 160) + readings(AFTER, 100)
    kafka += training(70, 80, user=2) + training(70, 69, number=3)
    made = land(ONE + f"2,22,m2,{T0}\n", kafka=kafka)
    assert values(made["workout_zones"], "user_id", "recovery_60") == [(1, 60), (2, None)]
