"""Who is in a gym now, its visits, and how full it is."""

from datetime import UTC, date, datetime

import pandas as pd
import streamlit as st

from dashboard import queries, sections
from dashboard.page import begin, show, table

lake = begin("Gym")
gyms = queries.gyms(lake).set_index("gym", drop=False)
if gyms.empty:
    st.info("The seed gyms is empty, and there are no visits yet.")
    st.stop()
left, right = st.columns(2)
gym = gyms.loc[
    left.selectbox("Gym", gyms.index, format_func=lambda key: gyms["name"][key], key="gym")
]
dates: tuple[date, ...] = ()
if pd.notna(gym["first_date"]):
    dates = right.date_input(
        f"Dates ({gym['time_zone']})",
        sections.newest_days(gym),
        min_value=gym["first_date"],
        max_value=gym["last_date"],
        format="YYYY-MM-DD",
        key=f"dates_of_{gym['gym']}",
    )
people = queries.inside(lake, gym["gym"], datetime.now(UTC))
people["since"] = people.since.dt.tz_convert(gym["time_zone"])
show(sections.inside(gym, people))
if not people.empty:
    with st.expander("Who is inside"):
        table(people.rename(columns={"since": f"since ({gym['time_zone']})"}), "Who is inside")
if pd.isna(gym["first_date"]):
    st.info("There are no visits to this gym yet.")
if len(dates) == 2:  # The second one is being chosen otherwise.
    show(sections.gym_days(lake, gym, *dates))
    show(sections.gym_hours(lake, gym, *dates))
