"""A small lakehouse for the tests of the dashboard: made-up rows, written without Spark."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import exp
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from fitness import build_log
from fitness.build_log import BuildFigures
from fitness.delta_log import newest_versions

Row = dict[str, Any]
BIG = 2**62  # Ids that a browser would round.
MONDAY = date(2026, 1, 5)
NOW = datetime.now(UTC)
TO_COME = timedelta(hours=12)  # from now until a login that is in the future: longer than any test
ZONES = ["seconds_below", *[f"seconds_zone_{zone}" for zone in range(1, 6)]]

INSTANT, ID, NUMBER = pa.timestamp("us", "UTC"), pa.int64(), pa.float64()
AT_BPM = pa.list_(pa.struct([("bpm", NUMBER), ("seconds", NUMBER)]))
LINEAGE = {"_raw": pa.string(), "_source_file": pa.string(), "_ingested_at": INSTANT}
WORKOUT = {"user_id": ID, "workout_id": ID, "session_id": ID, "start_time": INSTANT}
SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "bronze.heart_rate_bz": {"device_id": ID, **LINEAGE},
    "bronze.gym_logins_bz": {"mac_address": pa.string(), **LINEAGE},
    "bronze.workouts_bz": {"user_id": ID, **LINEAGE},
    "ops.pseudonym_key": {"key": pa.string()},
    "silver.users": {"user_id": ID, "device_id": ID},
    "silver.user_profile": {
        "user_id": ID,
        "dob": pa.date32(),
        **dict.fromkeys(("gender", "first_name", "last_name"), pa.string()),
        **dict.fromkeys(("street_address", "city", "state"), pa.string()),
    },
    "silver.heart_rate": {
        "device_id": ID,
        "event_time": INSTANT,
        "event_date": pa.date32(),
        "user_id": ID,
        "heartrate": NUMBER,
        "is_valid": pa.bool_(),
    },
    "silver.gym_logs": {
        "mac_address": pa.string(),
        "gym": ID,
        "login": INSTANT,
        "logout": INSTANT,
        "user_id": ID,
    },
    "silver.quarantine": {
        **dict.fromkeys(("row_id", "feed", "reason", "raw", "_source_file"), pa.string()),
        "_first_seen_at": INSTANT,
    },
    "gold.gyms": {
        "gym": ID,
        "name": pa.string(),
        "time_zone": pa.string(),
        "capacity": pa.int32(),
    },
    "gold.workout_bpm_summary": {
        **WORKOUT,
        **dict.fromkeys(("min_bpm", "avg_bpm", "max_bpm"), NUMBER),
        "num_recordings": ID,
    },
    "gold.workout_zones": {
        **WORKOUT,
        "end_time": INSTANT,
        "hr_max": NUMBER,
        "hr_max_source": pa.string(),
        **dict.fromkeys(("seconds_measured", "coverage", "longest_gap_seconds", *ZONES), NUMBER),
        "edwards_load": NUMBER,
        "recovery_60": NUMBER,
        "seconds_at_bpm": AT_BPM,
    },
    "gold.training_days": {
        "user_id": ID,
        "date": pa.date32(),
        "workouts": ID,
        "unmeasured_workouts": ID,
        **dict.fromkeys(("minutes", "load", "fitness", "fatigue", "form"), NUMBER),
    },
    "gold.gym_summary": {
        "mac_address": pa.string(),
        "gym": ID,
        "login": INSTANT,
        "workout_id": ID,
        "session_id": ID,
        "date": pa.date32(),
        "minutes_in_gym": NUMBER,
        "minutes_exercising": NUMBER,
    },
    "gold.gym_occupancy": {
        "gym": ID,
        "hour_start": INSTANT,
        "local_date": pa.date32(),
        **dict.fromkeys(("local_hour", "weekday"), pa.int32()),
        **dict.fromkeys(("visitors", "entries", "peak"), ID),
        "person_minutes": NUMBER,
    },
}


def at(day: date, hour: float = 0) -> datetime:
    """Return an hour of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


