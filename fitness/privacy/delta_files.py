"""Searches the log of a Delta table, and tells when files that the table dropped are removed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from fitness.maintenance import LEAST_KEPT
from fitness.privacy.records import Search, parsed, seconds
from fitness.privacy.rows import STATISTICS, Found
from fitness.privacy.wanted import canonical, kind_of, time_names
from python_ingest.feeds import Feed, read_feeds
from python_ingest.file_source_log import is_hidden
from python_ingest.suppression import USER, Span

LOG = "_delta_log"
ACTIONS_AT_ONCE = 1000
TRUNCATED = 0.001  # seconds, to which Delta cuts instants in its statistics
Actions = list[dict[str, Any]]


class TableFolder:
    """The folder of a table. `found` has what is in the rows of its files, by relative path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: dict[str, Found] = {}

    @property
    def feed(self) -> Feed | None:
        """The feed of a bronze table."""
        is_bronze = self.root.parent.name == "bronze"
        return next((f for f in read_feeds() if is_bronze and f.table == self.root.name), None)

    @cached_property
    def table(self) -> DeltaTable | None:
        """The table; None if deltalake cannot read its log."""
        with suppress(DeltaError, OSError, ValueError):
            return DeltaTable(self.root)
        return None

    @cached_property
    def active(self) -> frozenset[str]:
        """The files of the newest version."""
        if self.table is None:
            return frozenset()
        added = self.table.get_add_actions(flatten=True).column("path").to_pylist()
        return frozenset(map(unquote, added))

    @cached_property
    def dropped_at(self) -> Mapping[str, float]:
        """When files were dropped, in epoch seconds, as far as the log still says it."""
        files = sorted((self.root / LOG).iterdir())
        removed = [a["remove"] for f in files for a in actions_of(f, only="remove")]
        return {unquote(each["path"]): each.get("deletionTimestamp", 0) / 1000 for each in removed}

    def gone_when(self, path: Path) -> str | None:
        """Return when a file will be removed; None if it stays, or if that is not known."""
        name = path.relative_to(self.root)
        if LOG in name.parts:
            since = path.stat().st_mtime
            return removal("after `fitness maintain`", since, LEAST_KEPT + timedelta(days=1))
        hidden = [part for part in name.parts if is_hidden(part) and part != "_change_data"]
        if self.table is None or name.as_posix() in self.active or hidden:
            return None
        dropped = max(self.dropped_at.get(name.as_posix(), 0.0), path.stat().st_mtime)
        return removal("after `fitness maintain`", dropped, LEAST_KEPT)

    def in_log(self, path: Path, search: Search) -> Iterator[tuple[str, str, str | None]]:
        """Return what is in a file of the log, each with its place and when it will be gone."""
        if path.suffix == ".parquet":
            actions = actions_of(path)
            texts = [json.dumps(action, default=str).encode() for action in actions]
        else:
            texts = path.read_bytes().splitlines()
            actions = [action_of(text) for text in texts]
        for number in search.texts.rows_with_hits(texts):
            action = actions[number]
            file: dict[str, Any] = next(filter(is_file, action.values()), {})
            is_used = "add" in action and unquote(file["path"]) in self.active
            gone_when = None if is_used else self.gone_when(path)
            statistics = [file.pop(name, None) for name in ("stats", "stats_parsed")]
            for kind in self.in_statistics(statistics, file.get("path", ""), search):
                yield kind, STATISTICS, gone_when
            for kind, where in search.in_value(action):
                yield kind, where, gone_when

    def in_statistics(self, statistics: list[Any], path: str, search: Search) -> set[str]:
        """Return which kinds of identifier are in a file's least and greatest values.

        A device or mac address counts if rows of the file are theirs. If the file is gone, it
        counts if they may have been: by the range of times, unless all were another user's.
        """
        [given, *_] = [*filter(None, statistics), {}]
        values = (parsed(given) or {}) if isinstance(given, str) else given
        least, greatest = (dict(flat(values.get(name))) for name in ("minValues", "maxValues"))
        own = self.found.get(unquote(path))
        own = None if own and own.problem else own
        kinds = {kind for kind, _ in own.counts} if own else {*search.wanted.kinds}
        found = set()
        for name, value in {*least.items(), *greatest.items()}:
            kind = kind_of(name)
            if kind not in search.wanted.kinds:
                found |= {each for each, _ in search.in_value(value) if each in kinds}
            elif spans := search.wanted.spans(kind, value):
                if kind == USER:
                    is_theirs = True
                elif own:
                    is_theirs = (kind, canonical(kind, value)) in own.values
                else:
                    is_theirs = may_be_theirs(spans, least, greatest, search)
                found |= {kind} if is_theirs else set()
        return found


def may_be_theirs(
    spans: tuple[Span, ...], least: dict[str, Any], greatest: dict[str, Any], search: Search
) -> bool:
    """Return whether a file may have had rows of theirs in a span, by its statistics."""
    users = [(value, greatest.get(n)) for n, value in least.items() if kind_of(n) == USER]
    if users and all(a == b and not search.wanted.spans(USER, a) for a, b in users):
        return False
    names = [name for name in time_names() if name in least and name in greatest]
    if not names:
        return True
    first, last = seconds(least[names[0]]), seconds(greatest[names[0]])
    if first is None or last is None:
        return True
    last += TRUNCATED
    return any(
        (span.begin is None or span.begin <= last) and (span.end is None or first < span.end)
        for span in spans
    )


def actions_of(path: Path, only: str | None = None) -> Actions:
    """Return the actions in a commit or a checkpoint, or only those of a kind."""
    if path.suffix == ".json":
        lines = path.read_bytes().splitlines()
        chosen = [line for line in lines if only is None or only.encode() in line[:20]]
        actions = map(action_of, chosen)
    elif path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(ACTIONS_AT_ONCE, columns=[only] if only else None)
            rows = (row for each in batches for row in each.to_pylist(maps_as_pydicts="lossy"))
            return [found for row in rows if (found := {k: v for k, v in row.items() if v})]
    else:
        return []
    return [action for action in actions if only is None or only in action]


def action_of(line: bytes) -> dict[str, Any]:
    """Return an action of a commit; with a line that is none as a text in it."""
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {"": line.decode(errors="replace")}


def is_file(value: object) -> bool:
    """Return whether a value of an action describes a data file."""
    return isinstance(value, dict) and isinstance(value.get("path"), str)


def flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return the values of statistics by column, those in structs too."""
    for name, value in (values or {}).items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield prefix + name, value


def removal(how: str, since: float, kept: timedelta) -> str:
    """Return when what is kept for a while since an instant will be gone, and how."""
    # The first whole day at which the time is over.
    day = (datetime.fromtimestamp(since, UTC) + kept + timedelta(days=1)).date()
    return f"{how}, from {day} on, or at once by --purge"
