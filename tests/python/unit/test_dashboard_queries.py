"""What the dashboard's queries return equals what plain Python computes from the same rows."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from math import exp
from statistics import mean
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from dashboard import queries
from dashboard.lakehouse import Lake, open_lake
from tests.python.unit.small_lakehouse import BIG, MONDAY, NOW, Row, SmallLakehouse, at

USER = str(BIG + 1)
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
TODAY = date(2026, 4, 1)


@pytest.fixture
def lake(small: SmallLakehouse) -> Lake:
    return open_lake()


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """Return the rows with None for what is not known, and dates for midnights."""
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [
        {
            key: value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
            for key, value in r.items()
        }
        for r in records
    ]


def test_members_with_a_workout_have_whole_ids_and_names(lake: Lake) -> None:
    assert rows_of(queries.members(lake)) == [
        {"user_id": str(BIG + n), "name": f"Anna{n} <b>*Lee*</b>"} for n in (1, 2, 3)
    ]


def test_the_workouts_of_a_member_come_newest_first(small: SmallLakehouse, lake: Lake) -> None:
    zones = small.of("gold.workout_zones", user_id=BIG + 1)
    bpm = {row["workout_id"]: row for row in small.of("gold.workout_bpm_summary", user_id=BIG + 1)}
    found = rows_of(queries.workouts(lake, USER))
    assert len(found) == len(zones)
    for row, expected in zip(
        found, sorted(zones, key=lambda z: z["start_time"])[::-1], strict=True
    ):
        assert row["workout_id"] == str(expected["workout_id"])
        minutes = (expected["end_time"] - expected["start_time"]).total_seconds() / 60
        assert row["minutes"] == pytest.approx(minutes)
        for name in ("edwards_load", "coverage", "recovery_60", "seconds_zone_3", "hr_max"):
            assert row[name] == expected[name]
        for name in ("min_bpm", "avg_bpm", "max_bpm"):
            assert row[name] == bpm[expected["workout_id"]][name]


def test_the_heart_rate_of_an_instant_is_the_mean_of_the_members_devices(
    small: SmallLakehouse, lake: Lake
) -> None:
    workout = queries.workouts(lake, USER).iloc[-1]
    start, end = workout.start_time.to_pydatetime(), workout.end_time.to_pydatetime()
    instants = defaultdict(list)
    for row in small.of("silver.heart_rate", user_id=BIG + 1, is_valid=True):
        if start <= row["event_time"] < end:
            instants[row["event_time"]].append(row["heartrate"])
    found = queries.heart_rates(lake, workout)
    expected = sorted(instants.items())
    assert [*found.bpm] == pytest.approx([mean(values) for _, values in expected])
    minutes = [(time - start).total_seconds() / 60 for time, _ in expected]
    assert [*found.minute] == pytest.approx(minutes)
    assert found.minute.max() > 15  # It passes midnight.


def test_a_gap_of_more_than_the_longest_hold_begins_another_stretch(lake: Lake) -> None:
    found = queries.heart_rates(lake, queries.workouts(lake, USER).iloc[-1])
    begins = found.groupby("stretch").minute.min() * 60
    assert [round(second) for second in begins] == [0, 420, 1100, 1120]


def test_weeks_are_compared_with_the_mean_of_the_four_before(
    small: SmallLakehouse, lake: Lake
) -> None:
    loads: Counter[date] = Counter()
    for row in small.of("gold.training_days", user_id=BIG + 1):
        loads[row["date"] - timedelta(days=row["date"].weekday())] += row["load"]
    found = rows_of(queries.weeks(lake, USER, TODAY))
    weeks = [MONDAY + timedelta(weeks=number) for number in range(10)]
    assert [row["week"].date() for row in found] == weeks
    assert [row["load"] for row in found] == pytest.approx([loads[week] for week in weeks])
    for number, row in enumerate(found):
        before = [loads[week] for week in weeks[number - 4 : number]]
        assert row["usual_load"] == (pytest.approx(mean(before)) if number >= 4 else None)


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
    days = {row["date"]: row for row in small.of("gold.training_days", user_id=BIG + 1)}
    found = rows_of(queries.training(lake, USER, TODAY))
    assert found[-1]["date"].date() == TODAY
    last: Row = {}
    for number, row in enumerate(found):
        before, day = dict(last), row["date"].date()
        if day in days:
            last = days[day]
            assert (row["load"], row["form"]) == (last["load"], last["form"])
        else:
            assert row["load"] == 0
            passed = (day - before["date"]).days - 1
            form = before["fitness"] * exp(-passed / 42) - before["fatigue"] * exp(-passed / 7)
            assert row["form"] == pytest.approx(form)
        passed = (day - last["date"]).days
        assert row["fitness"] == pytest.approx(last["fitness"] * exp(-passed / 42))
        assert row["fatigue"] == pytest.approx(last["fatigue"] * exp(-passed / 7))
        assert row["trained_on"].date() == last["date"]
        assert row["is_provisional"] == (number < 42)


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
    assert found["1"]["first_date"].date() == date(2026, 3, 5)
    assert (
        found["1"]["last_date"].date() == (NOW + timedelta(hours=1)).astimezone(LOS_ANGELES).date()
    )


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
    first, last = date(2026, 3, 4), date(2026, 3, 10)
    visits: dict[date, set[object]] = defaultdict(set)
    minutes: Counter[date] = Counter()
    for row in small.of("gold.gym_summary", gym=77):
        visits[row["date"]].add((row["mac_address"], row["login"]))
        minutes[row["date"]] += row["minutes_exercising"]
    found = rows_of(queries.gym_days(lake, "77", first, last))
    assert [row["date"].date() for row in found] == [first + timedelta(days=n) for n in range(7)]
    for row in found:
        day = row["date"].date()
        assert row["visits"] == len(visits[day])
        assert row["minutes_exercising"] == pytest.approx(minutes[day])
        assert row["minutes_in_gym"] == 60 * len(visits[day])
    assert len(small.of("gold.gym_summary", gym=77)) > sum(map(len, visits.values()))


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
    shown: Counter[tuple[int, int]] = Counter()
    minute = at(first) - timedelta(days=1)
    while (local := minute.astimezone(LOS_ANGELES)).date() <= last:
        if local.date() >= first:
            shown[local.isoweekday(), local.hour] += 1
        minute += timedelta(minutes=1)
    present: Counter[tuple[int, int]] = Counter()
    peaks: dict[tuple[int, int], tuple[int, datetime]] = {}
    for row in small.rows["gold.gym_occupancy"]:
        if first <= row["local_date"] <= last:
            key = (row["weekday"], row["local_hour"])
            present[key] += row["person_minutes"]
            peak = (row["peak"], row["hour_start"])
            peaks[key] = min(peaks.get(key, peak), peak, key=lambda p: (-p[0], p[1]))
    found = rows_of(queries.gym_hours(lake, queries.gyms(lake).iloc[0], first, last))
    assert {(row["weekday"], row["hour"]): row["minutes"] for row in found} == shown
    for row in found:
        key = (row["weekday"], row["hour"])
        assert row["persons"] == pytest.approx(present[key] / shown[key])
        assert (row["peak"], row["peak_hour_start"]) == peaks.get(key, (0, None))


def test_members_are_grouped_by_age_gender_and_city(small: SmallLakehouse, lake: Lake) -> None:
    profiles = {row["user_id"]: row for row in small.rows["silver.user_profile"]}
    minutes: Counter[int] = Counter()
    for row in small.rows["gold.training_days"]:
        minutes[row["user_id"]] += row["minutes"]
    expected: dict[tuple[str, str], list[float]] = defaultdict(list)
    for user in {row["user_id"] for row in small.rows["silver.users"]}:
        profile = profiles.get(user, {})
        expected["city", profile.get("city", "unknown")].append(minutes[user])
        expected["gender", profile.get("gender", "unknown")].append(minutes[user])
    found = queries.member_groups(lake, TODAY).set_index(["kind", "name"])
    for kind, name, others in (("city", "Oakland", 6), ("gender", "F", 8)):
        members, _, spent = found.loc[kind, name]
        assert (members, spent) == (len(expected[kind, name]), sum(expected[kind, name]))
        assert found.loc[kind, "other groups"].members == others
    assert [*found.loc["age"].index] == ["30 to 39", "other groups"]


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
    found = queries.member_groups(open_lake(), TODAY)
    assert [*found[found.kind == "age"].name] == [group]


def test_landed_rows_are_counted_by_feed_and_day(small: SmallLakehouse, lake: Lake) -> None:
    since = NOW.date() - timedelta(days=29)
    expected: Counter[tuple[str, date]] = Counter()
    for feed in ("heart_rate_bz", "gym_logins_bz"):
        for row in small.rows[f"bronze.{feed}"]:
            if row["_ingested_at"].date() >= since:
                expected[feed, row["_ingested_at"].date()] += 1
    found = queries.landed_rows(lake, since)
    assert {(row.feed, row.day.date()): row.rows for row in found.itertuples()} == expected


def test_refused_lines_are_counted_and_shown_oldest_first(
    small: SmallLakehouse, lake: Lake
) -> None:
    lines = small.rows["silver.quarantine"]
    expected = Counter((row["feed"], row["reason"], row["_first_seen_at"].date()) for row in lines)
    found = queries.quarantine(lake)
    counts = {(row.feed, row.reason, row.day.date()): row.lines for row in found.itertuples()}
    assert counts == expected
    feed, reason, day, _ = found.iloc[0]
    raw = [*queries.quarantined_lines(lake, feed, reason, day).raw]
    assert len(raw) == min(queries.MOST_LINES, expected[feed, reason, day.date()])
    of_group = {
        row["raw"]
        for row in lines
        if (row["reason"], row["_first_seen_at"].date()) == (reason, day.date())
    }
    assert set(raw) <= of_group
