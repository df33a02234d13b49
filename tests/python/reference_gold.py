"""The reference's rules of gold."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter
from statistics import fmean
from zoneinfo import ZoneInfo

from tests.python.reference_landing import Row, Rows
from tests.python.reference_silver import grouped

ZONES = (1, 2, 3, 4, 5)
SECONDS_COLUMNS = ("seconds_below", *(f"seconds_zone_{zone}" for zone in ZONES))
# Each table's key | its other columns, but for lineage.
GOLD = {
    "workout_bpm_summary": "user_id workout_id session_id"
    " | start_time age gender city state min_bpm avg_bpm max_bpm num_recordings",
    "gym_summary": "mac_address gym login workout_id session_id"
    " | date minutes_in_gym minutes_exercising",
    "workout_zones": "user_id workout_id session_id"
    " | start_time end_time hr_max hr_max_source seconds_measured coverage longest_gap_seconds"
    f" {' '.join(SECONDS_COLUMNS)} edwards_load recovery_60",
    "training_days": "user_id date"
    " | workouts minutes load unmeasured_workouts fitness fatigue form",
    "gym_occupancy": "gym hour_start"
    " | local_date local_hour weekday visitors entries person_minutes peak",
}
Maxima = Iterable[tuple[int, date, float]]  # user_id, valid_from and bpm

MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOTHING = timedelta(0)


# --- Workouts ---------------------------------------------------------------------------------


def age_on(day: date, born: date | None) -> int | None:
    """Return whole years."""
    if born is None:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def valid_between(readings: Rows, start: datetime, end: datetime) -> Rows:
    """Return the valid readings of [start, end)."""
    return [row for row in readings if row["is_valid"] and start <= row["event_time"] < end]


def bpm_summary(workout: Row, profile: Row, readings: Rows) -> Row:
    """Return the summary of a completed workout from all heart_rate rows of its user."""
    start, end = workout["start_time"], workout["end_time"]
    bpm = [row["heartrate"] for row in valid_between(readings, start, end)]
    return {
        **workout,
        "age": age_on(start.date(), profile.get("dob")),
        **{name: profile.get(name) for name in ("gender", "city", "state")},
        "min_bpm": min(bpm, default=None),
        "avg_bpm": fmean(bpm) if bpm else None,
        "max_bpm": max(bpm, default=None),
        "num_recordings": len(bpm),
    }


@dataclass(frozen=True)
class ZoneRules:
    """The vars and the seed that workout_zones depends on."""

    max_hold: timedelta
    age_min: float
    age_max: float
    maxima: Maxima

    def highest(self, user_id: int, day: date, age: int | None) -> tuple[Fraction | None, object]:
        """Return a user's hr_max on a day, exact, and its source."""
        own = [(since, bpm) for user, since, bpm in self.maxima if user == user_id and since <= day]
        if own:
            return Fraction(max(own)[1]), "set"
        if age is None or not self.age_min <= age <= self.age_max:
            return None, None
        return 208 - Fraction(7, 10) * age, "age"


def workout_zones(summary: Row, readings: Rows, workouts: Rows, rules: ZoneRules) -> Row:
    """Return a workout's zones from its summary and all readings and workouts of its user."""
    start, end = summary["start_time"], summary["end_time"]
    instants = sorted(grouped(valid_between(readings, start, end), "event_time").items())
    bpm = {time: fmean(row["heartrate"] for row in rows) for (time,), rows in instants}
    held = [min(until - time, rules.max_hold) for time, until in pairwise((*bpm, end))]
    measured = sum(held, NOTHING)
    row = {
        **summary,
        **dict.fromkeys(("hr_max", "hr_max_source", "edwards_load", *SECONDS_COLUMNS)),
        "seconds_measured": measured / SECOND,
        "coverage": measured / (end - start) if end > start else None,
        "longest_gap_seconds": max(b - a for a, b in pairwise((start, *bpm, end))) / SECOND,
        "recovery_60": recovery(summary, readings, workouts),
    }
    highest, source = rules.highest(summary["user_id"], start.date(), summary["age"])
    if highest is None:
        return row
    bounds = [float(Fraction(40 + 10 * zone, 100) * highest) for zone in ZONES]
    spent = [NOTHING] * len(SECONDS_COLUMNS)
    for rate, length in zip(bpm.values(), held, strict=True):
        spent[sum(rate >= bound for bound in bounds)] += length
    load = sum((zone * length for zone, length in enumerate(spent)), NOTHING) / MINUTE
    return {
        **row,
        **{name: length / SECOND for name, length in zip(SECONDS_COLUMNS, spent, strict=True)},
        "hr_max": float(highest),
        "hr_max_source": source,
        "edwards_load": load if bpm else None,
    }


def recovery(workout: Row, readings: Rows, workouts: Rows) -> float | None:
    """Return the mean bpm before the end minus that of a minute later; None if not comparable."""
    end, key = workout["end_time"], itemgetter("workout_id", "session_id")
    others = [other["start_time"] for other in workouts if key(other) != key(workout)]
    before = valid_between(readings, end - 10 * SECOND, end)
    after = valid_between(readings, end + 55 * SECOND, end + 65 * SECOND + MICROSECOND)
    if any(end <= start <= end + 65 * SECOND for start in others):
        return None
    if min(len(before), len(after)) < 5:
        return None
    return fmean(r["heartrate"] for r in before) - fmean(r["heartrate"] for r in after)


