"""The views of gold_private, as DuckDB reads them: they tell nobody who a member is."""

from collections.abc import Iterable
from hashlib import sha256

import pandas as pd

from dashboard.lakehouse import open_lake
from tests.python.private_views import PERSONAL, VIEWS, identifiers, not_whole_hours, texts
from tests.python.unit.small_lakehouse import SmallLakehouse


def read_views() -> dict[str, pd.DataFrame]:
    """Return the rows of each view."""
    lake = open_lake()
    return {name: lake.query(f"select * from gold_private.{name}") for name in VIEWS}


def pseudonyms(key: str, users: Iterable[object]) -> set[str]:
    """Return the pseudonyms of users."""
    return {sha256(f"{key}{user}".encode()).hexdigest()[:16] for user in users}


def test_no_identifier_of_a_person_is_in_a_view(small: SmallLakehouse) -> None:
    found = identifiers(small.rows.values())
    columns = {name for rows in small.rows.values() for row in rows for name in row}
    assert PERSONAL - {"address"} <= columns
    for name, view in read_views().items():
        assert len(view), name
        assert not PERSONAL & {*view.columns}
        assert not [text for text in texts(view) if any(each in text for each in found)]
        assert not_whole_hours(view) == []


def test_a_member_has_the_same_pseudonym_in_all_views(small: SmallLakehouse) -> None:
    [key] = (row["key"] for row in small.rows["ops.pseudonym_key"])
    tables = {
        "members": "silver.users",
        "member_training": "gold.training_days",
        "member_visits": "silver.gym_logs",
    }
    for name, view in read_views().items():
        users = {row["user_id"] for row in small.rows[tables[name]]}
        assert {*view.member} == pseudonyms(key, users)
        assert view.member.nunique() == len(users)


def test_another_key_gives_other_pseudonyms(small: SmallLakehouse) -> None:
    before = read_views()
    small.rows["ops.pseudonym_key"] = [{"key": "another key"}]
    small.write("ops.pseudonym_key")
    for name, view in read_views().items():
        assert not {*view.member} & {*before[name].member}


def test_a_view_has_the_sums_of_its_table(small: SmallLakehouse) -> None:
    views, days = read_views(), small.rows["gold.training_days"]
    assert len(views["members"]) == 14
    assert views["members"].workouts.sum() == len(days)
    assert views["member_training"].load.sum() == sum(row["load"] for row in days)
    assert views["member_visits"].visits.sum() == len(small.rows["silver.gym_logs"])
    assert views["member_visits"].minutes.sum() == 60 * 91  # of the closed visits
