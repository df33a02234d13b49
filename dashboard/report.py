"""A report: one HTML page to mail or to print, with the figures and charts of the pages."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from html import escape
from string import Template

import vl_convert

from dashboard import queries, sections
from dashboard.charts import Chart
from dashboard.formulas import FORMULAS
from dashboard.lakehouse import Lake
from dashboard.sections import Section
from python_ingest.errors import SettingError

Days = tuple[date, date]  # the first and the last

WIDTH = 640  # of a chart, in pixels
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1e293b; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { margin-bottom: 0; }
h2 { margin: 2rem 0 .5rem; border-top: 1px solid #cbd5e1; padding-top: 1rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
.note { color: #64748b; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0; }
.figures div { border: 1px solid #cbd5e1; border-radius: .5rem; padding: .4rem .8rem; }
.figures dt { color: #64748b; font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.3rem; }
.figures small { color: #64748b; font-size: .85rem; }
.formulas { font-size: .85rem; }
.formulas dd { margin: 0 0 .4rem; }
svg { max-width: 100%; height: auto; }
section, svg { break-inside: avoid; }
</style>
</head>
<body>
<h1>$title</h1>
<p class="note">$build</p>
$sections
<section><h2>How the figures are computed</h2><dl class="formulas">$formulas</dl></section>
</body>
</html>
""")


def write_report(
    lake: Lake, gym: int | None = None, member: int | None = None, week: str | None = None
) -> str:
    """Return the HTML of a report on a gym, on a member, or without either on all gyms.

    It is of an ISO week, as 2026-W05; without one, of what the pages show at first: the last days
    with visits, the newest workout. Raises SettingError for a gym, a member or a week that is not
    there, TableError for a table that cannot be read.
    """
    if gym is not None and member is not None:
        raise SettingError("A report is of a gym or of a member: give one of --gym and --member.")
    days = days_of(week) if week else None
    if member is not None:
        return page(f"Member {member}", lake, of_member(lake, str(member), days))
    return page("Gyms" if gym is None else f"Gym {gym}", lake, of_gyms(lake, gym, days))


def days_of(week: str) -> Days:
    """Return the Monday and the Sunday of an ISO week; raises SettingError if it is none."""
    try:
        monday = datetime.strptime(f"{week}-1", "%G-W%V-%u").replace(tzinfo=UTC).date()
    except ValueError:
        raise SettingError(f"{week!r} is not an ISO week: give one as in 2026-W05.") from None
    return monday, monday + timedelta(days=6)


def of_member(lake: Lake, user_id: str, days: Days | None) -> Iterator[Section]:
    """Return the sections on a member: the workouts of days, or the newest, and the training."""
    found = queries.workouts(lake, user_id)
    if found.empty:
        raise SettingError(f"There is no member {user_id} with a completed workout.")
    dates, until = found.start_time.dt.date, sections.today()
    chosen = found.head(1)
    if days:
        chosen, until = found[(days[0] <= dates) & (dates <= days[1])], min(days[1], until)
    for _, workout in chosen.iterrows():
        yield sections.workout(lake, workout)
    yield sections.weeks(lake, user_id, until)
    yield sections.training(lake, user_id, until)


def of_gyms(lake: Lake, gym: int | None, days: Days | None) -> Iterator[Section]:
    """Return the sections on a gym, or on all that have visits and on the members."""
    found = queries.gyms(lake)
    chosen = found.dropna(subset="first_date") if gym is None else found[found.gym == str(gym)]
    if gym is not None and chosen.empty:
        raise SettingError(f"There is no gym {gym}: choose one of {', '.join(found.gym)}.")
    for _, row in chosen.iterrows():
        first, last = days or sections.newest_days(row)
        yield sections.gym_days(lake, row, first, last)
        yield sections.gym_hours(lake, row, first, last)
    if gym is None:
        yield sections.member_groups(lake)


def page(title: str, lake: Lake, found: Iterable[Section]) -> str:
    """Return the HTML page of sections, with the formulas of their figures."""
    parts: list[str] = []
    names: dict[str, None] = {}  # in their order
    for section in found:
        parts.append(html_of(section))
        names |= dict.fromkeys([*section.figures, *(plot.formula for plot in section.plots)])
    formulas = [FORMULAS[name] for name in names]
    return PAGE.substitute(
        title=escape(title),
        build=escape(f"{lake.build} Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."),
        sections="\n".join(parts),
        formulas="\n".join(
            f"<dt>{escape(each.label)}</dt><dd>{escape(str(each))}</dd>" for each in formulas
        ),
    )


def html_of(section: Section) -> str:
    """Return the HTML of a section."""
    figures = "".join(
        f"<div><dt>{escape(FORMULAS[name].label)}</dt>"
        f"<dd>{escape(figure.value)} <small>{escape(figure.detail)}</small></dd></div>"
        for name, figure in section.figures.items()
    )
    plots = "".join(f"<h3>{escape(plot.title)}</h3>{svg_of(plot.chart)}" for plot in section.plots)
    return (
        f'<section><h2>{escape(section.title)}</h2><dl class="figures">{figures}</dl>'
        f'<p class="note">{escape(section.note)}</p>{plots}</section>'
    )


def svg_of(chart: Chart) -> str:
    """Return a chart as SVG inside HTML, which needs no namespaces."""
    svg = vl_convert.vegalite_to_svg(chart.properties(width=WIDTH).to_json(), allowed_base_urls=[])
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
