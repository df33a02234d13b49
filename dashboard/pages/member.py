"""A member's workouts, weeks and form."""

import streamlit as st

from dashboard import queries, sections
from dashboard.page import begin, show
from dashboard.sections import today

lake = begin("Member")
members = queries.members(lake).set_index("user_id")
if members.empty:
    st.info("Nobody has completed a workout yet.")
    st.stop()
left, right = st.columns(2)
user_id = left.selectbox(
    "Member",
    members.index,
    format_func=lambda user: f"{members['name'][user]} ({user})".strip(),
    key="member",
)
workouts = queries.workouts(lake, user_id)
workouts.index = workouts.workout_id + "/" + workouts.session_id
chosen = right.selectbox(
    "Workout",
    workouts.index,
    format_func=lambda key: (
        f"{workouts.start_time[key]:%Y-%m-%d %H:%M} UTC, {workouts.minutes[key]:.0f} min"
    ),
    key=f"workout_of_{user_id}",
)
show(sections.workout(lake, workouts.loc[chosen]))
show(sections.weeks(lake, user_id, today()))
show(sections.training(lake, user_id, today()))
