"""What a page must show, compared with what plain Python computes from the rows of the tables."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard.formulas import FORMULAS
from tests.python import expected_figures as expected
from tests.python.browser.pages import SECONDS, TIME_ZONE, Dashboard, Mark
from tests.python.unit.small_lakehouse import NOW, Row, SmallLakehouse

TODAY = NOW.date()


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def labelled(**figures: str) -> dict[str, str]:
    """Return figures by their label instead of their key."""
    return {FORMULAS[name].label: text for name, text in figures.items()}


def assert_tables(dashboard: Dashboard, *tables: Sequence[Row]) -> None:
    """Check how many rows the tables of a page have, and the cells on the screen."""
    found = dashboard.tables()
    assert [count for count, _ in found] == [len(rows) for rows in tables]
    for (_, shown), rows in zip(found, tables, strict=True):
        assert shown
        for cells, row in zip(shown, rows, strict=False):
            for name, value in row.items():
                assert is_shown(cells[name.replace("_", " ")], value), (name, cells, row)


def is_shown(text: str, value: Any) -> bool:
    """Return whether a cell has a value."""
    match value:
        case None:
            return text == ""
        case bool():
            return text == str(value).lower()
        case str():
            return text == value
        case datetime():
            return datetime.fromisoformat(text) == value.replace(microsecond=0)
        case date():
            return text == value.isoformat()
    return float(text) == pytest.approx(value)


def assert_marks(marks: list[Mark], rows: Sequence[Row], *names: str, **places: str) -> None:
    """Check that there is a mark for each row, with its values, and drawn in proportion to them.

    `places` has the name of a value for x, y, width or height; the last two begin at 0.
    """
    assert len(marks) == len(rows)
    for name in names:
        values = [as_drawn(row[name], mark[name]) for row, mark in zip(rows, marks, strict=True)]
        assert [mark[name] for mark in marks] == pytest.approx(values)
    for place, name in places.items():
        pairs = [(as_drawn(row[name]), mark[place]) for mark, row in zip(marks, rows, strict=True)]
        (low, start), (high, end) = min(pairs), max(pairs)
        if place in ("width", "height"):
            low, start = 0, 0
        slope = (end - start) / (high - low) if high > low else 0
        assert high == low or (slope < 0) == (place == "y")
        pixels = [start + (value - low) * slope for value, _ in pairs]
        assert [pixel for _, pixel in pairs] == pytest.approx(pixels, abs=0.01)


def as_drawn(value: Any, like: Any = None) -> Any:
    """Return a date as text, if a mark has text, or in milliseconds of the browser's clock."""
    if not isinstance(value, date):
        return value
    if isinstance(like, str):
        return value.isoformat()
    return datetime.combine(value, time(), ZoneInfo(TIME_ZONE)).timestamp() * 1000


def of_type(marks: list[list[Mark]], kind: str) -> list[list[Mark]]:
    return [items for items in marks if items[0]["type"] == kind]


def check_member(dashboard: Dashboard, small: SmallLakehouse, workout: Row) -> None:
    """Check all that is on the page of a member with a workout."""
    weeks = expected.weeks(small, workout["user_id"], TODAY)
    training = expected.training(small, workout["user_id"], TODAY)
    rates, zones = expected.heart_rates(small, workout), expected.zone_minutes(workout)
    last = [week for week in weeks if not week["is_partial"]][-1]
    seconds = (workout["end_time"] - workout["start_time"]).total_seconds()
    names = ("edwards_load", "min_bpm", "avg_bpm", "max_bpm", "recovery_60", "longest_gap_seconds")
    source = " from the age" if workout["hr_max_source"] else ""
    assert dashboard.figures() == labelled(
        minutes=number(seconds / 60),
        coverage=number(workout["coverage"] * 100),
        hr_max=number(workout["hr_max"]) + source,
        week_load=f"{number(last['load'])} from {last['week']:%a %Y-%m-%d}",
        usual_load=number(last["usual_load"]),
        **{name: number(workout[name]) for name in names},
        **{name: number(training[-1][name]) for name in ("fitness", "fatigue", "form")},
    )
    assert_tables(
        dashboard, *[rows for rows in (rates, zones if rates else []) if rows], weeks, training
    )
    check_weeks(dashboard.marks("Load by week"), weeks)
    check_training(dashboard.marks("From day to day"), training)
    if rates:
        check_heart_rate(dashboard.marks("Heart rate over the zones"), rates, workout["hr_max"])
        bars, texts = dashboard.marks("Minutes by zone")
        assert_marks(bars, zones, "zone", "minutes", width="minutes")
        assert [mark["text"] for mark in texts] == [number(row["minutes"]) for row in zones]


