"""What is known of people in the bronze tables and in landed registrations, read without Spark."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from deltalake import DeltaTable

from python_ingest.feeds import Column, Feed, read_feeds
from python_ingest.file_source_log import visible_files
from python_ingest.landed_files import OPENERS
from python_ingest.parse.csv_files import READERS, csv_records
from python_ingest.settings import Settings
from python_ingest.suppression import OWNED, REGISTRATIONS, USER, Key, Span, id_columns, ownerships
from python_ingest.tables import address, is_table

END_OF_9999 = 253_402_300_800.0  # epoch seconds, as in macros/rules/instants.sql
NAME, ADDRESS = "name", "address"  # kinds of identifier, as contracts name them
STREET = "street_address"  # the part of an address that tells who lives there
Entry = tuple[str, Any, Span]  # the kind of an identifier, its value, and when it was theirs
Registration = tuple[str, Key, float, int]  # kind, device or mac address, registered_at, user


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
    [(_, user)] = id_columns(feed, USER)
    names = [column.name for column in feed.columns]
    rows = [*bronze_rows(settings, feed, names), *landed_rows(settings, feed)]
    return list(
        dict.fromkeys(
            (kind, row[column.name], row[feed.event_time], row[user.name])
            for row in rows
            if is_usable(feed, row)
            for kind, column in id_columns(feed, *OWNED)
        )
    )


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
            suppress(OSError, EOFError),
            OPENERS.get(path.suffix.lower(), open)(path, "rb") as file,
        ):
            content = file.read()
        for record in csv_records(content, fields):
            if record.fields is not None:
                yield {
                    column.name: READERS[column.data_type](record.fields.get(column.field))
                    for column in feed.columns
                }


def is_usable(feed: Feed, row: dict[str, Any]) -> bool:
    """Return whether a registration reaches silver, as refusal() in macros/feeds/contracts.sql.

    Its contract adds that ids are not negative.
    """
    for column in feed.columns:
        value = row[column.name]
        if is_blank(value):
            if column.meta.required:
                return False
        elif column.meta.unit:
            if not 0 <= value < END_OF_9999:
                return False
        elif column.meta.person and column.data_type == "bigint" and value < 0:
            return False
    return True


def is_blank(value: object) -> bool:
    """Return whether a value is None or a text of spaces, all that Spark's trim() cuts."""
    return value is None or (isinstance(value, str) and not value.strip(" "))


def text_of(column: Column, value: Any) -> str | None:
    """Return a name, or the street of an address; None if there is none."""
    if column.parts and value is not None:
        value = value.get(STREET)
    return None if is_blank(value) else str(value)
