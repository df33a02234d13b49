"""What all pages share: which build they show, and how a section is drawn."""

from pathlib import Path

import streamlit as st

from dashboard.formulas import FORMULAS
from dashboard.lakehouse import Build, Lake, find_build
from dashboard.sections import Section
from python_ingest.settings import read_settings

SECONDS = 3  # between looks for a new build
METRIC_WIDTH = 178  # pixels: two beside each other on a phone


def begin(title: str) -> Lake:
    """Draw the head of a page and return the tables that it shows."""
    settings = read_settings()
    build = find_build(settings.lakehouse)
    st.title(title)
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
    st.subheader(section.title)
    with st.container(horizontal=True):
        for name, value in section.figures.items():
            formula = FORMULAS[name]
            st.metric(formula.label, value, help=str(formula), border=True, width=METRIC_WIDTH)
    if section.note:
        st.caption(section.note)
    for plot in section.plots:
        st.markdown(f"**{plot.title}**", help=str(FORMULAS[plot.formula]))
        st.altair_chart(plot.chart, width="stretch", alt=f"{section.title}: {plot.title}")
        with st.expander("Numbers"):
            st.dataframe(plot.table, hide_index=True)
