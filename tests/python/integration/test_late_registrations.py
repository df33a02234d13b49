"""Facts that come before their registration, and a profile that comes after a later one."""

from dataclasses import dataclass

import pytest

from tests.python.lake import Key, Lake, rows_by_key
from tests.python.record_factory import RecordFactory, at, write_records
from tests.python.records import Record

pytestmark = pytest.mark.slow
ONE = RecordFactory(0)


@dataclass(frozen=True)
class Visitor:
    """Someone who trains once in a gym, with a device and a mac address of their own."""

    user: int

    @property
    def device(self) -> int:
        """Return their device's id."""
        return 10 + self.user

    @property
    def mac(self) -> str:
        """Return their mac address."""
        return ONE.mac(self.user)

    def registration(self) -> Record:
        """Return the record that makes them known."""
        return ONE.registration(self.user, self.device, self.user, 60)

    def facts(self) -> dict[Record, str]:
        """Return records that can come before the registration, and why they have to wait then."""
        return {
            ONE.reading(self.device, 20, 120): "unknown_device",
            ONE.workout(self.user, 1, "start", 10): "unknown_user",
            ONE.workout(self.user, 1, "stop", 30): "unknown_user",
            ONE.visit(self.user, 1, 5, 40): "unknown_mac",
        }


def land(lake: Lake, records: list[Record]) -> None:
    write_records(lake.settings.landing, records)
    lake.ingest()


def test_facts_wait_for_their_registration_and_are_in_gold_in_the_first_build_after_it(
    lake: Lake,
) -> None:
    """Facts that come before the first build, and in an increment; one of a stray device stays."""
    known, early, later = Visitor(1), Visitor(4), Visitor(5)
    stray = {ONE.reading(99, 20, 120): "unknown_device"}

    land(lake, [known.registration(), *known.facts(), *early.facts(), *stray])
    lake.build()
    assert_waiting(lake, {**early.facts(), **stray})
    assert_arrived(lake, [known])

    land(lake, [early.registration(), *later.facts()])
    lake.build_and_test()
    assert_waiting(lake, {**later.facts(), **stray})
    assert_arrived(lake, [known, early])

    land(lake, [later.registration()])
    lake.build_and_test()
    assert_waiting(lake, stray)
    assert_arrived(lake, [known, early, later])


def test_an_event_whose_profile_version_is_gone_is_accounted_for(lake: Lake) -> None:
    """An earlier event with the same profile replaces the version."""
    first = [ONE.registration(1, 11, 1, 0), ONE.profile(1, 10, "Oakland")]
    for records in (first, [ONE.profile(1, 5, "Oakland")]):
        land(lake, records)
        lake.build()
        lake.build_and_test("--select", "test_name:every_line_is_accounted_for")
    assert [row["valid_from"] for row in lake.rows("silver.user_profile_history")] == [at(5)]


def assert_waiting(lake: Lake, waiting: dict[Record, str]) -> None:
    found = sorted((row["raw"], row["reason"]) for row in lake.rows("silver.quarantine"))
    assert found == sorted((record.line, reason) for record, reason in waiting.items())
    assert not lake.differences()


def assert_arrived(lake: Lake, visitors: list[Visitor]) -> None:
    """Check that events and gold rows of these are there, and of nobody else."""
    expected: dict[str, set[Key]] = {
        "heart_rate": {(v.device, at(20)) for v in visitors},
        "workouts": {(v.user, 1, 1, "start", at(10)) for v in visitors}
        | {(v.user, 1, 1, "stop", at(30)) for v in visitors},
        "gym_logs": {(v.mac, 1, at(5)) for v in visitors},
        "workout_bpm_summary": {(v.user, 1, 1) for v in visitors},
        "gym_summary": {(v.mac, 1, at(5), 1, 1) for v in visitors},
    }
    assert {table: set(rows_by_key(lake, table)) for table in expected} == expected
    measured = lake.rows("gold.workout_bpm_summary")
    assert {(row["avg_bpm"], row["num_recordings"]) for row in measured} == {(120.0, 1)}
