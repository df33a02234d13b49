"""The views of gold_private, and what tells who a person is: nothing of it may be in them."""

from collections.abc import Iterable, Mapping

import pandas as pd

from dashboard.views import MODELS
from fitness.privacy.people import STREET
from python_ingest.feeds import read_feeds

VIEWS = sorted(file.stem for file in (MODELS / "gold_private").glob("*.sql"))
# In silver the parts of an address are columns of their own.
PERSONAL = {c.name for feed in read_feeds() for c in feed.columns if c.meta.person} | {STREET}


def identifiers(tables: Iterable[Iterable[Mapping[str, object]]]) -> set[str]:
    """Return all values of the columns that tell who a person is, as texts."""
    return {
        str(row[name])
        for rows in tables
        for row in rows
        for name in PERSONAL & row.keys()
        if row[name] is not None
    }


def texts(view: pd.DataFrame) -> set[str]:
    """Return all values of a view as texts."""
    return {*map(str, view.to_numpy().ravel())}


def not_whole_hours(view: pd.DataFrame) -> list[str]:
    """Return the columns with instants that are not the beginning of an hour."""
    instants = view.select_dtypes(["datetime", "datetimetz"])
    return [
        str(name) for name, column in instants.items() if (column.dt.floor("h") != column).any()
    ]
