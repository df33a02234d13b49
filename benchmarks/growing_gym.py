"""A gym with a history; small and large pieces of new days can be landed on top of it."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fitness.samples.people import person
from fitness.samples.produce import World, produce
from fitness.samples.records import (
    MULTIPLEX,
    REGISTERED_USERS,
    REGISTERED_USERS_HEADER,
    USER_INFO,
    csv_line,
    mac_address,
    multiplex_line,
)
from python_ingest.atomic_write import atomic_write

START = datetime(2026, 1, 5, tzinfo=UTC)
USERS = 100
SEED = 7
NEW_DAYS = 12  # some devices change their owner halfway: land fewer than six
LATE = 2_000  # readings of the first day that are held back


class GrowingGym:
    """Days of `readings_a_day` readings, produced in advance outside of the landing folder."""

    def __init__(self, root: Path, landing: Path, history_days: int, readings_a_day: int) -> None:
        self.landing = landing
        self._late = root / "late.json"
        self._days = root / "days"
        made = {"history": (START, history_days)}
        made["new"] = (START + timedelta(days=history_days), NEW_DAYS)
        for name, (start, days) in made.items():
            world = World(
                users=USERS,
                days=days,
                seed=SEED,
                files=days,
                readings=days * readings_a_day,
                start=start,
            )
            produce(world, self._days / name)
        self._next_day = 0
        self._next_line = 0
        self._landed = 0

    def land_history(self) -> None:
        """Land the history except some readings of its first day."""
        files = sorted((self._days / "history" / MULTIPLEX).iterdir())
        lines = files[0].read_text().splitlines(keepends=True)
        readings = [line for line in lines if '"bpm"' in line]
        late = readings[len(readings) // 2 :][:LATE]
        held_back = set(late)
        files[0].write_text("".join(line for line in lines if line not in held_back))
        self._late.write_text("".join(late))
        shutil.copytree(self._days / "history", self.landing, dirs_exist_ok=True)

    def land_day(self) -> None:
        """Land the next new day, or what is left of it."""
        for file in (self._days / "new").glob(f"*/*-{self._next_day:05}.csv"):
            self._place(file.parent.name, file.suffix, file.read_text())
        self.land_readings(None)
        self._next_day, self._next_line = self._next_day + 1, 0

    def land_readings(self, count: int | None) -> None:
        """Land the next `count` lines of a new day; all remaining ones if None."""
        [day] = (self._days / "new" / MULTIPLEX).glob(f"*-{self._next_day:05}.json")
        lines = day.read_text().splitlines(keepends=True)[self._next_line :][:count]
        self._place(MULTIPLEX, ".json", "".join(lines))
        self._next_line += len(lines)

    def land_late_readings(self) -> None:
        """Land half of the readings of the first day that were held back."""
        lines = self._late.read_text().splitlines(keepends=True)
        self._late.write_text("".join(lines[LATE // 2 :]))
        self._place(MULTIPLEX, ".json", "".join(lines[: LATE // 2]))

    def land_profile_change(self) -> None:
        """Land another city of one user."""
        user = person(SEED, 0)
        at = (START + timedelta(days=1_000)).timestamp() + self._landed
        value: dict[str, object] = {"user_id": user.user_id, "update_type": "update"}
        value |= {"timestamp": at, **user.profile, "address": {"city": f"Town {self._landed}"}}
        self._place(
            MULTIPLEX,
            ".json",
            multiplex_line(
                USER_INFO, value, key=str(user.user_id), partition=0, offset=0, timestamp=at
            ),
        )

    def land_registration(self) -> None:
        """Land a user with a device of their own."""
        number = 900_000 + self._landed
        row = csv_line(number, number, mac_address(number), START.timestamp())
        self._place(REGISTERED_USERS, ".csv", csv_line(*REGISTERED_USERS_HEADER) + row)

    def _place(self, feed: str, suffix: str, text: str) -> None:
        self._landed += 1
        with atomic_write(self.landing / feed / f"piece-{self._landed:05}{suffix}") as file:
            file.write(text)
