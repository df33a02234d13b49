"""Charts, all made here, so that colours and axes are the same on pages, reports and notebooks."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

INK, ACCENT, SECOND, PALE = "#334155", "#2B6CB0", "#DD6B20", "#A9C6E4"
ZONES = {
    "below": "#C9D1DB",
    "zone 1": "#7DB3DE",
    "zone 2": "#4BAE7F",
    "zone 3": "#F2C744",
    "zone 4": "#F08A3C",
    "zone 5": "#D64550",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEGEND = alt.Legend(title=None, orient="top")
ZONE = alt.Color("zone:N", scale=alt.Scale(domain=[*ZONES], range=[*ZONES.values()]), legend=LEGEND)
WHOLE = alt.Axis(tickMinStep=1, format=",d")  # an axis of whole numbers
Chart = alt.Chart | alt.LayerChart | alt.FacetChart

alt.data_transformers.disable_max_rows()  # A workout has 3,600 readings an hour.


@alt.theme.register("fitness", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Return thin, grey axes and plain titles."""
    axis: alt.theme.AxisConfigKwds = {
        "domainColor": "#94A3B8",
        "gridColor": "#E2E8F0",
        "labelColor": "#475569",
        "tickColor": "#94A3B8",
        "titleColor": "#475569",
        "titleFontWeight": "normal",
    }
    return {"config": {"font": "sans-serif", "view": {"stroke": None}, "axis": axis}}


def zone_minutes(workout: Mapping[str, Any]) -> pd.DataFrame:
    """Return zone and minutes of a row of queries.workouts(); no rows if it has no zones."""
    seconds = [workout["seconds_below"], *[workout[f"seconds_zone_{zone}"] for zone in range(1, 6)]]
    frame = pd.DataFrame({"zone": [*ZONES], "minutes": seconds}).dropna()
    return frame.assign(minutes=frame.minutes / 60)


def heart_rate(readings: pd.DataFrame, workout: Mapping[str, Any]) -> Chart:
    """Draw queries.heart_rates() of a row of queries.workouts(), over the zones if it has any."""
    low, high = readings.bpm.min() - 5, readings.bpm.max() + 5
    duration = alt.Scale(domain=[0, workout["minutes"]], nice=False)
    minute = alt.X("minute:Q", title="minutes since the start", scale=duration)
    scale = alt.Scale(domain=[low, high], nice=False)
    bpm = alt.Y("bpm:Q", title="beats a minute", scale=scale)
    tip = [alt.Tooltip("minute:Q", format=".2f"), alt.Tooltip("bpm:Q", format=".1f")]
    # A stretch between two gaps may be a single reading, which a line does not show.
    alone = readings[readings.groupby("stretch").minute.transform("size") == 1]
    line = alt.Chart(readings).mark_line(color=INK, strokeWidth=1.5)
    point = alt.Chart(alone).mark_point(color=INK, size=8, filled=True)
    layers: list[Chart] = [
        line.encode(minute, bpm, detail="stretch:N", tooltip=tip),
        point.encode(minute, bpm, tooltip=tip),
    ]
    if pd.notna(workout["hr_max"]):
        begins = [workout["hr_max"] * percent / 100 for percent in (50, 60, 70, 80, 90)]
        bands = pd.DataFrame({"zone": [*ZONES], "bpm": [low, *begins], "to": [*begins, high]})
        bands[["bpm", "to"]] = bands[["bpm", "to"]].clip(low, high)
        band = alt.Chart(bands[bands.bpm < bands.to]).mark_rect(opacity=0.45)
        layers.insert(0, band.encode(y=bpm, y2="to:Q", color=ZONE))
    return alt.layer(*layers).properties(height=300)


def zones(minutes: pd.DataFrame) -> Chart:
    """Draw the minutes of zone_minutes()."""
    base = alt.Chart(minutes).encode(
        x=alt.X("minutes:Q", title="minutes"),
        y=alt.Y("zone:N", sort=[*ZONES][::-1], title=None),
        tooltip=["zone", alt.Tooltip("minutes:Q", format=".1f")],
    )
    bars = base.mark_bar().encode(color=ZONE.legend(None))
    return alt.layer(bars, labels(base, "minutes:Q", ".1f")).properties(height=190)


