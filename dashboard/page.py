"""What all pages share: which build they show, and how a section is drawn."""

import re
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.formulas import FORMULAS
from dashboard.lakehouse import Build, Lake, find_build
from dashboard.sections import Section
from python_ingest.settings import read_settings

SECONDS = 3  # between looks for a new build
METRIC_WIDTH = 170  # pixels: two beside each other on a phone


def begin(title: str) -> Lake:
    """Draw the head of a page and return the tables that it shows."""
    settings = read_settings()
    build = find_build(settings.lakehouse)
    st.title(title, anchor=False)
    if build.last and build.last.failures:
        st.warning(str(build))
    else:
        st.caption(str(build))
    watch(settings.lakehouse, build)
    return Lake(settings, build)


@st.fragment(run_every=SECONDS)
def watch(lakehouse: Path, build: Build) -> None:
    """Draw the page again once there is another build to show."""
    if find_build(lakehouse) != build:
        st.rerun()


def show(section: Section) -> None:
    """Draw a section; the help of each figure has its formula and source."""
    st.subheader(plain(section.title), anchor=False)
    with st.container(horizontal=True):
        for name, figure in section.figures.items():
            formula = FORMULAS[name]
            st.metric(
                formula.label,
                figure.value,
                figure.detail or None,
                delta_color="off",
                delta_arrow="off",
                help=str(formula),
                border=True,
                width=METRIC_WIDTH,
                height="stretch",
            )
    if section.note:
        st.caption(section.note)
    if not section.plots:
        return
    widths = [plot.width for plot in section.plots]
    for place, plot in zip(st.columns(widths, gap="medium"), section.plots, strict=True):
        with place:
            st.markdown(f"**{plot.title}**", help=str(FORMULAS[plot.formula]))
            chart, alt = (
                plot.chart.properties(padding={"bottom": 8}),
                f"{section.title}: {plot.title}",
            )
            st.altair_chart(chart, width="stretch", theme=None, alt=alt)
    tables = {id(plot.table): plot for plot in section.plots}  # Plots may share one.
    with st.expander("Numbers"):
        for place, plot in zip(st.columns(len(tables)), tables.values(), strict=True):
            with place:
                table(plot.table, plot.title)


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is."""
    return re.sub(r"([\\`*_\[\]$<~])", r"\\\1", text)


def table(frame: pd.DataFrame, alt: str) -> None:
    """Draw a table with times to the minute; `alt` says what is in it."""
    formats = {}
    for name, kind in frame.dtypes.items():
        label = str(name).replace("_", " ").strip()
        if isinstance(kind, pd.DatetimeTZDtype):
            formats[name] = st.column_config.DatetimeColumn(label, format="YYYY-MM-DD HH:mm")
        elif pd.api.types.is_datetime64_dtype(kind):
            formats[name] = st.column_config.DateColumn(label, format="YYYY-MM-DD")
        elif pd.api.types.is_float_dtype(kind):
            formats[name] = st.column_config.NumberColumn(label, format="%.2f")
        else:
            formats[name] = st.column_config.Column(label)
    st.dataframe(frame, hide_index=True, column_config=formats, alt=alt)
