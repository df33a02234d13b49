"""What the dashboard's queries return equals what plain Python computes from the same rows."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from dashboard import queries
from dashboard.lakehouse import Lake, open_lake
from dashboard.privacy import OTHERS
from tests.python import expected_figures as figures
from tests.python.unit.small_lakehouse import BIG, MONDAY, NOW, TO_COME, Row, SmallLakehouse

USER = str(BIG + 1)
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
TODAY = date(2026, 4, 1)


@pytest.fixture
def lake(small: SmallLakehouse) -> Lake:
    return open_lake()


def lake_on(day: date) -> Lake:
    """Return the tables for queries on a day."""
    lake = open_lake()
    lake.query(f"create macro current_date() as date '{day}'")
    return lake


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """Return the rows with None for what is not known, and dates for midnights."""
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(key): plain_value(value) for key, value in row.items()} for row in records]


def plain_value(value: Any) -> Any:
    """Return a value of Python; instants have a time zone, dates have none."""
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime() if value.tz else value.date()
    return value


def assert_rows(frame: pd.DataFrame, expected: list[Row]) -> None:
    """Check the rows and columns of a frame."""
    found = rows_of(frame)
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert row == figures.close(other)


def test_members_with_a_workout_have_whole_ids_and_names(lake: Lake) -> None:
    assert rows_of(queries.members(lake)) == [
        {"user_id": str(BIG + n), "name": f"Anna{n} <b>*Lee*</b>"} for n in (1, 2, 3)
    ]


def test_the_workouts_of_a_member_come_newest_first(small: SmallLakehouse, lake: Lake) -> None:
    found = rows_of(queries.workouts(lake, USER))
    expected = figures.workouts(small, BIG + 1)
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert row["workout_id"] == str(other["workout_id"])
        minutes = (other["end_time"] - other["start_time"]).total_seconds() / 60
        assert row["minutes"] == pytest.approx(minutes)
        names = ("edwards_load", "coverage", "recovery_60", "seconds_zone_3", "hr_max")
        for name in (*names, "min_bpm", "avg_bpm", "max_bpm"):
            assert row[name] == other[name]


def test_the_heart_rate_of_an_instant_is_the_mean_of_the_members_devices(
    small: SmallLakehouse, lake: Lake
) -> None:
    found = queries.heart_rates(lake, queries.workouts(lake, USER).iloc[-1])
    assert_rows(found, figures.heart_rates(small, figures.workouts(small, BIG + 1)[-1]))
    assert found.minute.max() > 15  # It passes midnight.


def test_a_gap_of_more_than_the_longest_hold_begins_another_stretch(lake: Lake) -> None:
    found = queries.heart_rates(lake, queries.workouts(lake, USER).iloc[-1])
    begins = found.groupby("stretch").minute.min() * 60
    assert [round(second) for second in begins] == [0, 420, 1100, 1120]


def test_weeks_are_compared_with_the_mean_of_the_four_before(
    small: SmallLakehouse, lake: Lake
) -> None:
    found = queries.weeks(lake, USER, TODAY)
    assert_rows(found, figures.weeks(small, BIG + 1, TODAY))
    assert len(found) == 10


def test_partial_weeks_are_the_first_if_begun_late_the_last_and_the_running_one(
    small: SmallLakehouse, lake: Lake
) -> None:
    newest = max(row["date"] for row in small.rows["gold.training_days"])
    assert newest.weekday() < 6  # The tables end within the last week.
    found = queries.weeks(lake, USER, TODAY)
    assert [*found.is_partial] == [True, *[False] * 8, True]
    sunday = MONDAY + timedelta(weeks=4, days=6)
    assert queries.weeks(lake, USER, sunday).is_partial[4]
    assert not queries.weeks(lake, USER, sunday + timedelta(days=1)).is_partial[4]


def test_weeks_without_training_count_as_0(small: SmallLakehouse) -> None:
    third = [MONDAY + timedelta(weeks=2, days=day) for day in range(7)]
    rows = small.rows["gold.training_days"]
    rows[:] = [row for row in rows if row["date"] not in third or row["user_id"] != BIG + 1]
    small.write("gold.training_days")
    found = queries.weeks(open_lake(), USER, TODAY)
    assert (found.workouts[2], found.load[2], found.minutes[2]) == (0, 0, 0)
    assert found.usual_load[4] == pytest.approx(found.load[:4].sum() / 4)


def test_fitness_and_fatigue_decay_between_training_days_and_until_today(
    small: SmallLakehouse, lake: Lake
) -> None:
    found = queries.training(lake, USER, TODAY)
    assert_rows(found, figures.training(small, BIG + 1, TODAY))
    assert found.date.max().date() == TODAY


def test_a_member_without_training_has_no_weeks_and_no_form(lake: Lake) -> None:
    stranger = str(BIG + 9)
    assert queries.weeks(lake, stranger, TODAY).empty
    assert queries.training(lake, stranger, TODAY).empty
    assert queries.training(lake, USER, MONDAY).empty  # the day before the first


def test_gyms_are_those_of_the_seed_and_those_with_visits(lake: Lake) -> None:
    found = {row["gym"]: row for row in rows_of(queries.gyms(lake))}
    assert [*found] == ["1", "2", "77", "3"]
    assert (found["1"]["name"], found["1"]["capacity"]) == ("Castro", 40)
    assert (found["77"]["name"], found["77"]["time_zone"]) == ("Gym 77", "UTC")
    assert found["2"]["capacity"] is None
    assert found["3"]["first_date"] is None
    assert found["1"]["first_date"] == date(2026, 3, 5)
    newest = (NOW + TO_COME).astimezone(LOS_ANGELES)
    assert found["1"]["last_date"] == newest.date()


def test_inside_are_those_with_an_open_visit_that_is_not_too_old(lake: Lake) -> None:
    """A user with two open visits is one; visits of 12.5 hours and those to come do not count."""
    found = queries.inside(lake, "1", NOW)
    assert [*found.user_id] == [str(BIG + 2), USER]
    assert [*found.minutes] == pytest.approx([180, 120])
    assert [*queries.inside(lake, "2", NOW).user_id] == [str(BIG + 5)]
    assert queries.inside(lake, "3", NOW).empty


def test_the_days_of_a_gym_count_each_visit_once_and_all_its_exercise(
    small: SmallLakehouse, lake: Lake
) -> None:
    days = (date(2026, 3, 4), date(2026, 3, 10))
    found = queries.gym_days(lake, "77", *days)
    assert_rows(found, figures.gym_days(small, 77, *days))
    assert len(small.of("gold.gym_summary", gym=77)) > found.visits.sum() > 0


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 3, 5), date(2026, 3, 12)),
        (date(2026, 3, 8), date(2026, 3, 8)),  # 23 hours
        (date(2026, 11, 1), date(2026, 11, 1)),  # 25 hours
        (date(2026, 3, 1), date(2026, 3, 31)),
    ],
)
def test_the_mean_number_of_persons_is_over_the_hours_that_the_clock_showed(
    small: SmallLakehouse, lake: Lake, first: date, last: date
) -> None:
    found = queries.gym_hours(lake, queries.gyms(lake).iloc[0], first, last)
    assert_rows(found, figures.gym_hours(small, 1, LOS_ANGELES, first, last))


def test_members_are_grouped_by_age_gender_and_city(small: SmallLakehouse) -> None:
    found = queries.member_groups(lake_on(TODAY))
    for kind, expected in figures.groups(small, TODAY).items():
        assert_rows(found[found.kind == kind].drop(columns="kind"), expected)
    assert [*found.name] == ["30 to 39", OTHERS, "Oakland", OTHERS, "F", OTHERS]


@pytest.mark.parametrize(
    ("dob", "group"),
    [
        (date(2006, 4, 2), "under 20"),
        (date(2006, 4, 1), "20 to 29"),
        (date(1996, 4, 1), "30 to 39"),
        (date(1996, 4, 2), "20 to 29"),
        (date(1956, 4, 1), "70 and over"),
        (date(1925, 1, 1), "unknown"),
        (date(2026, 5, 1), "unknown"),
        (None, "unknown"),
    ],
)
def test_an_age_is_complete_on_the_birthday(
    small: SmallLakehouse, dob: date | None, group: str
) -> None:
    for row in small.rows["silver.user_profile"]:
        row["dob"] = dob
    small.rows["silver.users"] = [{"user_id": BIG + n, "device_id": n} for n in range(1, 14)]
    small.write("silver.user_profile", "silver.users")
    found = queries.member_groups(lake_on(TODAY))
    assert [*found[found.kind == "age"].name] == [group]


def test_landed_rows_are_counted_by_feed_and_day(small: SmallLakehouse, lake: Lake) -> None:
    since = NOW.date() - timedelta(days=29)
    assert_rows(queries.landed_rows(lake, since), figures.landed_rows(small, since))


def test_refused_lines_are_counted_and_shown_oldest_first(
    small: SmallLakehouse, lake: Lake
) -> None:
    found = queries.quarantine(lake)
    assert_rows(found, figures.quarantine(small))
    feed, reason, day, lines = found.iloc[0]
    raw = [*queries.quarantined_lines(lake, feed, reason, day).raw]
    assert len(raw) == min(queries.MOST_LINES, lines)
    of_group = {
        row["raw"]
        for row in small.of("silver.quarantine", feed=feed, reason=reason)
        if row["_first_seen_at"].date() == day.date()
    }
    assert {*raw} <= of_group
