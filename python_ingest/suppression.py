"""The people who are forgotten, as keyed hashes of their ids: lines of theirs do not land again.

A line that has a user id is judged by it alone, another one by its device or mac address at its
event time, and one whose ids cannot be read by those that are found in its text.
"""

import hmac
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

from python_ingest.errors import SettingError
from python_ingest.feeds import Column, Feed, read_feeds
from python_ingest.parse.csv_files import READERS
from python_ingest.settings import Settings

REGISTRATIONS = "registered_users_bz"  # the feed that says whose a device or mac address is
USER, OWNED = "user", ("device", "mac")  # kinds of identifier, as contracts name them
SECRET, LEAST_KEY = "FITNESS_SECRET", 16  # characters
# What may stand around the colon between a name and its value, also in JSON that is a text.
GAP = r"""(?:\\[nrt]|[\\"'\s])*+"""
VALUES = {"bigint": r"(-?\d+)", "string": r"""([^\\"']+)"""}
SEPARATORS = re.compile(r'[,;"\t\r\n]')
END_OF_9999 = 253_402_300_800.0  # epoch seconds, as in macros/rules/instants.sql
Key = str | int
Registration = tuple[str, Key, float, int]  # kind, device or mac address, registered_at, user
LetsLand = Callable[[Feed | None, Mapping[str, Sequence[Any]]], list[bool]]  # see lets_land()


def instant(seconds: float) -> float:
    """Return epoch seconds as microseconds, rounded as macros/rules/instants.sql does."""
    micros = seconds * 1e6
    return round(micros) if isfinite(micros) else micros


@dataclass(frozen=True)
class Span:
    """The time from `begin` until before `end`, in epoch seconds; None: without bound."""

    begin: float | None = None
    end: float | None = None

    def has(self, time: float | None) -> bool:
        """Return whether a time is in the span; None, an unknown time, is in every span."""
        if time is None:
            return True
        is_after = self.begin is None or instant(self.begin) <= instant(time)
        return is_after and (self.end is None or instant(time) < instant(self.end))

    def until(self, time: float) -> "Span":
        """Return the part before a time; all of the span if the time is not within it."""
        part = Span(self.begin, time)
        return part if self.has(time) and part.has(part.begin) else self


def id_columns(feed: Feed, *kinds: str) -> list[tuple[str, Column]]:
    """Return the columns of a feed with some kinds of identifier, each with its kind."""
    return [(kind, c) for c in feed.columns if (kind := c.meta.person) and kind in kinds]


def registered(feed: Feed, rows: Iterable[Mapping[str, Any]]) -> Iterator[Registration]:
    """Return what usable registrations say, given by bronze column."""
    [(_, user)] = id_columns(feed, USER)
    for row in rows:
        if is_usable(feed, row):
            for kind, column in id_columns(feed, *OWNED):
                yield kind, row[column.name], row[feed.event_time], row[user.name]


def is_usable(feed: Feed, row: Mapping[str, Any]) -> bool:
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


def judged_by(feed: Feed | None) -> list[tuple[str, Column]]:
    """Return the columns that tell whose a line is."""
    return (id_columns(feed, USER) or id_columns(feed, *OWNED)) if feed else []


def json_patterns() -> frozenset[tuple[str, str, str]]:
    """Return what finds ids in lines of JSON: kind, data type and pattern of each."""
    return frozenset(
        (kind, c.data_type, rf"(?<!\w){re.escape(c.field)}{GAP}:{GAP}{VALUES[c.data_type]}")
        for feed in read_feeds()
        for kind, c in id_columns(feed, USER, *OWNED)
        if c.data_type in VALUES
    )


@lru_cache(2**16)
def hashed(key: bytes, text: str) -> str:
    """Return the keyed hash of a text."""
    return hmac.digest(key, text.encode(), "sha256").hex()