def weeks(frame: pd.DataFrame) -> Chart:
    """Draw the load of queries.weeks() with the mean of the four before; partial weeks are pale."""
    usual = "mean of the four weeks before"
    named = frame.assign(
        monday=frame.week.dt.strftime("%d %b %Y"),
        kind=frame.is_partial.map({True: "partial week", False: "week"}),
        usual=usual,
    )
    base = alt.Chart(named).encode(
        x=alt.X("monday:O", sort=None, title="week from Monday", axis=alt.Axis(labelAngle=-45)),
        tooltip=[
            "monday",
            "kind",
            "workouts",
            *[alt.Tooltip(f"{name}:Q", format=".1f") for name in ("minutes", "load", "usual_load")],
        ],
    )
    scale = alt.Scale(domain=["week", "partial week", usual], range=[ACCENT, PALE, INK])
    bars = base.mark_bar().encode(
        y=alt.Y("load:Q", title="load"), color=alt.Color("kind:N", scale=scale, legend=LEGEND)
    )
    means = base.mark_tick(thickness=3, opacity=1).encode(
        y="usual_load:Q", color=alt.Color("usual:N", scale=scale)
    )
    return alt.layer(bars, means).properties(height=260)


def training(frame: pd.DataFrame) -> Chart:
    """Draw fitness, fatigue and form of queries.training(); the provisional days are shaded."""
    names: list[str | alt.FieldName] = ["fitness", "fatigue", "form"]
    scale = alt.Scale(domain=names, range=[ACCENT, SECOND, INK])
    date = alt.X("date:T", title="date (UTC)", axis=alt.Axis(format="%d %b %Y", labelOverlap=True))
    lines = alt.Chart(frame).transform_fold(names, as_=["name", "value"]).mark_line()
    lines = lines.encode(
        x=date,
        y=alt.Y("value:Q", title="load a day"),
        color=alt.Color("name:N", scale=scale, legend=LEGEND),
        strokeDash=alt.condition("datum.name == 'form'", alt.value([4, 3]), alt.value([1, 0])),
        tooltip=["date:T", "name:N", alt.Tooltip("value:Q", format=".1f")],
    )
    early = frame[frame.is_provisional].date
    shade = alt.Chart(pd.DataFrame({"date": [early.min()], "to": [early.max()]}))
    band = shade.mark_rect(color="#94A3B8", opacity=0.2).encode(x=date, x2="to:T")
    return alt.layer(band, lines).properties(height=280)


def columns(frame: pd.DataFrame, x: str, y: str, title: str, by: str | None = None) -> Chart:
    """Draw a column for each date `x`, of height `y`, which `title` names, and stacked by `by`."""
    chart = alt.Chart(frame).encode(
        x=alt.X(f"yearmonthdate({x}):T", title=None, axis=alt.Axis(format="%d %b")),
        y=alt.Y(f"{y}:Q", title=title, axis=WHOLE),
        color=alt.Color(f"{by}:N", legend=LEGEND) if by else alt.value(ACCENT),
        tooltip=[alt.Tooltip(f"{x}:T", format="%a %d %b %Y"), *([by] if by else []), y],
    )
    bars: Chart = chart.mark_bar().properties(height=220)
    return bars


def heatmap(hours: pd.DataFrame) -> Chart:
    """Draw the mean number of persons by weekday and hour of queries.gym_hours()."""
    chart = alt.Chart(hours.assign(day=[WEEKDAYS[number - 1] for number in hours.weekday]))
    tooltip = ["day", "hour", alt.Tooltip("persons:Q", format=".1f"), "peak"]
    if "peak_share" in hours:
        tooltip.append(alt.Tooltip("peak_share:Q", title="peak of capacity", format=".0%"))
    squares: Chart = chart.mark_rect().encode(
        x=alt.X("hour:O", title="hour of the gym's clock", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("day:O", sort=WEEKDAYS, title=None),
        color=alt.Color(
            "persons:Q", title="persons", scale=alt.Scale(range=["#EEF3F9", "#1A4F8B"])
        ),
        tooltip=tooltip,
    )
    return squares.properties(height=240)


def groups(frame: pd.DataFrame) -> Chart:
    """Draw the members by group."""
    base = alt.Chart(frame).encode(
        x=alt.X("members:Q", title="members", axis=WHOLE),
        y=alt.Y("name:N", sort=None, title=None),
        tooltip=["name", "members"],
    )
    bars = base.mark_bar(color=ACCENT)
    return alt.layer(bars, labels(base, "members:Q", ",d")).properties(height=alt.Step(26))


def labels(base: alt.Chart, what: str, form: str) -> Chart:
    """Return numbers at the ends of bars."""
    texts = base.mark_text(align="left", dx=4, color=INK)
    encoded: Chart = texts.encode(text=alt.Text(what, format=form))
    return encoded
