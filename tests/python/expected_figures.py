"""What the dashboard shows of a small lakehouse, computed in plain Python from its rows.

Each function returns the rows of a table on a page, with the columns of dashboard.queries.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from math import exp
from operator import itemgetter
from statistics import mean
from zoneinfo import ZoneInfo

import pytest

from tests.python.unit.small_lakehouse import BIG, ZONES, Row, SmallLakehouse, at

LONGEST_HOLD = 10  # seconds
K = 5  # members of a group that is shown


def close(row: Row) -> Row:
    """Return a row that equals others whose numbers differ by rounding."""
    return {
        name: pytest.approx(value) if isinstance(value, float) else value
        for name, value in row.items()
    }


def workouts(small: SmallLakehouse, user: int) -> list[Row]:
    """Return a user's workouts with their heart rates, the newest first."""
    bpm = {row["workout_id"]: row for row in small.of("gold.workout_bpm_summary", user_id=user)}
    found = [row | bpm[row["workout_id"]] for row in small.of("gold.workout_zones", user_id=user)]
    return sorted(found, key=itemgetter("start_time"), reverse=True)


def newest_workout(small: SmallLakehouse, number: int) -> Row:
    """Return the newest workout of a user, by number."""
    return workouts(small, BIG + number)[0]


def heart_rates(small: SmallLakehouse, workout: Row) -> list[Row]:
    instants = defaultdict(list)
    for row in small.of("silver.heart_rate", user_id=workout["user_id"], is_valid=True):
        if workout["start_time"] <= row["event_time"] < workout["end_time"]:
            instants[row["event_time"]].append(row["heartrate"])
    rows: list[Row] = []
    for time, values in sorted(instants.items()):
        minute = (time - workout["start_time"]).total_seconds() / 60
        is_gap = bool(rows) and (minute - rows[-1]["minute"]) * 60 > LONGEST_HOLD + 1e-6
        stretch = rows[-1]["stretch"] + is_gap if rows else 0
        rows.append({"minute": minute, "bpm": mean(values), "stretch": stretch})
    return rows


def zone_minutes(workout: Row) -> list[Row]:
    names = ("below", *(f"zone {number}" for number in range(1, 6)))
    seconds = [workout[name] for name in ZONES]
    rows = zip(names, seconds, strict=True)
    return [{"zone": name, "minutes": s / 60} for name, s in rows if s is not None]


def weeks(small: SmallLakehouse, user: int, today: date) -> list[Row]:
    days = small.of("gold.training_days", user_id=user)
    first = min(row["date"] for row in days)
    last = max(row["date"] for row in small.rows["gold.training_days"])
    rows: list[Row] = []
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        sunday = monday + timedelta(days=6)
        inside = [row for row in days if monday <= row["date"] <= sunday]
        sums = {name: sum(row[name] for row in inside) for name in ("workouts", "minutes", "load")}
        before = rows[-4:] if len(rows) >= 4 else []
        usual = {
            f"usual_{name}": mean(row[name] for row in before) if before else None
            for name in ("minutes", "load")
        }
        is_partial = first > monday or last < sunday or today <= sunday
        rows.append({"week": monday, **sums, **usual, "is_partial": is_partial})
        monday += timedelta(weeks=1)
    return rows


def training(small: SmallLakehouse, user: int, today: date) -> list[Row]:
    stored = {row["date"]: row for row in small.of("gold.training_days", user_id=user)}
    first = min(stored)
    rows: list[Row] = []
    for number in range((today - first).days + 1):
        day = first + timedelta(days=number)
        last = stored[max(known for known in stored if known <= day)]
        passed = (day - last["date"]).days
        row = {"date": day, "trained_on": last["date"], "load": 0.0 if passed else last["load"]}
        row["fitness"] = last["fitness"] * exp(-passed / 42)
        row["fatigue"] = last["fatigue"] * exp(-passed / 7)
        row["form"] = rows[-1]["fitness"] - rows[-1]["fatigue"] if passed else last["form"]
        rows.append({**row, "is_provisional": number < 42})
    return rows


def gym_days(small: SmallLakehouse, gym: int, first: date, last: date) -> list[Row]:
    rows = []
    for day in dates(first, last):
        summary = small.of("gold.gym_summary", gym=gym, date=day)
        visits = {(row["mac_address"], row["login"]): row["minutes_in_gym"] for row in summary}
        minutes = {
            "minutes_in_gym": sum(visits.values()),
            "minutes_exercising": sum(row["minutes_exercising"] for row in summary),
        }
        rows.append({"date": day, "visits": len(visits), **minutes})
    return rows


