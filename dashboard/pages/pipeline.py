"""What landed, what was refused, and how the builds went."""

from datetime import timedelta

import pandas as pd
import streamlit as st

from dashboard import queries, sections
from dashboard.page import begin, show, table
from dashboard.sections import today
from fitness import build_log
from fitness.status import read_status, skipped_files

DAYS, BUILDS = 30, 20  # shown

lake = begin("Pipeline")
settings = lake.settings
status = read_status(settings)
show(sections.freshness(status))

st.subheader("Builds", anchor=False)
builds = [
    {
        "began (UTC)": build.began,
        "seconds": build.seconds,
        "failed": ", ".join(build.failures),
        "warnings": ", ".join(build.warnings),
        "arguments of dbt": " ".join(build.arguments),
    }
    for build in reversed(build_log.newest(settings.lakehouse, BUILDS))
]
if builds:
    shown = pd.DataFrame(builds)
    table(shown.loc[:, (shown != "").any()], "Builds")
else:
    st.info("No build is logged yet.")

failed = {name: build for build in status.failed for name in build.failures}
if failed:
    st.subheader("Failed models and tests", anchor=False)
    messages = [{"name": name, "message": failed[name].failures[name]} for name in failed]
    table(pd.DataFrame(messages), "Failed models and tests")
    stored = {name: build.rows[name] for name, build in failed.items() if name in build.rows}
    test = st.selectbox("Rows that fail a test", stored, index=None, key="failed_test")
    if test:
        table(queries.failed_rows(lake, stored[test]), f"Rows that fail {test}")

if skipped := skipped_files(settings):
    st.subheader("Skipped files", anchor=False)
    table(pd.DataFrame(skipped), "Skipped files")

show(sections.landed(lake, today() - timedelta(days=DAYS - 1)))

refused = queries.quarantine(lake)
show(sections.quarantine(refused))
refused.index = refused.day.dt.strftime("%Y-%m-%d ") + refused.feed + ": " + refused.reason
chosen = st.selectbox(
    "Examples of raw lines (they hold personal data)", refused.index, index=None, key="quarantined"
)
if chosen:
    group = refused.loc[chosen, ["feed", "reason", "day"]]
    table(queries.quarantined_lines(lake, *group), chosen)
