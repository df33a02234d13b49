"""The sections of pages and reports: figures and charts, made once for both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from dashboard import charts, queries
from dashboard.charts import Chart
from dashboard.lakehouse import Lake
from fitness.settings import project_vars
from fitness.status import Status

MOST_WEEKS = 26  # in a chart
DAYS = 28  # of visits, unless others are chosen
HR_MAX_SOURCES = {"age": "from the age", "set": "as set"}
OF_WORKOUT = ("minutes", "edwards_load", "min_bpm", "avg_bpm", "max_bpm", "hr_max", "recovery_60")


@dataclass(frozen=True)
class Figure:
    """A number for people, and a short `detail` to read with it, as its date."""

    value: str
    detail: str = ""


@dataclass(frozen=True)
class Plot:
    """A chart with its numbers as a table.

    `formula` is a key of FORMULAS, `width` relative to the other plots of the section.
    """

    title: str
    formula: str
    chart: Chart
    table: pd.DataFrame
    width: int = 1


@dataclass(frozen=True)
class Section:
    """A part of a page. `figures` have their keys in FORMULAS; `note` is what to know."""

    title: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    plots: tuple[Plot, ...] = ()
    note: str = ""


def today() -> date:
    """Return the date in UTC."""
    return datetime.now(UTC).date()


def newest_days(gym: Mapping[str, Any]) -> tuple[date, date]:
    """Return the first and the last of the newest days with visits to a row of queries.gyms()."""
    first, last = gym["first_date"].date(), gym["last_date"].date()
    return max(first, last - timedelta(days=DAYS - 1)), last


def text(value: Any, digits: int = 0) -> str:
    """Return a number for people; a dash if it is not known."""
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def workout(lake: Lake, found: Mapping[str, Any]) -> Section:
    """Return a workout, a row of queries.workouts()."""
    figures = {name: Figure(text(found[name], 1)) for name in OF_WORKOUT}
    if source := found["hr_max_source"]:
        figures["hr_max"] = Figure(text(found["hr_max"], 1), HR_MAX_SOURCES[source])
    figures["coverage"] = Figure(text(found["coverage"] * 100, 1))
    figures["longest_gap_seconds"] = Figure(text(found["longest_gap_seconds"], 1))
    title = f"Workout of {found['start_time']:%Y-%m-%d %H:%M} UTC"
    readings, minutes = queries.heart_rates(lake, found), charts.zone_minutes(found)
    if readings.empty:
        return Section(title, figures, note="No valid heart rate was measured during this workout.")
    curve = charts.heart_rate(readings, found)
    plots = [Plot("Heart rate over the zones", "avg_bpm", curve, readings, width=2)]
    if minutes.empty:
        note = "No zones: neither an age nor a maximum in the seed heart_rate_maxima is known."
        return Section(title, figures, tuple(plots), note)
    plots.append(Plot("Minutes by zone", "seconds_zone", charts.zones(minutes), minutes))
    return Section(title, figures, tuple(plots))


def weeks(lake: Lake, user_id: str, until: date) -> Section:
    """Return a member's weeks, compared with those before."""
    found = queries.weeks(lake, user_id, until)
    if found.empty:
        return Section("Weeks", note="There is no training yet.")
    figures, note = {}, "There is no whole week yet."
    for last in found[~found.is_partial].tail(1).itertuples():
        when = f"from {last.week:%a %Y-%m-%d}"
        figures["week_load"] = Figure(text(last.load, 1), when)
        figures["usual_load"] = Figure(text(last.usual_load, 1))
        note = ""
    chart = charts.weeks(found.tail(MOST_WEEKS))
    return Section("Weeks", figures, (Plot("Load by week", "week_load", chart, found),), note)


def training(lake: Lake, user_id: str, until: date) -> Section:
    """Return a member's fitness, fatigue and form, decayed until a day."""
    title, found = f"Fitness, fatigue and form on {until}", queries.training(lake, user_id, until)
    if found.empty:
        return Section(title, note="There is no training yet.")
    last = found.iloc[-1]
    provisional = found[found.is_provisional].date.max()
    note = (
        f"The last training was on {last.trained_on:%Y-%m-%d}; since then they have decayed. "
        f"The days until {provisional:%Y-%m-%d} are provisional: fitness takes 42 days to build up."
    )
    figures = {name: Figure(text(last[name], 1)) for name in ("fitness", "fatigue", "form")}
    plot = Plot("From day to day", "fitness", charts.training(found), found)
    return Section(title, figures, (plot,), note)


