"""A large lakehouse for pictures of the pages: an invented gym that ends now, without Spark.

Members come at hours and weekdays as in a real gym, unlike those of `fitness produce`. The tables
are what tests/python/reference.py makes of the landing files.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from fitness import build_log, ingest_log
from fitness.build_log import BuildFigures
from fitness.delta_log import newest_versions
from fitness.ingest_log import LoggedBatch
from fitness.samples import records
from fitness.samples.people import Person, drawn, heart_rates, person
from fitness.samples.rows import Readings, Row, action, gym_login, sign_up
from fitness.settings import PROJECT
from tests.python.reference import tables
from tests.python.reference_gold import GOLD
from tests.python.unit.small_lakehouse import SCHEMAS, SmallLakehouse
from tests.python.unit.small_lakehouse import Row as TableRow

SEED, MEMBERS, WEARERS = 1, 1000, 12  # a wearer's device sends heart rates
WEEKS, VISIT_WEEKS = 20, 5  # of the wearers, of the others
EVERY = 10  # seconds between readings but in the newest week: as long as each of them holds
ZONE = ZoneInfo("America/Los_Angeles")
GYMS, SHARES = (1, 2, 3, 4), (5, 3, 1, 4)
HOURS = {6: 6, 7: 9, 8: 6, 9: 3, 10: 2, 11: 3, 12: 6, 13: 4, 14: 2, 15: 2, 16: 5, 17: 11}
HOURS |= {18: 13, 19: 9, 20: 5, 21: 2}
WEEKEND = {8: 3, 9: 8, 10: 11, 11: 10, 12: 6, 13: 4, 14: 4, 15: 4, 16: 3, 17: 2}
DAYS = (0.5, 0.45, 0.5, 0.42, 0.3, 0.34, 0.24)  # shares of the members who come, from Monday
BAD = {"malformed": 31, "unknown_device": 22, "bad_value": 9, "unknown_mac": 14}


@dataclass
class Landing:
    """Lines of landing files, by folder."""

    folder: Path
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, *rows: Row | Readings) -> None:
        """Add records."""
        for row in rows:
            self.lines[row.folder] += row.lines(0).splitlines(keepends=True)

    def write(self) -> None:
        """Write a file for each folder."""
        for name, lines in self.lines.items():
            header = (
                records.csv_line(*records.CSV_HEADERS[name]) if name in records.CSV_HEADERS else ""
            )
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            (self.folder / name / "sample").write_text(header + "".join(lines))


def land(folder: Path, now: datetime) -> None:
    """Write the landing files of the gym until `now`."""
    landing = Landing(folder)
    for index in range(MEMBERS):
        user = person(SEED, index)
        random = drawn("sample", index)
        landing.add(*sign_up(user))
        for day in range(7 * (WEEKS if index < WEARERS else VISIT_WEEKS), -1, -1):
            date = now.astimezone(ZONE).date() - timedelta(days=day)
            if random.random() < DAYS[date.weekday()] * (1.4 if index < WEARERS else 0.8):
                hours = WEEKEND if date.weekday() > 4 else HOURS
                [hour] = random.choices([*hours], [*hours.values()])
                start = datetime.combine(date, time(hour, random.randrange(60)), ZONE)
                landing.add(*session(user, random, start, day // 7, now))
        if random.random() < 0.04:
            entered = now - timedelta(minutes=random.randrange(4, 75))
            [gym] = random.choices(GYMS, SHARES)
            landing.add(gym_login(user.mac, gym, int(entered.timestamp()), None))
    landing.write()


def session(
    user: Person, random: Random, start: datetime, weeks_ago: int, now: datetime
) -> Iterator[Row | Readings]:
    """Return a workout and the visit around it, if it ends before `now`."""
    # Each fourth week is an easy one; before it they become longer.
    place = (weeks_ago + user.index) % 4
    longer = 1 + 0.15 * (3 - place) if place else 0.6
    seconds, first = int(random.randint(1700, 3600) * longer), int(start.timestamp())
    end = first + seconds
    [gym] = random.choices(GYMS, SHARES)
    login, logout = first - random.randint(120, 600), end + random.randint(120, 1500)
    if logout < now.timestamp():
        yield action(user, (first, 0), "start", first)
        yield action(user, (first, 0), "stop", end)
        yield gym_login(user.mac, gym, login, logout)
        if user.index < WEARERS:
            rates = heart_rates(random, user, seconds + 600, 300)
            for second in range(0, len(rates), EVERY if weeks_ago else 1):
                yield Readings(user.device_id, first - 300 + second, rates[second : second + 1])


def sample_lakehouse(landing: Path, lakehouse: Path, now: datetime) -> SmallLakehouse:
    """Write the lakehouse of the gym with its logs. It takes a minute."""
    land(landing, now)
    sample, random = SmallLakehouse(lakehouse), drawn("sample")
    for name, rows in tables(landing).items():
        table = f"{'gold' if name in GOLD else 'silver'}.{name}"
        if table in SCHEMAS:  # The pages read no others.
            sample.rows[table] = rows
    with (PROJECT / "seeds" / "gyms.csv").open() as file:
        sample.rows["gold.gyms"] = [
            {**row, "gym": int(row["gym"]), "capacity": int(row["capacity"] or 0) or None}
            for row in csv.DictReader(file)
        ]
    sample.rows["ops.pseudonym_key"] = [{"key": "of the sample"}]
    sample.rows["silver.quarantine"] = [*refused(random, now)]
    sample.rows |= landed(sample.rows, now)
    sample.write()
    write_logs(sample, now)
    return sample


def refused(random: Random, now: datetime) -> Iterator[TableRow]:
    """Return lines in quarantine of the last twelve days."""
    for reason, count in BAD.items():
        feed = "gym_logins_bz" if reason == "unknown_mac" else "heart_rate_bz"
        for number in range(count):
            seen = now - timedelta(days=min(int(random.expovariate(0.3)), 11), minutes=number)
            raw = {"raw": f'{{"device_id":{number},"time":', "_source_file": "part-00007.json"}
            row = {"row_id": f"{reason}{number}", "feed": feed, "reason": reason, **raw}
            yield row | {"_first_seen_at": seen}


def landed(rows: dict[str, list[TableRow]], now: datetime) -> dict[str, list[TableRow]]:
    """Return bronze tables: a row lands within the hour after its event."""
    events = {
        "heart_rate_bz": [
            row["event_time"]
            for row in rows["silver.heart_rate"]
            if row["event_time"].second % EVERY == 0
        ],
        "workouts_bz": [row["start_time"] for row in rows["gold.workout_zones"]],
        "gym_logins_bz": [row["login"] for row in rows["silver.gym_logs"]],
    }
    return {
        f"bronze.{feed}": [
            {"_ingested_at": min(at + timedelta(hours=1), now)}
            for at in times
            if now - at < timedelta(days=31)
        ]
        for feed, times in events.items()
    }


def write_logs(sample: SmallLakehouse, now: datetime) -> None:
    """Log a batch and builds, one an hour, of which one has failed."""
    versions = newest_versions(sample.folder)
    for hours in range(12, -1, -1):
        began = (now - timedelta(hours=hours, minutes=2)).astimezone(UTC).isoformat()
        failures = {"unique_users_user_id": "Got 2 results, configured to fail if != 0"}
        figures = BuildFigures(
            *(began, 41.3 + 5 * (hours % 3), [], ["silver", "gold"]),
            *(failures if hours == 7 else {}, {}, []),
            versions=versions,
        )
        build_log.add(sample.folder, figures)
    began = (now - timedelta(minutes=4)).astimezone(UTC).isoformat()
    counts = {"heart_rate_bz": 1800, "workouts_bz": 12}
    batch = LoggedBatch("kafka_multiplex_bz", 1, began, 6.0, 3, counts, 0, 0, None, None, [], {})
    ingest_log.add(sample.folder, batch)
