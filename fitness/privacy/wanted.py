"""Whose identifiers a search looks for, and which columns and fields hold identifiers."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from fitness.privacy.people import ADDRESS, NAME, STREET, find_people, registrations
from python_ingest.feeds import TAKEN, read_feeds
from python_ingest.parse.csv_files import integer
from python_ingest.settings import Settings
from python_ingest.suppression import OWNED, USER, Span, Suppressions, id_columns

KINDS = {
    USER: "user id",
    "device": "device",
    "mac": "mac address",
    NAME: "name",
    ADDRESS: "address",
}
# The event time in silver; of bronze and of landed lines the contracts say it.
EVENT_TIME = "event_time"
# Shorter numbers are identifiers only where a name says so.
LEAST_DIGITS = 7
LEAST_LONG = 10 ** (LEAST_DIGITS - 1)
TRUNCATED = 32  # characters: Delta cuts texts to this length in its statistics


@dataclass(frozen=True)
class Wanted:
    """The identifiers that are looked for, each with the spans of time in which it was a person's.

    `known` has them by kind and text. What only the record of the forgotten knows is recognised by
    its hash; user ids are always known. `with_names` adds names and streets to `kinds`.
    """

    known: Mapping[tuple[str, str], tuple[Span, ...]]
    record: Suppressions | None = None
    with_names: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of identifier that are looked for, user ids first."""
        return (USER, *OWNED, *((NAME, ADDRESS) if self.with_names else ()))

    def spans(self, kind: str, value: object) -> tuple[Span, ...]:
        """Return when an identifier was theirs; nothing if it never was."""
        text = canonical(kind, value) if kind in self.kinds else None
        if text is None:
            return ()
        known = self.known.get((kind, text), ())
        return known + (self.record.spans(kind, text) if self.record and kind != USER else ())

    def texts(self, *kinds: str) -> list[str]:
        """Return the known identifiers of some kinds."""
        return [text for kind, text in self.known if kind in kinds]


def find_wanted(
    settings: Settings,
    suppressions: Suppressions | None,
    user_ids: Sequence[int],
    with_names: bool,
) -> Wanted:
    """Return the identifiers of users, as far as the bronze tables and the record know them."""
    known: dict[tuple[str, str], dict[Span, None]] = defaultdict(dict)
    for user in user_ids:
        known[USER, str(user)][Span()] = None
    for person in find_people(settings, user_ids):
        for kind, value, span in person.entries:
            text = str(value)
            known[kind, text][span] = None
            if kind in (NAME, ADDRESS):
                known[kind, text[:TRUNCATED]][span] = None
    if suppressions:
        suppressions = suppressions.closed_by(registrations(settings))
    spans = {identifier: tuple(own) for identifier, own in known.items()}
    return Wanted(spans, suppressions, with_names)


def canonical(kind: str, value: object) -> str | None:
    """Return an identifier as text, an integer without leading zeros; None if it is none."""
    if kind not in integer_kinds():
        return value if isinstance(value, str) and value else None
    number = integer(value) if isinstance(value, str) else value
    return str(number) if isinstance(number, int) and not isinstance(number, bool) else None


@cache
def integer_kinds() -> frozenset[str]:
    """Return the kinds of identifier that are integers."""
    return frozenset(
        kind
        for feed in read_feeds()
        for kind, column in id_columns(feed, USER, *OWNED)
        if column.data_type == "bigint"
    )


@cache
def stems() -> Mapping[str, str]:
    """Return the words for identifiers in names, each with its kind: `user` of `user_id`."""
    found = {kind: kind for kind in (USER, *OWNED)}
    for feed in read_feeds():
        for kind, column in id_columns(feed, USER, *OWNED):
            for name in (column.name, column.field):
                found[re.sub("_?(id|address)$", "", name.lower()) or name.lower()] = kind
    return found


@cache
def described() -> Mapping[str, str]:
    """Return the columns and fields that hold names and streets, each with its kind."""
    columns = [each for feed in read_feeds() for each in id_columns(feed, NAME, ADDRESS)]
    return {
        name.lower(): kind
        for kind, column in columns
        for name in ((STREET,) if column.parts else (column.name, column.field))
    }


@lru_cache(2**16)
def kind_of(name: str) -> str | None:
    """Return which kind of identifier a column or field of a name holds, such as `old_user_id`."""
    lower = name.lower()
    for stem, kind in stems().items():
        if re.fullmatch(rf"(.*[^a-z0-9])?{re.escape(stem)}(_?(ids?|address(es)?))?", lower):
            return kind
    return next((kind for each, kind in described().items() if lower.endswith(each)), None)


@cache
def other_names() -> frozenset[str]:
    """Return the columns and fields whose numbers are known to be no identifiers."""
    columns = [column for feed in read_feeds() for column in feed.columns if not column.meta.person]
    lineage = {f"_{name}" for name in TAKEN} | {"_broker_timestamp"}
    return frozenset(TAKEN | lineage | {n for c in columns for n in (c.name, c.field)})


@cache
def time_names() -> tuple[str, ...]:
    """Return the columns and fields that say when a device or mac address was used."""
    feeds = [feed for feed in read_feeds() if not id_columns(feed, USER)]
    times = [column for feed in feeds for column in feed.columns if column.name == feed.event_time]
    return (*dict.fromkeys(name for each in times for name in (each.name, each.field)), EVENT_TIME)
