"""Forget people: remove what is held on them, and refuse their lines from then on.

The record of the forgotten is written first, and what is removed is what it refuses: so a run that
was killed is finished by running it again, also if nothing else knows the people any more.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from fitness.doctor import metastore_holder
from fitness.errors import BuildError
from fitness.lock import countdown, only_one, wait_while, writing
from fitness.privacy.bronze import sweep_bronze
from fitness.privacy.landing import sweep_files
from fitness.privacy.leftovers import sweep_leftovers
from fitness.privacy.people import Person, find_people, registrations
from fitness.privacy.purge import purge as purge_tables
from fitness.settings import developer_prefix, is_served
from python_ingest.atomic_write import atomic_write
from python_ingest.errors import FitnessError, SettingError
from python_ingest.settings import Settings
from python_ingest.suppression import (
    OWNED,
    USER,
    Span,
    Suppressions,
    key_id,
    read_suppressions,
    record_file,
    secret_keys,
)

# The kind of the entries that say whose a span without end is, for people who return.
OWNER = "owner"


@dataclass(frozen=True)
class Forgotten:
    """What was removed.

    `lines` by file of the landing folder or the archive, `rows` by table, of bronze and of
    readings whose lines may be gone. `leftovers` has what was done to other tables and logs,
    `problems` the files that could not be swept, and why. `built` is the summary of the build by
    which silver and gold followed.
    """

    lines: Mapping[Path, int]
    rows: Mapping[str, int]
    leftovers: Mapping[str, str]
    problems: Mapping[Path, str]
    built: str


def check(settings: Settings) -> None:
    """Raise SettingError where nobody can be forgotten."""
    if is_served(settings.target):
        raise SettingError(
            f"The target {settings.target} leaves the tables to a running server. Stop it, and "
            "run the command with FITNESS_TARGET=local."
        )
    if developer_prefix():
        raise SettingError(
            "With FITNESS_DEV a build makes a developer's tables, and people must be forgotten "
            "in production's: unset FITNESS_DEV."
        )


@contextmanager
def when_idle(settings: Settings, patience: timedelta) -> Iterator[None]:
    """Hold the locks of the ingest and of builds, and wait until no process has the metastore open.

    Start Spark inside: a build has the metastore open for a moment longer than its lock. Raises
    BusyError if not all three are free after `patience`.
    """
    lakehouse, left = settings.lakehouse, countdown(patience)

    def find_holder() -> str | None:
        found = metastore_holder(lakehouse / "metastore")
        return None if found is None else f"Process {found} has the metastore of {lakehouse} open"

    with only_one(lakehouse, "ingest", left()), only_one(lakehouse, "build", left()):
        wait_while(find_holder, left())
        yield


def forget(
    spark: SparkSession,
    settings: Settings,
    user_ids: Iterable[int],
    build: Callable[[], str],
    on_step: Callable[[str], None] = lambda _: None,
    *,
    purge: bool = False,
) -> Forgotten:
    """Forget users; return what was removed. `build` builds and tests all models.

    With `purge` the tables' old files and logs go too. `on_step` is called with a message on each
    file and table. Raises BusyError if an ingest or a build is at work on the lakehouse, what
    with_people() raises, and BuildError if a build failed: then silver and gold may still have
    rows of the users.
    """
    problems: dict[Path, str] = {}
    with writing(spark, settings, "ingest"):
        with writing(spark, settings, "build"):
            suppressions = with_people(settings, user_ids)
            save_suppressions(settings, suppressions)
            lines = sweep_files(settings, suppressions, on_step, problems.__setitem__)
            rows = sweep_bronze(spark, settings, suppressions, on_step)
        failure, built = None, ""
        try:
            built = build()
        except BuildError as error:
            failure = error
        with writing(spark, settings, "build"):
            leftovers = sweep_leftovers(spark, settings, suppressions, on_step)
        if failure:
            raise BuildError(f"{failure} Silver and gold may still have rows.") from failure
        if purge:
            purge_tables(spark, settings, on_step, build)
    return Forgotten(lines, rows, leftovers, problems, built)


def with_people(settings: Settings, user_ids: Iterable[int]) -> Suppressions:
    """Return the record of the forgotten with users added, not yet saved.

    Raises FitnessError if a user is neither known nor on the record, SettingError if FITNESS_SECRET
    does not have the keys.
    """
    wanted = sorted({*user_ids})
    record = read_suppressions(settings) or Suppressions(secret_keys())
    people = find_people(settings, wanted)
    known = {person.user_id for person in people}
    unknown = [u for u in wanted if u not in known and not record.spans(USER, u)]
    if unknown:
        raise FitnessError(
            f"No bronze table has user {', '.join(map(str, unknown))}, and they are not on the "
            "record of the forgotten. Nobody was forgotten: check the ids, and land what has yet "
            "to land with `fitness ingest`."
        )
    # Written as they are now: the registrations that ended them may be forgotten next.
    record = record.closed_by(registrations(settings))
    record = record.forget(entry for person in people for entry in person.entries)
    return record.forget((OWNER, text, Span()) for p in people for text in open_spans(p, record))


def open_spans(person: Person, record: Suppressions) -> list[str]:
    """Return texts that say which spans without end on the record are a person's."""
    return [
        owner_text(person.user_id, name, span)
        for kind, value, span in person.entries
        if kind in OWNED and span.end is None
        for name in record.names(kind, value)
    ]


def owner_text(user_id: int, name: str, span: Span) -> str:
    """Return the text that says whose a span of an id on the record is."""
    return f"{user_id}:{name}:{span.begin}"


def allow_again(
    settings: Settings, user_ids: Iterable[int], now: float, patience: timedelta = timedelta()
) -> None:
    """Let lines of users land again, and those of the devices that they had, from `now` on.

    `now` is in epoch seconds. Raises FitnessError if a user is not on the record, BusyError if an
    ingest is at work for longer than `patience`.
    """
    wanted = sorted({*user_ids})
    with only_one(settings.lakehouse, "ingest", patience):
        record = read_suppressions(settings)
        missing = [user for user in wanted if not (record and record.spans(USER, user))]
        if record is None or missing:
            raise FitnessError(
                f"Not on the record of the forgotten: {', '.join(map(str, missing))}. Nobody was "
                "allowed again."
            )
        for user in wanted:
            record = allow(with_ended_spans(record, user, now), USER, user)
        save_suppressions(settings, record)


def with_ended_spans(record: Suppressions, user_id: int, now: float) -> Suppressions:
    """Return the record with the spans without end of a user's devices ended."""
    hashes = dict(record.hashes)
    for name, spans in record.hashes.items():
        for span in spans:
            text = owner_text(user_id, name, span)
            if span.end is None and record.spans(OWNER, text):
                hashes[name] = tuple(s.until(now) if s == span else s for s in hashes[name])
                hashes = {**allow(replace(record, hashes=hashes), OWNER, text).hashes}
    return replace(record, hashes=hashes)


def allow(record: Suppressions, kind: str, value: object) -> Suppressions:
    """Return the record without an id."""
    names = record.names(kind, value)
    return replace(record, hashes={n: s for n, s in record.hashes.items() if n not in names})


def save_suppressions(settings: Settings, suppressions: Suppressions) -> None:
    """Write the record, whole; it needs all the present keys from now on."""
    record = {
        "keys": [key_id(key) for key in suppressions.keys],
        "hashes": {name: [*map(astuple, own)] for name, own in suppressions.hashes.items()},
    }
    with atomic_write(record_file(settings)) as file:
        json.dump(record, file, sort_keys=True)  # No order shows which ids belong together.