def gym_hours(
    small: SmallLakehouse, gym: int, zone: ZoneInfo, first: date, last: date
) -> list[Row]:
    shown: Counter[tuple[int, int]] = Counter()
    minute = at(first) - timedelta(days=1)
    while (local := minute.astimezone(zone)).date() <= last:
        if local.date() >= first:
            shown[local.isoweekday(), local.hour] += 1
        minute += timedelta(minutes=1)
    occupied = defaultdict(list)
    for row in small.of("gold.gym_occupancy", gym=gym):
        if first <= row["local_date"] <= last:
            occupied[row["weekday"], row["local_hour"]].append(row)
    rows = []
    for (weekday, hour), minutes in sorted(shown.items()):
        found = occupied[weekday, hour]
        present = sum(row["person_minutes"] for row in found)
        top = min(found, key=lambda row: (-row["peak"], row["hour_start"]), default=None)
        key = {"weekday": weekday, "hour": hour, "persons": present / minutes}
        of_peak = {"peak": top["peak"], "peak_hour_start": top["hour_start"]} if top else {}
        sums = {"person_minutes": present if found else None, "minutes": minutes}
        rows.append({**key, **sums, "peak": 0, "peak_hour_start": None, **of_peak})
    return rows


def inside(small: SmallLakehouse, gym: int, now: datetime) -> list[Row]:
    since: dict[int, datetime] = {}
    for row in small.of("silver.gym_logs", gym=gym, logout=None):
        if now - timedelta(hours=12) <= row["login"] <= now:
            since[row["user_id"]] = min(row["login"], since.get(row["user_id"], now))
    ordered = sorted(since.items(), key=itemgetter(1, 0))
    return [{"user_id": str(user), "since": login} for user, login in ordered]


def groups(small: SmallLakehouse, today: date) -> dict[str, list[Row]]:
    """Return the rows of each kind of group, for sizes that need no more than one group added."""
    profiles = {row["user_id"]: row for row in small.rows["silver.user_profile"]}
    members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for user in sorted({row["user_id"] for row in small.rows["silver.users"]}):
        profile = profiles.get(user, {})
        members["age"][age_group(profile.get("dob"), today)].append(user)
        members["city"][profile.get("city", "unknown")].append(user)
        members["gender"][profile.get("gender", "unknown")].append(user)
    rows = {}
    for kind, found in members.items():
        sizes = sorted(found, key=lambda name: len(found[name]))
        hidden = [name for name in sizes if len(found[name]) < K]
        if hidden and (len(hidden) < 2 or sum(len(found[name]) for name in hidden) < K):
            hidden.append(sizes[len(hidden)])
        shown = {name: users for name, users in sorted(found.items()) if name not in hidden}
        if hidden:
            shown["other groups"] = [user for name in hidden for user in found[name]]
        rows[kind] = [{"name": name, **trained(small, users)} for name, users in shown.items()]
    return rows


def trained(small: SmallLakehouse, users: Iterable[int]) -> Row:
    """Return how many users there are, and the sums of their workouts and minutes."""
    users = {*users}
    days = [row for row in small.rows["gold.training_days"] if row["user_id"] in users]
    sums = {name: sum(row[name] for row in days) for name in ("workouts", "minutes")}
    return {"members": len(users), **sums}


def age_group(born: date | None, today: date) -> str:
    if born is None:
        return "unknown"
    decade = (today.year - born.year - ((today.month, today.day) < (born.month, born.day))) // 10
    return "under 20" if decade < 2 else f"{decade}0 to {decade}9"


def landed_rows(small: SmallLakehouse, since: date) -> list[Row]:
    rows = []
    for table in sorted(name for name in small.rows if name.startswith("bronze.")):
        found = [row["_ingested_at"].date() for row in small.rows[table]]
        counts = Counter(day for day in found if day >= since)
        feed = table.removeprefix("bronze.")
        rows += [{"feed": feed, "day": day, "rows": n} for day, n in sorted(counts.items())]
    return rows


def quarantine(small: SmallLakehouse) -> list[Row]:
    def key(row: Row) -> tuple[date, str, str]:
        return row["_first_seen_at"].date(), row["feed"], row["reason"]

    lines = sorted(small.rows["silver.quarantine"], key=key)
    rows = [
        {"feed": feed, "reason": reason, "day": day, "lines": len([*found])}
        for (day, feed, reason), found in groupby(lines, key=key)
    ]
    return sorted(rows, key=lambda row: (-row["day"].toordinal(), row["feed"], row["reason"]))


def dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