@dataclass
class SmallLakehouse:
    """A lakehouse folder and the rows of its tables."""

    folder: Path
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def write(self, *names: str) -> None:
        """Write tables, by default all, each as a new version."""
        for name in names or self.rows:
            columns = SCHEMAS[name]
            rows = [{column: row.get(column) for column in columns} for row in self.rows[name]]
            write_deltalake(
                self.folder.joinpath(*name.split(".")),
                pa.Table.from_pylist(rows, schema=pa.schema([*columns.items()])),
                mode="overwrite",
                partition_by=["event_date"] if "event_date" in columns else None,
            )

    def log_build(self, minute: int = 0, **failures: str) -> None:
        """Log a build with the versions of now."""
        began = (at(MONDAY) + timedelta(minutes=minute)).isoformat()
        rows = {name: f"failures.{name}" for name in failures}
        versions = newest_versions(self.folder)
        layers = ["gold", "silver"]
        build_log.add(
            self.folder,
            BuildFigures(began, 5.0, [], layers, failures, rows, [], versions=versions),
        )

    def of(self, name: str, **values: object) -> list[Row]:
        """Return the rows of a table with these values."""
        return [row for row in self.rows[name] if all(row[key] == values[key] for key in values)]

    def reader_version(self, name: str) -> int:
        """Return which version of Delta's reader protocol a table needs."""
        return DeltaTable(self.folder.joinpath(*name.split("."))).protocol().min_reader_version


def small_lakehouse(folder: Path) -> SmallLakehouse:
    """Write a lakehouse and log its build."""
    small = SmallLakehouse(folder)
    small.rows = {name: [] for name in SCHEMAS} | people() | gym_rows() | pipeline_rows()
    small.rows |= workout_rows() | {"silver.heart_rate": [*readings()]}
    small.write()
    small.log_build()
    return small


def people() -> dict[str, list[Row]]:
    """Return 14 users, one without a profile: 6 women, 5 men and 2 others in two cities."""
    kinds = (
        [("F", "Oakland", 1990)] * 6 + [("M", "Berkeley", 1980)] * 5 + [("X", "Oakland", 2010)] * 2
    )
    profiles = [
        {
            "user_id": BIG + number,
            "dob": date(year, 1 + number % 12, 28),
            "gender": gender,
            "first_name": f"Anna{number}",
            "last_name": "<b>*Lee*</b>",
            "street_address": f"{number} Market Street",
            "city": city,
            "state": "CA",
        }
        for number, (gender, city, year) in enumerate(kinds, 1)
    ]
    users = [{"user_id": BIG + n, "device_id": BIG + d} for n in range(1, 15) for d in (n, n + 100)]
    key = {"key": "a key"}
    return {"silver.user_profile": profiles, "silver.users": users, "ops.pseudonym_key": [key]}


def workout_rows() -> dict[str, list[Row]]:
    """Return workouts of users 1 to 3 over ten weeks, and what gold makes of them."""
    summaries, zones, days = [], [], []
    for user in (1, 2, 3):
        past: Row = {}
        for day in range(user, 68, 2 + user):
            when = MONDAY + timedelta(days=day)
            is_first = (user, day) == (1, 1)  # the hardest, and the one with readings
            start = at(when, 23.75 if is_first else 17)
            end = start + timedelta(minutes=20 + day % 7)
            key = {
                "user_id": BIG + user,
                "workout_id": BIG + day,
                "session_id": BIG,
                "start_time": start,
            }
            bare = user == 3  # without an age
            seconds = [
                None if bare else 60.0 * (zone + day % 5 + 9 * is_first) for zone in range(6)
            ]
            load = None if bare else sum(k * (s or 0) / 60 for k, s in enumerate(seconds))
            zones.append(
                {
                    **key,
                    "end_time": end,
                    "hr_max": None if bare else 180.0,
                    "hr_max_source": None if bare else "age",
                    **dict(zip(ZONES, seconds, strict=True)),
                    "coverage": 0.5 + day / 200,
                    "longest_gap_seconds": 10.0 + day,
                    "edwards_load": load,
                    "recovery_60": None if day % 2 else 20.5 + day,
                }
            )
            bpm = {"min_bpm": 90.0 + day, "avg_bpm": 120.25 + day, "max_bpm": 150.0 + day}
            summaries.append({**key, **bpm, "num_recordings": 100})
            days.append(training_day(past, BIG + user, when, 20.0 + day % 7, load or 0.0))
            past = days[-1]
    return {
        "gold.workout_zones": zones,
        "gold.workout_bpm_summary": summaries,
        "gold.training_days": days,
    }


def training_day(past: Row, user: int, day: date, minutes: float, load: float) -> Row:
    """Return a row of training_days that follows on another."""
    passed = (day - past["date"]).days if past else 0
    row: Row = {"user_id": user, "date": day, "workouts": 1, "minutes": minutes, "load": load}
    left = {"fitness": 0.0, "fatigue": 0.0, "form": 0.0}
    for name, days in (("fitness", 42), ("fatigue", 7)):
        row[name] = past.get(name, 0.0) * exp(-passed / days) + load * (1 - exp(-1 / days))
        left[name] = past.get(name, 0.0) * exp(-(passed - 1) / days)
    return {**row, "unmeasured_workouts": 0, "form": left["fitness"] - left["fatigue"]}


