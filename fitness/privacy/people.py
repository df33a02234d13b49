"""What is known of people in the bronze tables and in landed registrations, read without Spark."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from deltalake import DeltaTable

from python_ingest.feeds import Column, Feed, read_feeds
from python_ingest.file_source_log import visible_files
from python_ingest.landed_files import OPENERS
from python_ingest.parse.csv_files import READERS, csv_records
from python_ingest.settings import Settings
from python_ingest.suppression import (
    OWNED,
    REGISTRATIONS,
    USER,
    Key,
    Registration,
    Span,
    id_columns,
    instant,
    is_blank,
    registered,
)
from python_ingest.tables import address, is_table

NAME, ADDRESS = "name", "address"  # kinds of identifier, as contracts name them
STREET = "street_address"  # the part of an address that tells who lives there
Entry = tuple[str, Any, Span]  # the kind of an identifier, its value, and when it was theirs


@dataclass(frozen=True)
class Ownership:
    """Who had a device or mac address, and when; `registered_at` are all their registrations."""

    key: Key
    user_id: int
    span: Span
    registered_at: tuple[float, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Return the span, cut at each registration: forget these.

        Another user's registration that lands later then ends only the one that it falls into.
        """
        cuts = dict.fromkeys((self.span.begin, *self.registered_at))
        return tuple(Span(*cut) for cut in pairwise((*cuts, self.span.end)))


def ownerships(registrations: Iterable[tuple[Key, float, int]]) -> list[Ownership]:
    """Return who had what, from (key, registered_at, user_id); as macros/rules/ownerships.sql."""
    by_key: dict[Key, list[tuple[float, int]]] = defaultdict(list)
    for key, at, user in registrations:
        by_key[key].append((at, user))
    found = []
    for key, owned in by_key.items():
        owned.sort(key=lambda each: (instant(each[0]), each[1]))
        owners = [(user, [*group]) for user, group in groupby(owned, itemgetter(1))]
        cuts = [None, *(group[0][0] for _, group in owners[1:]), None]
        for (user, group), cut in zip(owners, pairwise(cuts), strict=True):
            found.append(Ownership(key, user, Span(*cut), tuple(at for at, _ in group)))
    return [each for each in found if each.span.has(each.span.begin)]


@dataclass(frozen=True)
class Person:
    """A user and what identifies them; `entries` is what the record of the forgotten takes."""

    user_id: int
    entries: tuple[Entry, ...]


def find_people(settings: Settings, user_ids: Iterable[int]) -> list[Person]:
    """Return those of the users who are known, in order of their ids.

    A user is known who is in a bronze table, or in a registration that has yet to land. Their
    devices and mac addresses have the spans of time in which they owned them.
    """
    wanted = {*user_ids}
    registered = registrations(settings)
    found: dict[int, dict[Entry, None]] = {}
    for user in {user for *_, user in registered} & wanted:
        found[user] = {}
    for feed in read_feeds():
        for _, user_column in id_columns(feed, USER):
            described = id_columns(feed, NAME, ADDRESS)
            names = [user_column.name, *(column.name for _, column in described)]
            for row in bronze_rows(settings, feed, names, (user_column.name, wanted)):
                entries = found.setdefault(row[user_column.name], {})
                for kind, column in described:
                    if text := text_of(column, row[column.name]):
                        entries[kind, text, Span()] = None
    for kind in OWNED:
        keys = [(key, at, user) for own, key, at, user in registered if own == kind]
        for owned in ownerships(keys):
            if owned.user_id in found:
                found[owned.user_id] |= {(kind, owned.key, span): None for span in owned.spans}
    return [Person(user, ((USER, user, Span()), *found[user])) for user in sorted(found)]


def registrations(settings: Settings) -> list[Registration]:
    """Return the usable registrations of bronze, and of the landing folder.

    Those that have yet to land count too: they may be what ended an ownership.
    """
    feed = next(feed for feed in read_feeds() if feed.table == REGISTRATIONS)
    names = [column.name for column in feed.columns]
    rows = chain(bronze_rows(settings, feed, names), landed_rows(settings, feed))
    return [*dict.fromkeys(registered(feed, rows))]


def bronze_rows(
    settings: Settings,
    feed: Feed,
    columns: Sequence[str],
    wanted: tuple[str, set[int]] | None = None,
) -> Iterator[dict[str, Any]]:
    """Return columns of a bronze table's rows; with `wanted` those with these values in a column.

    A column that the table does not have yet is None. There are no rows without a table.
    """
    path = Path(address(settings, feed.table))
    if not is_table(path):
        return
    dataset = DeltaTable(path).to_pyarrow_dataset()
    stored = [name for name in columns if name in dataset.schema.names]
    chosen = ds.field(wanted[0]).isin([*wanted[1]]) if wanted else None
    for batch in dataset.to_batches(columns=stored, filter=chosen):
        for row in batch.to_pylist():
            yield dict.fromkeys(columns) | row


def landed_rows(settings: Settings, feed: Feed) -> Iterator[dict[str, Any]]:
    """Return the records of a CSV feed's landed files; those of unreadable files are left out."""
    fields = [column.field for column in feed.columns]
    folder = settings.landing / feed.folder
    for path in map(Path, visible_files(folder) if folder.exists() else ()):
        content = b""
        with (
            suppress(OSError, EOFError, zlib.error),
            OPENERS.get(path.suffix.lower(), open)(path, "rb") as file,
        ):
            content = file.read()
        for record in csv_records(content, fields):
            if record.fields is not None:
                yield {
                    column.name: READERS[column.data_type](record.fields.get(column.field))
                    for column in feed.columns
                }


def text_of(column: Column, value: Any) -> str | None:
    """Return a name, or the street of an address; None if there is none."""
    if column.parts and value is not None:
        value = value.get(STREET)
    return None if is_blank(value) else str(value)