def check_heart_rate(marks: list[list[Mark]], rates: list[Row], hr_max: float) -> None:
    """Check the lines, single points, tooltips and zones; all of them have the same axes."""
    lines, [points], [tooltips], [bands] = (
        of_type(marks, kind) for kind in ("line", "symbol", "rule", "rect")
    )
    stretches = [[*found] for _, found in groupby(rates, itemgetter("stretch"))]
    for line, rows in zip(lines, stretches, strict=True):
        assert [mark["bpm"] for mark in line] == pytest.approx([row["bpm"] for row in rows])
    alone = [rows[0] for rows in stretches if len(rows) == 1]
    bpm = [row["bpm"] for row in rates]
    edges = [min(bpm) - 5, *(hr_max * share / 10 for share in range(5, 10)), max(bpm) + 5]
    ends = [{"bpm": end} for end in edges[1:]]
    spans = [{"span": end - start} for start, end in pairwise(edges)]
    every = len(rates) // 500 + 1
    assert_marks(bands, spans, height="span")
    assert_marks([*chain(*lines), *points], [*rates, *alone], "minute", x="minute")
    assert_marks([*chain(*lines), *points, *bands], [*rates, *alone, *ends], y="bpm")
    assert_marks(tooltips, rates[::every], "minute", "bpm", x="minute")


def check_weeks(marks: list[list[Mark]], weeks: list[Row]) -> None:
    """Check the columns of the loads and the lines of the means."""
    bars, means = marks
    compared = [week for week in weeks if week["usual_load"] is not None]
    assert_marks(bars, weeks, "week", "load", height="load")
    assert_marks(means, compared, "week", "usual_load")
    for mark in means:
        mark["y"] += mark["height"] / 2
    loads = [{"y": week["load"]} for week in weeks] + [{"y": w["usual_load"]} for w in compared]
    assert_marks([*bars, *means], loads, y="y")
    pale = {mark["fill"] for mark, week in zip(bars, weeks, strict=True) if week["is_partial"]}
    full = {mark["fill"] for mark, week in zip(bars, weeks, strict=True) if not week["is_partial"]}
    assert len(pale) == len(full) == 1
    assert pale != full


def check_training(marks: list[list[Mark]], training: list[Row]) -> None:
    """Check the three lines, which share their axes, the tooltips and the provisional days."""
    lines, [tooltips], [[band]] = (of_type(marks, kind) for kind in ("line", "rule", "rect"))
    names = ("fitness", "fatigue", "form")
    rows = [{"date": row["date"], "value": row[name]} for name in names for row in training]
    assert [line[0]["name"] for line in lines] == [*names]
    assert_marks([*chain(*lines)], rows, "date", "value", x="date", y="value")
    assert_marks(tooltips, training, "date", "load", *names, x="date")
    early = [row["date"] for row in training if row["is_provisional"]]
    assert [band["date"], band["to"]] == [as_drawn(early[0]), as_drawn(early[-1])]


def check_gym(
    dashboard: Dashboard, small: SmallLakehouse, gym: Row, first: date, last: date
) -> None:
    """Check all that is on the page of a gym with the days chosen."""
    zone, capacity = gym["time_zone"], gym["capacity"]
    now = datetime.now(UTC)
    people = expected.inside(small, gym["gym"], now)
    days = expected.gym_days(small, gym["gym"], first, last)
    hours = expected.gym_hours(small, gym["gym"], ZoneInfo(zone), first, last)
    figures = {
        name: number(sum(day[name] for day in days), 0) for name in ("visits", "minutes_exercising")
    }
    figures["inside"] = str(len(people)) + (f" of {capacity}" if capacity else "")
    tables = [
        [{"user_id": row["user_id"], f"since ({zone})": row["since"]} for row in people],
        days,
    ]
    if any(hour["peak"] for hour in hours):
        top = min(hours, key=lambda row: (-row["peak"], row["peak_hour_start"] or now))
        share = f" of {capacity} ({top['peak'] / capacity:.0%})" if capacity else ""
        when = top["peak_hour_start"].astimezone(ZoneInfo(zone))
        figures["peak"] = f"{top['peak']}{share}"
        figures["peak_hour_start"] = f"{when:%a %H:%M %Y-%m-%d %Z}"
        tables.append([{**row, "peak_share": row["peak"] / capacity} for row in hours])
        check_hours(dashboard.marks("Persons by weekday and hour"), hours)
    assert dashboard.figures() == labelled(**figures)
    assert_tables(dashboard, *tables)
    minutes = [(now - row["since"]).total_seconds() / 60 for row in people]
    [(_, shown), *_] = dashboard.tables()
    assert [float(row["minutes"]) for row in shown] == pytest.approx(minutes, abs=SECONDS / 60)
    for name, title in (("visits", "Closed visits"), ("minutes_exercising", "Minutes exercising")):
        [bars] = dashboard.marks(f"{title} by day")
        assert_marks(bars, days, "date", name, height=name)


def check_hours(marks: list[list[Mark]], hours: list[Row]) -> None:
    """Check the squares: the more persons, the darker."""
    [squares] = marks
    assert_marks(squares, hours, "weekday", "hour", "persons", "peak", x="hour")
    assert_marks(squares, [{"below": -row["weekday"]} for row in hours], y="below")
    ordered = sorted(squares, key=itemgetter("persons"))
    reds = [int(re.findall(r"\d+", mark["fill"])[0]) for mark in ordered]
    assert reds == sorted(reds, reverse=True)
    assert reds[0] - reds[-1] > 100