def readings() -> Iterator[Row]:
    """Return the readings of user 1's first workout, which passes midnight, and others."""
    start = at(MONDAY + timedelta(days=1), 23.75)

    def reading(second: float, bpm: float, device: int = 1, user: int = 1) -> Row:
        time = start + timedelta(seconds=second)
        valid = 30 <= bpm <= 230
        of = {"device_id": BIG + device, "user_id": BIG + user, "event_date": time.date()}
        return {**of, "event_time": time, "heartrate": bpm, "is_valid": valid}

    for second in range(0, 1000):
        if not 300 <= second < 420:  # a gap
            yield reading(second, 80.0 + second / 10)
    yield from (reading(second, 100.0, device=2) for second in range(0, 20, 2))
    yield from (reading(second, 100.0) for second in (1100, 1120))  # each alone
    yield reading(1199.5, 250.0)  # not valid
    yield from (reading(second, 60.0) for second in (-1, 21 * 60))  # before and at the end
    yield reading(10, 70.0, device=3, user=2)
    yield reading(-30 * 86400, 70.0)


def gym_rows() -> dict[str, list[Row]]:
    """Return gyms, their visits over some days, and hours around changes of the clock."""
    gyms = [
        {"gym": 1, "name": "Castro", "time_zone": "America/Los_Angeles", "capacity": 40},
        {"gym": 2, "name": "Mitte", "time_zone": "Europe/Berlin", "capacity": None},
        {"gym": 3, "name": "Empty", "time_zone": "UTC", "capacity": 10},
    ]
    logs, summary = [], []
    for number in range(90):
        gym = (1, 2, 77)[number % 3]  # 77 is not in the seed.
        day = date(2026, 3, 5) + timedelta(days=number % 8)
        login = at(day, 17 + number / 60)
        visit = {"mac_address": f"mac{number % 4}", "gym": gym, "login": login}
        logs.append({**visit, "logout": login + timedelta(hours=1), "user_id": BIG + number % 11})
        for workout in range(number % 3 or 1):
            exercised = {
                "minutes_exercising": 10.25 + workout,
                "workout_id": workout,
                "session_id": 1,
            }
            summary.append({**visit, "date": day, "minutes_in_gym": 60.0, **exercised})
    open_visits = [
        (1, 1, -1.0),
        (1, 1, -2.0),
        (2, 1, -3.0),
        (3, 1, -12.5),
        (4, 1, TO_COME / timedelta(hours=1)),
        (5, 2, -1.0),
    ]
    for user, gym, hours in open_visits:
        login = NOW + timedelta(hours=hours)
        visit = {"mac_address": f"mac{hours}", "gym": gym, "login": login, "user_id": BIG + user}
        logs.append(visit | {"logout": None})
    closed = {"login": NOW - timedelta(hours=1), "logout": NOW}
    logs.append({"mac_address": "mac", "gym": 1, "user_id": BIG + 6, **closed})
    return {
        "gold.gyms": gyms,
        "silver.gym_logs": logs,
        "gold.gym_summary": summary,
        "gold.gym_occupancy": [*occupied_hours()],
    }


def occupied_hours() -> Iterator[Row]:
    """Return hours of gym 1 from 5 to 12 March 2026; the clock skips 2:00 on the 8th, a Sunday."""
    for number in range(8 * 24 - 1):
        start = at(date(2026, 3, 5), 8 + number)  # midnight in Los Angeles
        local = start - timedelta(hours=8 if start < at(date(2026, 3, 8), 10) else 7)
        persons = (number * 7) % 31
        if persons:
            yield {
                "gym": 1,
                "hour_start": start,
                "local_date": local.date(),
                "local_hour": local.hour,
                "weekday": local.isoweekday(),
                "visitors": persons,
                "entries": 1,
                "peak": persons,
                "person_minutes": persons * 41.5,
            }


def pipeline_rows() -> dict[str, list[Row]]:
    """Return landed rows of two feeds and lines in quarantine, of days up to today."""
    ages = [timedelta(days=days) for days in (0, 0, 1, 1, 1, 90)]
    landed = [{"_ingested_at": NOW - age, "_raw": "line", "_source_file": "f"} for age in ages]
    lines = [
        {
            "row_id": str(number),
            "feed": "heart_rate_bz",
            "reason": ("malformed", "unknown_device")[number % 2],
            "raw": f"raw line {number}",
            "_source_file": "f",
            "_first_seen_at": NOW - timedelta(days=number % 3),
        }
        for number in range(50)
    ]
    return {
        "bronze.heart_rate_bz": landed,
        "bronze.gym_logins_bz": landed[:2],
        "silver.quarantine": lines,
    }
