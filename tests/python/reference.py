"""What silver and gold must hold, computed in plain Python from the landing folder alone.

It follows the tables' contract sentence by sentence and shares no code with the project: a bug goes
unnoticed only if it is in both. It reads everything at once and is not fast. The rules are in
reference_landing, reference_silver and reference_gold; here they are put together.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from itertools import chain
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.python.reference_gold import (
    GOLD,
    ZoneRules,
    bpm_summary,
    gym_rows,
    occupancy,
    training_rows,
    workout_zones,
)
from tests.python.reference_landing import (
    SESSION,
    Intake,
    Line,
    Row,
    Rows,
    csv_feed,
    multiplex_feed,
    profile_event,
    reading,
    registration,
    visit,
    workout_event,
)
from tests.python.reference_silver import (
    BEGINNING,
    SILVER,
    grouped,
    owner,
    ownerships,
    profile_versions,
    session,
)

COLUMNS = SILVER | GOLD
KEYS = {table: tuple(names.split("|")[0].split()) for table, names in COLUMNS.items()}
SCHEMA = {table: tuple(names.replace("|", " ").split()) for table, names in COLUMNS.items()}

GYM_TIME_ZONES = dict.fromkeys(range(1, 11), "America/Los_Angeles")


def one_by_key(table: str, rows: Iterable[Row], choose: Callable[[Rows], Row]) -> Rows:
    return [choose(group) for group in grouped(rows, *KEYS[table]).values()]


def tables(
    landing: Path,
    *,
    heart_rate_min: float = 30,
    heart_rate_max: float = 230,
    max_session_hours: float = 3,
    max_hold_seconds: float = 10,
    age_min: float = 5,
    age_max: float = 100,
    max_visit_hours: float = 12,
    gym_time_zones: Mapping[int, str] = GYM_TIME_ZONES,
    default_time_zone: str = "UTC",
    heart_rate_maxima: Iterable[tuple[int, date, float]] = (),
) -> dict[str, list[dict[str, object]]]:
    """Return every silver and gold table of the records in `landing`, with the columns of SCHEMA.

    Instants are aware and in UTC; quarantine has a row for each distinct feed, fields by name and
    raw line. Raises OSError when the folder cannot be read.
    """
    read = Intake()
    registrations = read.accepted(csv_feed(landing, "registered_users_bz"), registration)
    users = {row["user_id"] for row in registrations}
    devices = ownerships(registrations, "device_id", "mac_address")
    macs = ownerships(registrations, "mac_address", "device_id")
    of_feed: dict[str, list[Line]] = defaultdict(list)
    for line in multiplex_feed(landing):
        of_feed[line.feed].append(line)
    read.accepted(of_feed["unrouted_bz"], registration)  # all are malformed: none is parsed
    history = profile_versions(read.accepted(of_feed["user_info_bz"], profile_event))
    known_user, known_mac = ("user_id", users, "unknown_user"), ("mac_address", macs, "unknown_mac")
    known_device = ("device_id", devices, "unknown_device")
    events = read.accepted(of_feed["workouts_bz"], workout_event, known_user)
    readings = read.accepted(of_feed["heart_rate_bz"], reading, known_device)
    visits = read.accepted(csv_feed(landing, "gym_logins_bz"), visit, known_mac)

    longest = timedelta(hours=max_session_hours)
    sessions = [session(group, longest) for group in grouped(events, *SESSION).values()]
    completed = [row for row in sessions if row["state"] == "completed"]
    heart_rate = one_by_key("heart_rate", readings, lambda g: max(g, key=itemgetter("rank")))
    for row in heart_rate:
        row["event_date"] = row["event_time"].date()
        row["user_id"] = owner(devices[row["device_id"]], row["event_time"])
        row["is_valid"] = heart_rate_min <= row["heartrate"] <= heart_rate_max
    gym_logs = one_by_key(
        "gym_logs", visits, lambda g: max(g, key=lambda row: row["logout"] or BEGINNING)
    )
    for row in gym_logs:
        row["user_id"] = owner(macs[row["mac_address"]], row["login"])
    profiles = [row for row in history if row["is_current"]]

    profile_of = {row["user_id"]: row for row in profiles}
    readings_of = grouped(heart_rate, "user_id")
    workouts_of = grouped(completed, "user_id")
    rules = ZoneRules(
        timedelta(seconds=max_hold_seconds), age_min, age_max, tuple(heart_rate_maxima)
    )
    summaries, zones = [], []
    for row in completed:
        user = (row["user_id"],)
        summary = bpm_summary(row, profile_of.get(row["user_id"], {}), readings_of[user])
        summaries.append(summary)
        zones.append(workout_zones(summary, readings_of[user], workouts_of[user], rules))
    visit_rows, hours = [], []
    for (gym,), visits_of_gym in grouped(gym_logs, "gym").items():
        zone = ZoneInfo(gym_time_zones.get(gym, default_time_zone))
        closed = [row for row in visits_of_gym if row["logout"] is not None]
        for row in closed:
            visit_rows += gym_rows(row, workouts_of[row["user_id"],], zone)
        hours += occupancy(closed, zone, timedelta(hours=max_visit_hours))
    made: dict[str, Iterable[Row]] = {
        "users": one_by_key(
            "users", registrations, lambda g: min(g, key=itemgetter("registered_at", "mac_address"))
        ),
        "device_assignments": chain(*devices.values()),
        "mac_assignments": chain(*macs.values()),
        "user_profile": profiles,
        "user_profile_history": history,
        "workouts": one_by_key("workouts", events, lambda g: g[0]),
        "workout_sessions": sessions,
        "completed_workouts": completed,
        "heart_rate": heart_rate,
        "gym_logs": gym_logs,
        "quarantine": read.refused.values(),
        "workout_bpm_summary": summaries,
        "gym_summary": visit_rows,
        "workout_zones": zones,
        "training_days": chain(*map(training_rows, grouped(zones, "user_id").values())),
        "gym_occupancy": hours,
    }
    return {
        table: [{name: row[name] for name in SCHEMA[table]} for row in rows]
        for table, rows in made.items()
    }
