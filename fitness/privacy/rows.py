"""Searches the rows of tables and of Parquet files, and tells which of them are a person's.

Columns are compared as a whole. A row is looked at by itself only if a text in it has a hit, and
its columns do not say that it is theirs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fitness.privacy.columns import (
    Doubles,
    Mask,
    coded,
    doubles,
    is_text,
    leaves,
    mask_of,
    searched,
)
from fitness.privacy.records import Owner, Search
from fitness.privacy.wanted import (
    LEAST_LONG,
    canonical,
    integer_kinds,
    kind_of,
    other_names,
    time_names,
)
from python_ingest.feeds import Feed, read_feeds
from python_ingest.suppression import OWNED, USER, Span, instant

ROWS_AT_ONCE = 2**16
STATISTICS, METADATA = "statistics", "metadata"
Places = Iterator[tuple[int, str, str]]  # rows, each with a kind of identifier and a column


@dataclass
class Found:
    """What is in a file: how often each kind is in each place, and the identifiers in columns.

    `problem` says why the file could not be read to its end.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    values: set[tuple[str, str]] = field(default_factory=set)
    problem: str | None = None


class Rows:
    """Some rows of a table; `feed` is that of a bronze table."""

    def __init__(self, batch: pa.RecordBatch, search: Search, feed: Feed | None = None) -> None:
        self.search, self.wanted, self.feed = search, search.wanted, feed
        self.size, self.columns = batch.num_rows, dict(leaves(batch))
        kinds = {name: kind_of(name) for name in self.columns}
        self.named = {name: k for name, k in kinds.items() if k in self.wanted.kinds}
        self.all = np.ones(self.size, np.bool_)

    def add_to(self, found: Found) -> None:
        """Add what is in the rows."""
        theirs, others = self.owned
        for name, kind in self.named.items():
            among = theirs if kind in OWNED else self.all if kind == USER else ~others
            self._count(found, name, kind, self.hits(name, kind), among)
        for name, column in self.columns.items():
            if pa.types.is_integer(column.type) and name not in {*self.named, *other_names()}:
                for kind in integer_kinds():
                    hits = self.hits(name, kind, at_least=LEAST_LONG)
                    self._count(found, name, kind, hits, ~others)
        found.counts.update((kind, name) for _, kind, name in self.in_texts(self.all))

    def _count(self, found: Found, name: str, kind: str, hits: list[Any], among: Mask) -> None:
        if hits and (rows := int((mask := self.equal(name, hits) & among).sum())):
            found.counts[kind, name] += rows
            values = pc.unique(self.columns[name].filter(pa.array(mask))).to_pylist()
            found.values |= {(kind, str(canonical(kind, value))) for value in values}

    def identifiers(self, name: str, kind: str) -> list[Any]:
        """Return the different values of a column that are identifiers of a kind."""
        different = pc.unique(self.columns[name]).to_pylist()
        return [value for value in different if canonical(kind, value) is not None]

    def hits(self, name: str, kind: str, at_least: int = 0) -> list[Any]:
        """Return the identifiers in a column that were theirs at some time."""
        different = self.identifiers(name, kind)
        if at_least:
            different = [value for value in different if abs(value) >= at_least]
        return [value for value in different if self.wanted.spans(kind, value)]

    def equal(self, name: str, values: list[Any]) -> Mask:
        """Return which rows have one of these values in a column."""
        column = self.columns[name]
        return mask_of(pc.is_in(column, value_set=pa.array(values, column.type)))

    @cached_property
    def owned(self) -> tuple[Mask, Mask]:
        """Which rows are theirs, and which somebody else's, as far as the columns tell."""
        theirs, has_user, has_key = ~self.all, ~self.all, ~self.all
        for name, kind in self.named.items():
            if kind == USER:
                has_user |= self.equal(name, self.identifiers(name, kind))
                theirs |= self.equal(name, self.hits(name, kind))
        for name, kind in self.named.items():
            if kind in OWNED:
                has_key |= self.equal(name, self.identifiers(name, kind))
                for value in self.hits(name, kind):
                    used = self.equal(name, [value]) & ~has_user
                    for span in self.wanted.spans(kind, value):
                        theirs |= used & self.within(span)
        return theirs, (has_user | has_key) & ~theirs

    def within(self, span: Span) -> Mask:
        """Return which rows have their event time in a span, or none that can be read."""
        begin = -np.inf if span.begin is None else instant(span.begin)
        end = np.inf if span.end is None else instant(span.end)
        inside: Mask = np.isnan(self.micros) | ((self.micros >= begin) & (self.micros < end))
        return inside

    @cached_property
    def micros(self) -> Doubles:
        """The event times in microseconds; not a number where there is none."""
        for name in (self.feed.event_time,) if self.feed else time_names():
            column = self.columns.get(name, pa.nulls(0))
            if pa.types.is_timestamp(column.type):
                return doubles(column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()))
            if pa.types.is_floating(column.type):
                return np.rint(doubles(column) * 1e6)
        return np.full(self.size, np.nan)

    def in_texts(self, among: Mask) -> Places:
        """Return what is in the texts of some rows."""
        numbers = np.flatnonzero(among)
        lines = self.csv_lines(numbers)
        for row, (name, feed) in lines.items():
            for kind in self.search.in_csv(self.columns[name][row].as_py(), feed):
                yield row, kind, name
        for name, column in self.columns.items():
            own = self.named.get(name)
            is_other = own is None or own in integer_kinds()
            if is_text(column.type) and is_other and len(numbers):
                for row, kind in self._in_column(name, numbers):
                    if kind != own and lines.get(row, ("",))[0] != name:
                        yield row, kind, name

    def _in_column(self, name: str, numbers: Any) -> Iterator[tuple[int, str]]:
        """Return what is in the texts of a column in some rows."""
        theirs, others = self.owned
        places, texts = coded(self.columns[name].take(pa.array(numbers)))
        hits = self.search.texts.rows_with_hits(texts)
        judged: dict[tuple[int, Owner], set[str]] = {}
        for at in np.flatnonzero(np.isin(places, [*hits])):
            row, place = int(numbers[at]), int(places[at])
            kinds = hits[place]
            if others[row] and USER not in kinds:
                continue
            if not theirs[row]:
                case = place, self.owner(row)
                if case not in judged:
                    text = texts[place].decode(errors="replace")
                    judged[case] = {kind for kind, _ in self.search.in_text(text, name, case[1])}
                kinds = judged[case]
            yield from ((row, kind) for kind in kinds)

    def owner(self, row: int) -> Owner:
        """Return whose a row is, by its columns."""
        columns = [self.columns[name] for name, kind in self.named.items() if kind == USER]
        users = [text for each in columns if (text := canonical(USER, each[row].as_py()))]
        time = self.micros[row]
        return Owner(frozenset(users) or None, None if np.isnan(time) else float(time) / 1e6)

    def csv_lines(self, numbers: Iterable[int]) -> dict[int, tuple[str, Feed]]:
        """Return the rows that keep a line of CSV and do not tell whose it is.

        Each has the column of the line, and its feed.
        """
        raw = next((name for name in ("_raw", "raw") if name in self.columns), None)
        feeds = {feed.table: feed for feed in read_feeds() if feed.is_csv}
        tables = self.columns.get("feed")
        if raw is None or not (tables or (self.feed and self.feed.is_csv)):
            return {}
        found = {}
        theirs, others = self.owned
        for row in map(int, numbers):
            feed = self.feed or (feeds.get(tables[row].as_py()) if tables else None)
            if feed and not (theirs[row] or others[row]) and self.columns[raw][row].is_valid:
                found[row] = raw, feed
        return found


