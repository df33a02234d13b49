"""Charts, all made here, so that colours and axes are the same on pages, reports and notebooks."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

INK, ACCENT, SECOND, PALE, GREY = "#334155", "#2B6CB0", "#DD6B20", "#A9C6E4", "#64748B"
KINDS = ("#2B6CB0", "#4BAE7F", "#F2C744", "#D64550", "#8B6FB8", "#7DB3DE", "#F08A3C", "#94A3B8")
ZONES = {
    "below": "#C9D1DB",
    "zone 1": "#7DB3DE",
    "zone 2": "#4BAE7F",
    "zone 3": "#F2C744",
    "zone 4": "#F08A3C",
    "zone 5": "#D64550",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# In rows of three where it would be wider than a phone.
LEGEND = alt.Legend(title=None, orient="top", columns=alt.expr("width < 400 ? 3 : 0"), labelLimit=0)
ZONE = alt.Color("zone:N", scale=alt.Scale(domain=[*ZONES], range=[*ZONES.values()]), legend=LEGEND)
WHOLE = alt.Axis(tickMinStep=1, format=",d")  # an axis of whole numbers
FROM_0 = alt.Scale(domain=alt.DomainUnionWith([0, 1]))  # to 1 if all values are 0
THIN = alt.Scale(paddingInner=0.3)  # bars with space between them
WIDTH = alt.expr("min(48, 0.9 * bandwidth('x'))")  # of a column, at most 48 pixels
# Labels of ISO dates; the first one, and the first of a year, have the year below the day.
DATES = alt.Axis(
    labelAngle=0,
    labelOverlap="parity",
    labelSeparation=12,
    labelExpr="datum.index == 0 || utcdayofyear(toDate(datum.value)) <= 7 ? "
    "[utcFormat(toDate(datum.value), '%-d %b'), utcFormat(toDate(datum.value), '%Y')] : "
    "utcFormat(toDate(datum.value), '%-d %b')",
)
MOST_POINTS = 500  # of a line that have a tooltip
Chart = alt.Chart | alt.LayerChart | alt.FacetChart

alt.data_transformers.disable_max_rows()  # A workout has 3,600 readings an hour.


@alt.theme.register("fitness", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Return thin, grey axes and plain titles, in the font of the pages."""
    axis: alt.theme.AxisConfigKwds = {
        "domainColor": "#CBD5E1",
        "gridColor": "#E8EDF3",
        "labelColor": GREY,
        "labelFontSize": 12,
        "tickColor": "#CBD5E1",
        "titleColor": GREY,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    }
    legend: alt.theme.LegendConfigKwds = {
        "columnPadding": 16,
        "labelColor": INK,
        "labelFontSize": 12,
        "titleColor": GREY,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    return {
        "config": {
            "font": '"Source Sans", system-ui, sans-serif',
            "view": {"stroke": None},
            "axis": axis,
            "legend": legend,
        }
    }


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
    # A stretch between two gaps may be a single reading, which a line does not show.
    alone = readings[readings.groupby("stretch").minute.transform("size") == 1]
    line = alt.Chart(readings).mark_line(color=INK, strokeWidth=1.5)
    point = alt.Chart(alone).mark_point(color=INK, size=8, filled=True)
    tooltips = hover(
        readings.iloc[:: len(readings) // MOST_POINTS + 1],
        minute,
        [alt.Tooltip("minute:Q", format=".2f"), alt.Tooltip("bpm:Q", format=".1f")],
    )
    layers: list[Chart] = [line.encode(minute, bpm, detail="stretch:N"), point.encode(minute, bpm)]
    if pd.notna(workout["hr_max"]):
        begins = [workout["hr_max"] * percent / 100 for percent in (50, 60, 70, 80, 90)]
        bands = pd.DataFrame({"zone": [*ZONES], "bpm": [low, *begins], "to": [*begins, high]})
        bands[["bpm", "to"]] = bands[["bpm", "to"]].clip(low, high)
        band = alt.Chart(bands[bands.bpm < bands.to]).mark_rect(opacity=0.45)
        layers.insert(0, band.encode(y=bpm, y2="to:Q", color=ZONE))
    return alt.layer(*layers, tooltips).properties(height=320)


def hover(frame: pd.DataFrame, x: alt.X, tooltip: list[alt.Tooltip]) -> Chart:
    """Return rules that show only their tooltip: a line itself would show that of its start."""
    width = max(2.0, 1000 / len(frame))
    rules: Chart = (
        alt.Chart(frame).mark_rule(opacity=0, strokeWidth=width).encode(x, tooltip=tooltip)
    )
    return rules


def zones(minutes: pd.DataFrame) -> Chart:
    """Draw the minutes of zone_minutes()."""
    base = alt.Chart(minutes).encode(
        x=length("minutes", minutes),
        y=alt.Y("zone:N", sort=[*ZONES][::-1], title=None, scale=THIN),
        tooltip=["zone", alt.Tooltip("minutes:Q", format=".1f")],
    )
    bars = base.mark_bar().encode(color=ZONE.legend(None))
    return alt.layer(bars, labels(base, "minutes:Q", ".1f")).properties(height=320)


def length(name: str, frame: pd.DataFrame) -> alt.X:
    """Return the lengths of bars, with room for labels() and so without an axis."""
    longest = max(1.0, 1.15 * frame[name].max())
    return alt.X(f"{name}:Q", axis=None, scale=alt.Scale(domain=[0, longest], nice=False))


def weeks(frame: pd.DataFrame) -> Chart:
    """Draw the load of queries.weeks() with the mean of the four before; partial weeks are pale."""
    usual = "mean of the four before"
    named = frame.assign(
        monday=frame.week.dt.strftime("%Y-%m-%d"),
        kind=frame.is_partial.map({True: "partial week", False: "week"}),
        usual=usual,
    )
    numbers = ("minutes", "load", "usual_load")
    tooltip = [alt.Tooltip(f"{name}:Q", format=".1f") for name in numbers]
    common = {
        "x": alt.X("monday:O", sort=None, title="week from Monday", axis=DATES),
        "tooltip": ["monday", "kind", "workouts", *tooltip],
    }
    colors = alt.Scale(domain=["week", "partial week", usual], range=[ACCENT, PALE, INK])
    legend = alt.Legend(title=None, orient="top", symbolType="square", labelLimit=0)
    layers: list[Chart] = [
        alt.Chart(named)
        .mark_bar(size=WIDTH)
        .encode(
            **common,
            y=alt.Y("load:Q", title="load", scale=FROM_0),
            color=alt.Color("kind:N", scale=colors, legend=legend),
        )
    ]
    if not (compared := named.dropna(subset="usual_load")).empty:
        means = alt.Chart(compared).mark_tick(thickness=3, opacity=1, size=WIDTH)
        color = alt.Color("usual:N", scale=colors)
        layers.append(means.encode(**common, y="usual_load:Q", color=color))
    return alt.layer(*layers).properties(height=260)


def training(frame: pd.DataFrame) -> Chart:
    """Draw fitness, fatigue and form of queries.training(); the provisional days are shaded."""
    names: list[str | alt.FieldName] = ["fitness", "fatigue", "form"]
    colors, dashes = [ACCENT, SECOND, INK], [[1, 0], [1, 0], [4, 3]]
    axis = alt.Axis(format="%-d %b %Y", labelOverlap=True, labelSeparation=12, grid=False)
    date = alt.X("date:T", title="date (UTC)", axis=axis)
    lines = alt.Chart(frame).transform_fold(names, as_=["name", "value"]).mark_line()
    lines = lines.encode(
        x=date,
        y=alt.Y("value:Q", title="load a day"),
        color=alt.Color("name:N", scale=alt.Scale(domain=names, range=colors), legend=LEGEND),
        strokeDash=alt.StrokeDash("name:N", scale=alt.Scale(domain=names, range=dashes)),
    )
    tooltip = [
        alt.Tooltip("date:T", format="%a %-d %b %Y"),
        *[alt.Tooltip(f"{name}:Q", format=".1f") for name in ("load", *names)],
    ]
    early = frame[frame.is_provisional].date
    shade = alt.Chart(pd.DataFrame({"date": [early.min()], "to": [early.max()]}))
    band = shade.mark_rect(color="#94A3B8", opacity=0.15).encode(x=date, x2="to:T")
    return alt.layer(band, lines, hover(frame, date, tooltip)).properties(height=300)


def columns(frame: pd.DataFrame, x: str, y: str, title: str, by: str | None = None) -> Chart:
    """Draw a column for each date `x`, of height `y`, which `title` names, and stacked by `by`."""
    days = pd.date_range(frame[x].min(), frame[x].max()).strftime("%Y-%m-%d")
    kinds = alt.Color(f"{by}:N", scale=alt.Scale(range=KINDS), legend=LEGEND)
    chart = alt.Chart(frame.assign(**{x: frame[x].dt.strftime("%Y-%m-%d")})).encode(
        x=alt.X(f"{x}:O", title=None, axis=DATES, scale=alt.Scale(domain=[*days])),
        y=alt.Y(f"{y}:Q", title=title, axis=WHOLE, scale=FROM_0),
        color=kinds if by else alt.value(ACCENT),
        tooltip=[x, *([by] if by else []), alt.Tooltip(f"{y}:Q", format=",.0f")],
    )
    # In a layer, since Streamlit writes a blank title above the legend of a chart without layers.
    return alt.layer(chart.mark_bar(size=WIDTH)).properties(height=240)


def heatmap(hours: pd.DataFrame) -> Chart:
    """Draw the mean number of persons by weekday and hour of queries.gym_hours()."""
    chart = alt.Chart(hours.assign(day=[WEEKDAYS[number - 1] for number in hours.weekday]))
    tooltip = ["day", "hour", alt.Tooltip("persons:Q", format=".1f"), "peak"]
    if "peak_share" in hours:
        tooltip.append(alt.Tooltip("peak_share:Q", title="peak of capacity", format=".0%"))
    color = alt.Color("persons:Q", title="persons", scale=alt.Scale(range=["#EEF3F9", "#1A4F8B"]))
    hour_axis = alt.Axis(labelAngle=0, labelOverlap="parity", labelSeparation=4)
    squares: Chart = chart.mark_rect(stroke="white").encode(
        x=alt.X("hour:O", title="hour of the gym's clock", axis=hour_axis),
        y=alt.Y("day:O", sort=WEEKDAYS, title=None),
        color=color,
        tooltip=tooltip,
    )
    return squares.properties(height=280)


def groups(frame: pd.DataFrame) -> Chart:
    """Draw the members by group."""
    base = alt.Chart(frame).encode(
        x=length("members", frame),
        y=alt.Y("name:N", sort=None, title=None, scale=THIN),
        tooltip=["name", "members"],
    )
    bars = base.mark_bar(color=ACCENT)
    height = 30 * len(frame) + 20
    return alt.layer(bars, labels(base, "members:Q", ",d")).properties(height=height)


def labels(base: alt.Chart, what: str, form: str) -> Chart:
    """Return numbers at the ends of bars."""
    texts = base.mark_text(align="left", dx=4, color=INK, fontSize=12)
    encoded: Chart = texts.encode(text=alt.Text(what, format=form))
    return encoded
