"""Who is in a gym now, its visits, and how full it is."""

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import queries, sections
from dashboard.page import begin, show

lake = begin("Gym")
gyms = queries.gyms(lake).set_index("gym", drop=False)
if gyms.empty:
    st.info("The seed gyms is empty, and there are no visits yet.")
    st.stop()
gym = gyms.loc[
    st.selectbox("Gym", gyms.index, format_func=lambda key: gyms["name"][key], key="gym")
]
people = queries.inside(lake, gym["gym"], datetime.now(UTC))
people["since"] = people.since.dt.tz_convert(gym["time_zone"])
show(sections.inside(gym, people))
if not people.empty:
    st.dataframe(people, hide_index=True)
if pd.isna(gym["first_date"]):
    st.info("There are no visits to this gym yet.")
    st.stop()
dates = st.date_input(
    f"Dates ({gym['time_zone']})",
    sections.newest_days(gym),
    min_value=gym["first_date"],
    max_value=gym["last_date"],
    key=f"dates_of_{gym['gym']}",
)
if len(dates) == 2:  # The second one is being chosen otherwise.
    show(sections.gym_days(lake, gym, *dates))
    show(sections.gym_hours(lake, gym, *dates))
