"""The pages, which Streamlit runs for `fitness dashboard`.

This file is among them on purpose: of a folder `pages` beside it Streamlit would make a navigation
of its own.
"""

import streamlit as st

from python_ingest.errors import FitnessError

# A browser would fetch a Material icon for its tab from the network; those of pages are bundled.
st.set_page_config("Fitness lakehouse", page_icon="💓", layout="wide")
page = st.navigation(
    [
        st.Page("member.py", title="Member", icon=":material/directions_run:"),
        st.Page("gym.py", title="Gym", icon=":material/fitness_center:"),
        st.Page("members.py", title="Members", icon=":material/groups:"),
        st.Page("pipeline.py", title="Pipeline", icon=":material/conversion_path:"),
    ],
    position="top",
)
try:
    page.run()
except FitnessError as error:
    st.info(str(error))