# --- Days of training -------------------------------------------------------------------------


def training_rows(zones: Rows) -> Rows:
    """Return the days of one user from all their workouts."""
    days: Rows = []
    by_date = grouped([{**row, "date": row["start_time"].date()} for row in zones], "date")
    for (day,), rows in sorted(by_date.items()):
        loads = [row["edwards_load"] for row in rows]
        row = {
            "user_id": rows[0]["user_id"],
            "date": day,
            "workouts": len(rows),
            "minutes": sum((r["end_time"] - r["start_time"] for r in rows), NOTHING) / MINUTE,
            "load": math.fsum(load or 0 for load in loads),
            "unmeasured_workouts": loads.count(None),
        }
        days.append(row | training_state(row, days[-1] if days else None))
    return days


def training_state(row: Row, previous: Row | None) -> Row:
    """Return fitness, fatigue and form on a day from the day of training before it."""
    passed = (row["date"] - previous["date"]).days if previous else 0
    state: Row = {}
    on_the_day_before = []
    for name, days in (("fitness", 42), ("fatigue", 7)):
        was = previous[name] if previous else 0.0
        on_the_day_before.append(was * math.exp(-(passed - 1) / days))
        state[name] = was * math.exp(-passed / days) + row["load"] * (1 - math.exp(-1 / days))
    return {**state, "form": on_the_day_before[0] - on_the_day_before[1]}


# --- Gyms -------------------------------------------------------------------------------------


def minutes(length: timedelta) -> float:
    """Return minutes to 2 decimals, half up, by whole numbers: a hundredth is 600,000 us."""
    return (length // MICROSECOND + 300_000) // 600_000 / 100


def gym_rows(visited: Row, workouts: Rows, zone: ZoneInfo) -> Rows:
    """Return a closed visit's rows from all completed workouts of its user."""
    login, logout = visited["login"], visited["logout"]
    row = {
        **visited,
        "date": login.astimezone(zone).date(),
        "minutes_in_gym": minutes(logout - login),
        "minutes_exercising": 0.0,
    }
    rows = []
    for workout in workouts:
        shared = min(logout, workout["end_time"]) - max(login, workout["start_time"])
        if shared > NOTHING:
            rows.append({**row, **workout, "minutes_exercising": minutes(shared)})
    return rows or [{**row, "workout_id": None, "session_id": None}]


def occupancy(visits: Rows, zone: ZoneInfo, longest: timedelta) -> Rows:
    """Return the hours of one gym from all its closed visits."""
    counted = [visit for visit in visits if NOTHING < visit["logout"] - visit["login"] <= longest]
    visitors = grouped(counted, "user_id").values()
    parts = [part for own in visitors for visit in merged(own) for part in by_hour(visit, zone)]
    return [hour_row(rows, zone) for rows in grouped(parts, "hour_start").values()]


def merged(visits: Rows) -> Rows:
    """Return the visits of one user with those that share more than an instant made one."""
    united: Rows = []
    for visit in sorted(visits, key=itemgetter("login")):
        if united and visit["login"] < united[-1]["logout"]:
            united[-1]["logout"] = max(united[-1]["logout"], visit["logout"])
        else:
            united.append({**visit})
    return united


def by_hour(visit: Row, zone: ZoneInfo) -> Iterator[Row]:
    """Return the part of a visit in each local clock hour."""
    begin = visit["login"]
    while begin < visit["logout"]:
        hour_start, next_hour = clock_hour(begin, zone)
        end = min(next_hour, visit["logout"])
        span = {"hour_start": hour_start, "begin": begin, "end": end}
        yield {**visit, **span, "is_entry": begin == visit["login"]}
        begin = end


def clock_hour(time: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when the local clock hour of an instant began, and when the next one begins.

    An hour begins when the clock shows it, and whenever the clock is put forward or back.
    """
    local = time.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    began, ended = time - past, time - past + HOUR
    while began.astimezone(zone).utcoffset() != local.utcoffset():
        began += SECOND
    while (ended - SECOND).astimezone(zone).utcoffset() != local.utcoffset():
        ended -= SECOND
    return began, ended


def hour_row(parts: Rows, zone: ZoneInfo) -> Row:
    """Return the row of an hour from the parts of visits in it."""
    hour_start = parts[0]["hour_start"]
    local = hour_start.astimezone(zone)
    present = [
        sum(other["begin"] <= part["begin"] < other["end"] for other in parts) for part in parts
    ]
    return {
        "gym": parts[0]["gym"],
        "hour_start": hour_start,
        "local_date": local.date(),
        "local_hour": local.hour,
        "weekday": local.isoweekday(),
        "visitors": len({part["user_id"] for part in parts}),
        "entries": sum(part["is_entry"] for part in parts),
        "person_minutes": sum((part["end"] - part["begin"] for part in parts), NOTHING) / MINUTE,
        "peak": max(present),
    }
