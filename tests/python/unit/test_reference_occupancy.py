"""The reference's gym_occupancy against examples worked by hand from the contract."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.python.unit.reference_lines import GYMS, USERS, Land, Tables, values

# Users 1 and 2 have the macs a1, b1 and a2 from the beginning.
TWO = USERS + "1,11,a1,0\n1,11,b1,0\n2,22,a2,0\n"


def utc(text: str) -> datetime:
    """Return an instant; a time alone is of January 5, 2026."""
    text = text if "-" in text else f"2026-01-05 {text}"
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def visit(login: str, logout: str, mac: str = "a1", gym: int = 99) -> str:
    """Return the line of a visit; gym 99 is not in the seed, so its clock shows UTC."""
    ends = (utc(text).timestamp() if text else "" for text in (login, logout))
    return f"{mac},{gym},{','.join(map(str, ends))}\n"


def hours(made: Tables, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the hours in order, the hour as UTC text of day, hour and minute."""
    rows = values(made["gym_occupancy"], "hour_start", *columns)
    return [(f"{row[0]:%d %H:%M}", *row[1:]) for row in rows]


def test_a_visit_counts_in_each_hour_that_it_is_part_of(land: Land) -> None:
    made = land(TWO, GYMS + visit("22:45", "2026-01-06 01:00"))
    columns = ("gym", "local_date", "local_hour", "weekday", "visitors", "entries")
    assert hours(made, *columns, "person_minutes", "peak") == [
        ("05 22:00", 99, date(2026, 1, 5), 22, 1, 1, 1, 15.0, 1),
        ("05 23:00", 99, date(2026, 1, 5), 23, 1, 1, 0, 60.0, 1),
        ("06 00:00", 99, date(2026, 1, 6), 0, 2, 1, 0, 60.0, 1),
    ]


@pytest.mark.parametrize(
    ("first", "second", "entries", "person_minutes"),
    [
        (("10:00", "10:20"), ("10:10", "10:30"), 1, 30),
        (("10:00", "10:30"), ("10:10", "10:20"), 1, 30),
        (("10:00", "10:20"), ("10:00", "10:30"), 1, 30),
        (("10:00", "10:20"), ("10:19:59.999999", "10:30"), 1, 30),
        (("10:00", "10:20"), ("10:20", "10:30"), 2, 30),
        (("10:00", "10:10"), ("10:20", "10:30"), 2, 20),
    ],
)
def test_visits_of_one_user_that_share_more_than_an_instant_count_as_one(
    land: Land, first: tuple[str, str], second: tuple[str, str], entries: int, person_minutes: float
) -> None:
    """With two macs."""
    made = land(TWO, GYMS + visit(*second, mac="b1") + visit(*first))
    columns = ("visitors", "entries", "person_minutes", "peak")
    assert hours(made, *columns) == [("05 10:00", 1, entries, person_minutes, 1)]


def test_a_chain_of_overlapping_visits_counts_as_one(land: Land) -> None:
    lines = visit("10:00", "10:50") + visit("10:05", "10:10", "b1")
    lines += visit("10:40", "10:55", "b1") + visit("10:53", "11:30")
    columns = ("entries", "person_minutes")
    assert hours(land(TWO, GYMS + lines), *columns) == [("05 10:00", 1, 60.0), ("05 11:00", 0, 30)]


def test_visits_of_other_users_or_to_other_gyms_are_not_merged(land: Land) -> None:
    span = ("10:00", "10:30")
    made = land(TWO, GYMS + visit(*span) + visit(*span, mac="a2") + visit(*span, mac="b1", gym=98))
    columns = ("gym", "visitors", "entries", "person_minutes", "peak")
    assert hours(made, *columns) == [("05 10:00", 98, 1, 1, 30.0, 1), ("05 10:00", 99, 2, 2, 60, 2)]


def test_the_owner_of_the_mac_at_login_is_the_visitor(land: Land) -> None:
    handover = f"2,22,a1,{utc('10:20').timestamp()}\n"
    lines = visit("10:00", "10:30") + visit("10:20", "10:30")
    made = land(TWO + handover, GYMS + lines)
    assert hours(made, "visitors", "peak") == [("05 10:00", 2, 2)]


@pytest.mark.parametrize(
    ("logout", "minutes"),
    [
        ("", None),
        ("10:00", None),
        ("10:00:00.000001", 1 / 60 / 10**6),
        ("22:00", 720),
        ("22:00:00.000001", None),
    ],
)
def test_open_visits_and_those_of_no_length_or_over_twelve_hours_do_not_count(
    land: Land, logout: str, minutes: float | None
) -> None:
    made = land(TWO, GYMS + visit("10:00", logout))
    found = [row[1] for row in hours(made, "person_minutes")]
    assert sum(found) == (minutes or 0)
    assert bool(found) == (minutes is not None)