def inside(gym: Mapping[str, Any], people: pd.DataFrame) -> Section:
    """Return how many are inside a gym, a row of queries.gyms(), by queries.inside()."""
    share = f"of {text(gym['capacity'])}" if pd.notna(gym["capacity"]) else ""
    return Section("Now", {"inside": Figure(text(len(people)), share)})


def gym_days(lake: Lake, gym: Mapping[str, Any], first: date, last: date) -> Section:
    """Return the visits and exercising minutes of a gym, a row of queries.gyms(), by day."""
    found = queries.gym_days(lake, gym["gym"], first, last)
    names = {"visits": "Closed visits", "minutes_exercising": "Minutes exercising"}
    figures = {name: Figure(text(found[name].sum())) for name in names}
    plots = [
        Plot(f"{title} by day", name, charts.columns(found, "date", name, title.lower()), found)
        for name, title in names.items()
    ]
    title = f"{gym['name']}: visits and exercise, {first} to {last}"
    return Section(title, figures, tuple(plots))


def gym_hours(lake: Lake, gym: Mapping[str, Any], first: date, last: date) -> Section:
    """Return how full a gym, a row of queries.gyms(), was by weekday and hour."""
    title = f"{gym['name']}: persons inside, {first} to {last}"
    found = queries.gym_hours(lake, gym, first, last)
    found["peak_share"] = found.peak / gym["capacity"]
    peaks = found.dropna(subset="peak_hour_start")
    if peaks.empty:
        return Section(title, note="Nobody was there.")
    top = peaks.sort_values(["peak", "peak_hour_start"], ascending=[False, True]).iloc[0]
    share, hour = "", top.peak_hour_start.tz_convert(gym["time_zone"])
    if pd.notna(gym["capacity"]):
        share = f"of {text(gym['capacity'])} ({top.peak_share:.0%})"
    figures = {
        "peak": Figure(text(top.peak), share),
        "peak_hour_start": Figure(f"{hour:%a %H:%M}", f"{hour:%Y-%m-%d %Z}"),
    }
    plot = Plot("Persons by weekday and hour", "persons", charts.heatmap(found), found)
    note = f"Hours are those of {gym['time_zone']}."
    return Section(title, figures, (plot,), note)


def member_groups(lake: Lake) -> Section:
    """Return the members by age group, gender and city, without small groups."""
    kinds = dict([*queries.member_groups(lake).groupby("kind")])
    k = project_vars()["k_anonymity"]
    title = "Age, city and gender"
    if not kinds:
        return Section(title, note=f"There are fewer than {k} members: nothing is shown.")
    plots = [
        Plot(f"Members by {kind}", "members", charts.groups(groups), groups.drop(columns="kind"))
        for kind, groups in kinds.items()
    ]
    total = Figure(text(kinds["city"].members.sum()))
    note = f"Groups of fewer than {k}, and others that would reveal them, are put together."
    return Section(title, {"members": total}, tuple(plots), note)


def freshness(status: Status) -> Section:
    """Return how far each layer is behind."""
    layers = {"bronze": status.bronze, "silver": status.silver, "gold": status.gold}
    landed = [batch.landed_at for batch in status.batches.values() if batch.rows]
    newest = [f"{max(landed):%H:%M}", f"{max(landed):%Y-%m-%d}"] if landed else ["-"]
    waits = [f"{name} since {b.since:%Y-%m-%d %H:%M} UTC" for name, b in layers.items() if b.since]
    note = f"Waiting: {', '.join(waits)}." if waits else "All layers are up to date."
    counts = {name: Figure(text(backlog.count)) for name, backlog in layers.items()}
    return Section("Freshness", {"landed_at": Figure(*newest), **counts}, note=note)


def landed(lake: Lake, since: date) -> Section:
    """Return the rows that landed by feed and day."""
    found = queries.landed_rows(lake, since)
    if found.empty:
        return Section("Landed rows", note=f"Nothing has landed since {since}.")
    chart = charts.columns(found, "day", "rows", "rows", by="feed")
    return Section("Landed rows", plots=(Plot("Rows by feed and day", "rows", chart, found),))


def quarantine(refused: pd.DataFrame) -> Section:
    """Return the refused lines of queries.quarantine()."""
    if refused.empty:
        return Section("Quarantine", note="No line is in quarantine.")
    chart = charts.columns(refused, "day", "lines", "lines", by="reason")
    plot = Plot("Lines by feed, reason and day", "lines", chart, refused)
    return Section("Quarantine", {"lines": Figure(text(refused.lines.sum()))}, (plot,))
