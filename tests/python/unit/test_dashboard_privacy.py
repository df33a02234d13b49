"""No group of fewer than k members can be found on the page Members, nor by subtraction."""

from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.privacy import OTHERS, hidden_groups, merge_small_groups

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@given(SIZES, st.integers(1, 6))
def test_what_is_hidden_is_two_groups_or_more_with_k_members_or_more(
    sizes: list[int], k: int
) -> None:
    hidden = hidden_groups(sizes, k)
    small = [size for size in sizes if size < k]
    assert small == [sizes[position] for position in sorted(hidden) if sizes[position] < k]
    assert bool(hidden) == bool(small)
    if hidden and sum(sizes) >= k and len(sizes) > 1:
        assert len(hidden) >= 2
        assert sum(sizes[position] for position in hidden) >= k


@given(SIZES, st.integers(1, 6))
def test_no_more_members_are_hidden_than_needed(sizes: list[int], k: int) -> None:
    hidden = hidden_groups(sizes, k)
    small = {position for position, size in enumerate(sizes) if size < k}
    larger = set(range(len(sizes))) - small
    enough = [
        sum(sizes[position] for position in small | {*more})
        for count in range(len(larger) + 1)
        for more in combinations(larger, count)
        if len(small) + count >= 2 and sum(sizes[p] for p in small | {*more}) >= k
    ]
    if hidden and enough:
        assert sum(sizes[position] for position in hidden) == min(enough)


@given(SIZES, st.integers(1, 6))
def test_a_page_shows_all_members_and_no_small_group(sizes: list[int], k: int) -> None:
    groups = pd.DataFrame(
        {"kind": "city", "name": [*map(str, range(len(sizes)))], "members": sizes, "workouts": 2}
    )
    shown = merge_small_groups(groups, k)
    if sum(sizes) < k:
        assert shown.empty
        return
    assert shown.members.min() >= k
    assert shown.members.sum() == sum(sizes)
    assert shown.workouts.sum() == 2 * len(sizes)
    rest = shown[shown.name != OTHERS]
    assert [sizes[int(name)] for name in rest.name] == [*rest.members]


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [
        ([9, 7], []),
        ([9, 7, 3], [2, 1]),  # The total minus 9 and 7 would be 3.
        ([9, 3, 2], [2, 1]),
        ([9, 2, 2], [1, 2, 0]),  # Two groups with 4 members in all.
        ([3], [0]),
    ],
)
def test_examples_with_k_of_5(sizes: list[int], hidden: list[int]) -> None:
    assert hidden_groups(sizes, 5) == hidden