def test_the_longest_visit_is_a_variable_and_limits_no_merged_visit(land: Land) -> None:
    lines = visit("10:00", "12:00") + visit("11:59", "13:59", "b1")
    made = land(TWO, GYMS + lines, max_visit_hours=2)
    assert sum(row[1] for row in hours(made, "person_minutes")) == 239
    assert hours(land(max_visit_hours=1.99)) == []


def test_the_peak_counts_users_at_once_and_leaving_before_arriving(land: Land) -> None:
    lines = visit("10:00", "10:20") + visit("10:20", "10:40", "a2")
    columns = ("visitors", "peak")
    assert hours(land(TWO, GYMS + lines), *columns) == [("05 10:00", 2, 1)]
    lines = visit("10:19:59.999999", "10:25", "b1")
    assert hours(land(gyms=GYMS + lines), *columns) == [("05 10:00", 2, 2)]


def test_the_peak_of_an_hour_counts_those_who_came_before_it(land: Land) -> None:
    lines = visit("09:30", "10:10") + visit("09:40", "10:20", "a2")
    made = land(TWO, GYMS + lines)
    assert hours(made, "entries", "peak") == [("05 09:00", 2, 2), ("05 10:00", 0, 2)]


# --- Clocks: the visit is to gym 7 in a zone --------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "login", "logout", "expected"),
    [
        pytest.param(
            "America/Los_Angeles",
            "07:30",
            "08:30",
            [("05 07:00", 4, 23, 7, 30), ("05 08:00", 5, 0, 1, 30)],
            id="a Sunday's midnight",
        ),
        pytest.param(
            "Asia/Kolkata",
            "18:00",
            "19:00",
            [("05 17:30", 5, 23, 1, 30), ("05 18:30", 6, 0, 2, 30)],
            id="half hours",
        ),
        pytest.param(
            "Asia/Kathmandu",
            "18:00",
            "18:30",
            [("05 17:15", 5, 23, 1, 15), ("05 18:15", 6, 0, 2, 15)],
            id="quarter hours",
        ),
        pytest.param(
            "America/Los_Angeles",
            "2025-11-02 08:30",
            "2025-11-02 10:30",
            [("02 08:00", 2, 1, 7, 30), ("02 09:00", 2, 1, 7, 60), ("02 10:00", 2, 2, 7, 30)],
            id="a repeated hour",
        ),
        pytest.param(
            "America/Los_Angeles",
            "2026-03-08 09:30",
            "2026-03-08 10:30",
            [("08 09:00", 8, 1, 7, 30), ("08 10:00", 8, 3, 7, 30)],
            id="a skipped hour",
        ),
        pytest.param(
            "Australia/Lord_Howe",  # at 02:00 back to 01:30
            "2026-04-04 14:30",
            "2026-04-04 16:00",
            [("04 14:00", 5, 1, 7, 30), ("04 15:00", 5, 1, 7, 30), ("04 15:30", 5, 2, 7, 30)],
            id="half an hour repeated",
        ),
        pytest.param(
            "Australia/Lord_Howe",  # at 02:00 on to 02:30
            "2025-10-04 15:00",
            "2025-10-04 16:30",
            [("04 14:30", 5, 1, 7, 30), ("04 15:30", 5, 2, 7, 30), ("04 16:00", 5, 3, 7, 30)],
            id="half an hour skipped",
        ),
        pytest.param(
            "America/St_Johns",  # a minute after midnight back to 23:01
            "2010-11-07 02:00",
            "2010-11-07 04:00",
            [
                ("07 01:30", 6, 23, 6, 30),
                ("07 02:30", 7, 0, 7, 1),
                ("07 02:31", 6, 23, 6, 59),
                ("07 03:30", 7, 0, 7, 30),
            ],
            id="a clock put back within an hour",
        ),
    ],
)
def test_hours_are_those_of_the_gyms_clock(
    land: Land, zone: str, login: str, logout: str, expected: list[tuple[Any, ...]]
) -> None:
    lines = GYMS + visit(login, logout, gym=7)
    made = land(TWO, lines, gym_time_zones={7: zone})
    rows = hours(made, "local_date", "local_hour", "weekday", "person_minutes")
    assert [(start, day.day, *others) for start, day, *others in rows] == expected
    by_default = land(gym_time_zones={}, default_time_zone=zone)
    assert by_default["gym_occupancy"] == made["gym_occupancy"]