def search_parquet(path: Path, search: Search, feed: Feed | None = None) -> Found:
    """Return what is in a Parquet file: rows, statistics and metadata.

    Raises pa.ArrowException or OSError if its footer cannot be read.
    """
    found = Found()
    with pq.ParquetFile(path) as file:
        try:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=[*searched(file.schema_arrow)]):
                Rows(batch, search, feed).add_to(found)
        except (pa.ArrowException, OSError, UnicodeError) as error:
            found.problem = str(error)
        statistics = Counter(in_statistics(file.metadata, search, found))
        found.counts.update((kind, STATISTICS) for kind in statistics.elements())
        for name, value in (file.metadata.metadata or {}).items():
            if name != b"ARROW:schema":
                kinds = {kind for kind, _ in search.in_lines(name + b" = " + value)}
                found.counts.update((kind, METADATA) for kind in kinds)
    return found


def in_statistics(metadata: pq.FileMetaData, search: Search, found: Found) -> Iterator[str]:
    """Return the kinds of identifier in a footer's least and greatest values.

    They are of the file's rows, and theirs only if those are, which `found` says.
    """
    kinds = {kind for kind, _ in found.counts}
    if not kinds and not found.problem:
        return
    for group, number in product(range(metadata.num_row_groups), range(metadata.num_columns)):
        column = metadata.row_group(group).column(number)
        statistics = column.statistics
        if statistics is None or not statistics.has_min_max:
            continue
        for value in {statistics.min, statistics.max}:
            text = value.decode(errors="replace") if isinstance(value, bytes) else value
            kind = kind_of(column.path_in_schema)
            if kind in search.wanted.kinds and search.wanted.spans(kind, text):
                if found.problem or (kind, canonical(kind, text)) in found.values:
                    yield kind
            else:
                within = {kind for kind, _ in search.in_value(text)}
                yield from within if found.problem else within & kinds
