"""Judges whose the identifiers in records are: in JSON, in CSV, in rows of tables and in texts.

A record is judged as the lines of the feeds are: one with a user id by it alone, another one by its
device or mac address at its event time. In a text that is no record an identifier counts at any
time, unless the text names another user.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fitness.privacy.texts import TextSearch, unescaped, users_in
from fitness.privacy.wanted import (
    LEAST_LONG,
    Wanted,
    canonical,
    integer_kinds,
    kind_of,
    other_names,
    time_names,
)
from python_ingest.feeds import Feed
from python_ingest.parse.csv_files import number, split_records
from python_ingest.suppression import USER, Suppressions

TEXT = "text"
Findings = Iterator[tuple[str, str]]  # the kind of an identifier, and the field that it is in


@dataclass(frozen=True)
class Owner:
    """Whose a record is: the user ids in it (None: it has none), and its event time if known."""

    users: frozenset[str] | None = None
    time: float | None = None


UNKNOWN = Owner()


class Search:
    """Searches records for what is wanted, and texts for records."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self.texts = wanted, TextSearch(wanted)

    def is_theirs(self, kind: str, value: object, owner: Owner) -> bool:
        """Return whether an identifier in a record is of somebody who is looked for."""
        spans = self.wanted.spans(kind, value)
        if kind == USER or not spans:
            return bool(spans)
        if owner.users is not None:
            return any(self.wanted.spans(USER, user) for user in owner.users)
        return any(span.has(owner.time) for span in spans)

    def in_lines(self, text: bytes) -> Findings:
        """Return what is in the lines of a text, each finding once for a line."""
        text = unescaped(text)
        end = -1
        for hit in self.texts.hits(text):
            if hit.end > end:
                begin = text.rfind(b"\n", 0, hit.begin) + 1
                end = text.find(b"\n", hit.end)
                end = len(text) if end < 0 else end
                yield from {*self.in_text(text[begin:end].decode(errors="replace"))}

    def in_text(self, text: str, where: str = "", owner: Owner = UNKNOWN) -> Findings:
        """Return what is in a text; `where` it is, else the fields of its JSON are named."""
        value = parsed(text)
        if value is not None:
            yield from self.in_value(value, where, owner)
            return
        content = unescaped(text.encode("utf-8", "surrogatepass"))
        if users := users_in(content):
            owner = Owner(users, owner.time)
        for hit in self.texts.hits(content):
            if self.is_theirs(hit.kind, hit.value, owner):
                yield hit.kind, where or TEXT

    def in_value(self, value: Any, where: str = "", owner: Owner = UNKNOWN) -> Findings:
        """Return what is in a value of JSON or of a column; raises nothing for other values."""
        if isinstance(value, dict):
            fields = {name: json_or_self(each) for name, each in value.items()}
            owner = owner_of(fields, owner)
            parts = [each for each in fields.values() if isinstance(each, dict)]
            # The other fields of a message, such as its key, are of the same owner as its value.
            inner = next((o for part in parts if (o := owner_of(part, owner)) != owner), owner)
            for name, each in fields.items():
                whose = owner if isinstance(each, dict) or owner != UNKNOWN else inner
                yield from self.in_field(name, each, f"{where}.{name}" if where else name, whose)
        else:
            yield from self.in_field("", value, where, owner)

    def in_field(self, name: str, value: Any, where: str, owner: Owner) -> Findings:
        """Return what is in the field of a name."""
        kind = kind_of(name)
        if isinstance(value, dict):
            yield from self.in_value(value, where, owner)
        elif isinstance(value, list | tuple):
            for each in value:
                yield from self.in_field(name, each, where, owner)
        elif kind in self.wanted.kinds and canonical(kind, value) is not None:
            if self.is_theirs(kind, value, owner):
                yield kind, where
        elif isinstance(value, str):
            yield from self.in_text(value, where, owner)
        elif isinstance(value, int) and abs(value) >= LEAST_LONG and name not in other_names():
            for each in integer_kinds():
                if self.is_theirs(each, value, owner):
                    yield each, where or TEXT

    def in_csv(self, raw: str, feed: Feed) -> set[str]:
        """Return which kinds are in a line of a CSV file whose header is not known.

        With as many values as the feed has columns they are taken to be in the same order.
        """
        values, _ = next(split_records(raw), (None, ""))
        if values and len(values) == len(feed.columns):
            fields = [column.field for column in feed.columns]
            return {kind for kind, _ in self.in_value(dict(zip(fields, values, strict=True)))}
        ids = Suppressions(()).ids_in_text(feed, raw)
        return {kind for kind, value in ids if self.is_theirs(kind, value, UNKNOWN)}


def parsed(text: str) -> Any:
    """Return a text of JSON as an object or a list; None if it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def json_or_self(value: Any) -> Any:
    """Return a text of JSON as an object or a list, and any other value as it is."""
    found = parsed(value) if isinstance(value, str) else None
    return value if found is None else found


def owner_of(record: Mapping[str, Any], outer: Owner) -> Owner:
    """Return whose a record is; `outer` is that of the record which it is a part of."""
    users = frozenset(
        user
        for name, value in record.items()
        if kind_of(name) == USER
        for each in (value if isinstance(value, list | tuple) else [value])
        if (user := canonical(USER, each)) is not None
    )
    times = (seconds(record.get(name)) for name in time_names())
    time = next((each for each in times if each is not None), outer.time)
    return Owner(users or outer.users, time)


def seconds(value: object) -> float | None:
    """Return an instant as epoch seconds; None if it is none."""
    if isinstance(value, str) and (found := number(value)) is not None:
        return found
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