@dataclass(frozen=True)
class Suppressions:
    """Who is forgotten: `hashes` has the spans of each id, that of a user without bounds.

    The first key is for new hashes. `patterns` are for workers, which may have no contracts.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    hashes: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    patterns: frozenset[tuple[str, str, str]] = field(default_factory=json_patterns, repr=False)

    def names(self, kind: str, value: object) -> list[str]:
        """Return the hashes of an id that are on record."""
        names = (hashed(key, f"{kind}:{value}") for key in self.keys)
        return [name for name in names if name in self.hashes]

    def spans(self, kind: str, value: object) -> tuple[Span, ...]:
        """Return the spans in which an id is forgotten."""
        return tuple(span for name in self.names(kind, value) for span in self.hashes[name])

    def refuses(
        self, feed: Feed | None, values: Mapping[str, Any], raw: str, is_malformed: bool
    ) -> bool:
        """Return whether a line is a forgotten person's; `values` are its bronze columns."""
        ids = [(kind, values.get(column.name)) for kind, column in judged_by(feed)]
        time = values.get(feed.event_time) if feed else None
        if feed is None or is_malformed or None in (value for _, value in ids):
            ids, time = self.ids_in_text(feed, raw), None
        return any(span.has(time) for each in ids for span in self.spans(*each))

    def ids_in_text(self, feed: Feed | None, raw: str) -> list[tuple[str, Any]]:
        """Return what may be the ids in a line that cannot be read, each with its kind."""
        if feed and feed.is_csv:  # Each value may be any of them.
            columns, texts = id_columns(feed, USER, *OWNED), SEPARATORS.split(raw)
            return [(kind, READERS[c.data_type](text)) for kind, c in columns for text in texts]
        found = [
            (kind, READERS[data_type](text))
            for kind, data_type, pattern in self.patterns
            for text in re.findall(pattern, raw)
        ]
        return [each for each in found if each[0] == USER] or found

    def lets_land(self, feed: Feed | None, lines: Mapping[str, Sequence[Any]]) -> list[bool]:
        """Return which lines are not refused, given by bronze column; looks up each id once."""
        malformed, columns = lines["_is_malformed"], judged_by(feed)
        ids = {(kind, value) for kind, column in columns for value in {*lines[column.name]}}
        suspects = {None, *(value for kind, value in ids if self.names(kind, value))}
        rows = zip(malformed, *(lines[column.name] for _, column in columns), strict=True)
        found = [not is_malformed and suspects.isdisjoint(own) for is_malformed, *own in rows]
        for number in [number for number, is_clear in enumerate(found) if not is_clear]:
            line = {name: lines[name][number] for name in lines}
            found[number] = not self.refuses(feed, line, line["_raw"], malformed[number])
        return found

    def forget(self, entries: Iterable[tuple[str, object, Span]]) -> "Suppressions":
        """Return them with more ids: the kind, the value and a span of each."""
        hashes = dict(self.hashes)
        for kind, value, span in entries:
            name = hashed(self.keys[0], f"{kind}:{value}")
            hashes[name] = tuple(dict.fromkeys((*hashes.get(name, ()), span)))
        return replace(self, hashes=hashes)

    def closed_by(self, registrations: Iterable[Registration]) -> "Suppressions":
        """Return them with the spans ended in which somebody who is not forgotten registers.

        One at the begin of a span does not end it: at the same instant the user with the larger id
        is the owner, whom no hash tells.
        """
        hashes = dict(self.hashes)
        for kind, value, at, user in registrations:
            names = self.names(kind, value)
            if names and not self.names(USER, user):
                hashes |= {name: tuple(span.until(at) for span in hashes[name]) for name in names}
        return replace(self, hashes=hashes)

    def for_workers(self, hashes: Any) -> LetsLand:
        """Return lets_land() as a small function for Spark's workers; `hashes` is a broadcast.

        Spark writes broadcasts to disk, and functions of more than 1 MiB. A smaller function, and
        the keys with it, is in Spark's tasks: on disk only if memory is short.
        """
        small = replace(self, hashes={})
        return lambda feed, lines: replace(small, hashes=hashes.value).lets_land(feed, lines)


def record_file(settings: Settings) -> Path:
    """Return the file of the record."""
    return settings.lakehouse / "suppressions.json"


def secret_keys() -> tuple[bytes, ...]:
    """Return the keys in FITNESS_SECRET; raises SettingError if there is none or a short one."""
    keys = [key.strip() for key in os.environ.get(SECRET, "").split(",") if key.strip()]
    if not keys or min(map(len, keys)) < LEAST_KEY:
        raise SettingError(
            f"{SECRET} must have a key of {LEAST_KEY} characters or more, by which the people who "
            'are forgotten are known again: `python -c "import secrets; '
            'print(secrets.token_hex(32))"` makes one. Keep it, and not in the lakehouse.'
        )
    return tuple(key.encode() for key in keys)


def key_id(key: bytes) -> str:
    """Return what the record calls a key."""
    return hashed(key, "key")[:16]


def read_suppressions(settings: Settings) -> Suppressions | None:
    """Return who is forgotten; None without a record.

    Raises SettingError if FITNESS_SECRET does not have all keys of the record.
    """
    if not (file := record_file(settings)).exists():
        return None
    record = json.loads(file.read_text(encoding="utf-8"))
    keys = secret_keys() if os.environ.get(SECRET) else ()
    if not {*record["keys"]} <= {key_id(key) for key in keys}:
        raise SettingError(
            f"{file} has the people who are forgotten, hashed with a key that {SECRET} does not "
            f"have: their lines could not be refused. Set {SECRET} to all keys that have been in "
            "use, the newest first, with commas between them."
        )
    spans = {name: tuple(Span(*each) for each in own) for name, own in record["hashes"].items()}
    return Suppressions(keys, spans)
