"""Hides groups of members that are so small that their figures could be of a known person."""

from collections.abc import Sequence

import pandas as pd

OTHERS = "other groups"


def hidden_groups(sizes: Sequence[int], k: int) -> list[int]:
    """Return the positions of the groups to hide: those smaller than `k`, and complements.

    What is hidden is also known as the total minus what is shown. So it must be two groups or more,
    with `k` members or more: the smallest of the others are added until it is. Empty if no group is
    small.
    """
    by_size = sorted(range(len(sizes)), key=lambda position: sizes[position])
    hidden = [position for position in by_size if sizes[position] < k]
    for position in by_size[len(hidden) :]:
        if not hidden or (len(hidden) > 1 and sum(sizes[each] for each in hidden) >= k):
            break
        hidden.append(position)
    return hidden


def merge_small_groups(groups: pd.DataFrame, k: int) -> pd.DataFrame:
    """Put the groups to hide together in one row of each kind, the last.

    The columns of `groups` are kind, name, members and others to sum. The row does not tell which
    groups are hidden, nor how many: of ten groups with ten members, each has one. A kind with fewer
    than `k` members in all has no row.
    """
    merged = []
    for kind, found in groups.groupby("kind"):
        hidden = found.index[hidden_groups([*found.members], k)]
        merged.append(found.drop(hidden))
        sums = {name: found.loc[hidden, name].sum() for name in found.columns[2:]}
        if sums["members"] >= k:
            merged.append(pd.DataFrame([{"kind": kind, "name": OTHERS, **sums}]))
    return pd.concat(merged, ignore_index=True) if merged else groups
