"""Small random worlds for property tests: records to land, in batches, with few ids and instants.

So keys collide, ties happen and intervals touch. Each part of a world is a list of short stories (a
few records each), so hypothesis shrinks a failing world by leaving stories out. Worlds of different
numbers share no user, device or mac address, so that one lakehouse can hold many. Only a gym that
the seed knows is shared: its rows are of all worlds whose numbers end in the same digit.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import hypothesis
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests.python.records import Record
from tests.python.stories import (
    Ids,
    measured_workouts,
    pairs_of_visits,
    profiles,
    readings,
    registrations,
    trainings,
    visits,
    workouts,
)

BATCHES = 6


@dataclass(frozen=True)
class Batch:
    """What lands together: records by index, in file order, and how the files are written."""

    records: tuple[int, ...]
    byte_order_mark: bool
    line_end: str


@dataclass(frozen=True)
class World:
    """Records, and the batches that they land in, some more than once."""

    number: int
    records: tuple[Record, ...]
    batches: tuple[Batch, ...]

    def write(self, batch_index: int, landing: Path) -> list[Path]:
        """Land a batch: a file for each folder and header, whole and under a new name."""
        batch = self.batches[batch_index]
        files: dict[tuple[str, str | None], list[str]] = defaultdict(list)
        for record in (self.records[index] for index in batch.records):
            files[record.folder, record.header].append(record.line)
        paths = []
        for number, ((folder, header), lines) in enumerate(files.items()):
            suffix = "json" if header is None else "csv"
            path = landing / folder / f"{batch_index:02}-{number:02}-{uuid4().hex}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = batch.line_end.join([*([] if header is None else [header]), *lines, ""])
            partial = path.with_name(f".{path.name}")
            partial.write_bytes(("\ufeff" * batch.byte_order_mark + text).encode())
            paths.append(partial.rename(path))
        return paths

    def write_all(self, landing: Path) -> None:
        """Land all batches."""
        for batch in range(len(self.batches)):
            self.write(batch, landing)

    def has(self, row: Mapping[str, object]) -> bool:
        """Return whether a row of a silver or gold table is of this world."""
        if "raw" in row:  # Equal lines of two worlds are one row of quarantine, of both.
            return row["raw"] in {record.line for record in self.records}
        things = ("user_id", "device_id", "mac_address", "gym")
        name = next(name for name in things if row.get(name) is not None)
        ids = Ids(self.number)
        known = {
            "user_id": ids.users,
            "device_id": ids.devices,
            "mac_address": ids.macs,
            "gym": ids.gyms,
        }
        return row[name] in known[name]

    def describe(self) -> str:
        """Return the world as text: each record with the batches that it is in."""
        lines = [f"World {self.number}, {len(self.records)} records in {BATCHES} batches"]
        for index, record in enumerate(self.records):
            batches = [n for n, batch in enumerate(self.batches) if index in batch.records]
            header = "" if record.header is None else f" ({record.header})"
            lines.append(f"  {batches} {record.folder}{header}: {record.line}")
        for number, batch in enumerate(self.batches):
            mark = " with byte order mark" if batch.byte_order_mark else ""
            lines.append(f"  batch {number}: {list(batch.records)} {batch.line_end!r}{mark}")
        return "\n".join(lines)


# --- Worlds -----------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn, number: int = 0) -> World:
    """Draw a world of some ninety records."""
    ids = Ids(number)
    kinds: Iterable[Any] = (registrations, profiles, workouts, readings, visits)
    stories = [st.lists(kind(ids), max_size=10) for kind in (*kinds, trainings)]
    spoilt = st.one_of([kind(ids, spoil=True) for kind in kinds])
    stories.append(st.lists(spoilt, max_size=10))
    stories += [st.lists(kind(ids), max_size=3) for kind in (measured_workouts, pairs_of_visits)]
    records = tuple(r for part in stories for story in draw(part) for r in story)
    landed: Sequence[list[tuple[int, int]]] = [[] for _ in range(BATCHES)]
    slots = st.lists(st.integers(0, 16 * BATCHES - 1), min_size=1, max_size=3)
    for index in range(len(records)):
        for slot in draw(slots):
            landed[slot // 16].append((slot % 16, index))
    line_ends = st.sampled_from(("\n", "\n", "\r\n", "\n\n"))
    batches = [
        Batch(tuple(index for _, index in sorted(batch)), draw(st.booleans()), draw(line_ends))
        for batch in landed
    ]
    return World(number, records, tuple(batches))


def world_from_seed(seed: int) -> World:
    """Return the largest of four worlds drawn from a seed, which is its number too.

    It is the same for one version of hypothesis.
    """
    drawn: list[World] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=4,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(worlds(seed))
    def draw(world: World) -> None:
        drawn.append(world)

    # Hypothesis also draws constants of the loaded modules; a world must depend on its seed only.
    with mock.patch.object(providers, "_get_local_constants", Constants):
        draw()
    return max(drawn, key=lambda world: len(world.records))


# --- Comparison -------------------------------------------------------------------------------


def same(expected: object, actual: object) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(expected, actual, rel_tol=1e-9)
    return expected == actual


def compare(
    expected_rows: Iterable[Mapping[str, object]],
    actual_rows: Iterable[Mapping[str, object]],
    key: Sequence[str],
) -> list[str]:
    """Return the differences as lines; none if every expected row is there, and no other.

    Columns that only the actual rows have are ignored. Several rows may share a key.
    """
    sides: dict[str, tuple[list[Mapping[str, object]], list[Mapping[str, object]]]] = {}
    for side, rows in enumerate((expected_rows, actual_rows)):
        for row in sorted(rows, key=lambda row: repr(sorted(row.items(), key=lambda i: i[0]))):
            name = ", ".join(f"{column}={row.get(column)!s}" for column in key)
            sides.setdefault(name, ([], []))[side].append(row)
    differences = []
    for name, (expected, actual) in sorted(sides.items()):
        # Equal rows first: what is left over differs, is missing or is unexpected.
        left = list(actual)
        for row in expected:
            equal = [o for o in left if all(same(v, o.get(c, ...)) for c, v in row.items())]
            if equal:
                left.remove(equal[0])
                continue
            if len(expected) > 1 or not left:
                differences.append(f"missing: {name} {dict(row)}")
                continue
            other = left.pop(0)
            changed = [
                f"{column} is {other.get(column, 'no column')!s}, expected {value!s}"
                for column, value in row.items()
                if not same(value, other.get(column, ...))
            ]
            differences.append(f"differs: {name}: {'; '.join(changed)}")
        differences += [f"unexpected: {name} {dict(row)}" for row in left]
    return differences
