"""Alerts: post to a webhook what fails or goes stale, and what recovers.

The key of a state is `build`, `run`, `feed <table>`, or the type and name of a node of dbt, such as
`test <name>`. A state is posted once when it turns bad and once when it has recovered, also
across restarts: a file in the lakehouse keeps what is bad and what has been posted. Messages have
keys, counts and times only, since dbt's own messages can hold data.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fitness.build import FAILED
from fitness.dbt_arguments import asks_whole_tests
from fitness.errors import BuildError
from fitness.freshness import last_landings, stale_since
from fitness.settings import developer_prefix
from fitness.webhook import post, read_webhook
from python_ingest.atomic_write import atomic_write
from python_ingest.errors import BusyError, SettingError
from python_ingest.settings import Settings

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

log = logging.getLogger(__name__)

SUCCEEDED = ("success", "pass", "warn")  # statuses of dbt's nodes
FEED, WHOLE = "feed ", " on whole tables"
MOST_LINES = 20  # of a message


class Record(msgspec.Struct):
    """What is bad and since when, which bad states were posted, and each table's last landing."""

    bad: dict[str, datetime] = {}
    posted: list[str] = []
    landings: dict[str, datetime] = {}


class Alerts:
    """Posts changed states. If that fails, it logs it and tries again at the next call.

    Raises SettingError, when it is created only, if FITNESS_WEBHOOK is no URL.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._url = settings, read_webhook()
        self._unsaved: Record | None = None  # set while the file cannot be written
        self._has_warned = False

    @contextmanager
    def of_build(self, arguments: Sequence[str]) -> Iterator[Callable[["EventMsg"], None]]:
        """Post what a build changes, also if it fails; yield a function to call with dbt's events.

        `build` is bad if a build fails but none of its nodes does.
        """
        found: dict[str, bool] = {}
        is_whole = asks_whole_tests(arguments)

        def on_event(event: "EventMsg") -> None:
            if event.info.name == "NodeFinished":
                found.update(states_of(event, is_whole))

        try:
            yield on_event
        except BusyError:
            raise
        except Exception as error:
            is_of_nodes = isinstance(error, BuildError) and any(found.values())
            self.note({**found, "build": not is_of_nodes})
            raise
        self.note({**found, "build": False})

    @contextmanager
    def of_run(self) -> Iterator[None]:
        """Post if an ingest or a continuous run ends with an error."""
        try:
            yield
        except BusyError:
            raise
        except Exception:
            self.note({"run": True})
            raise
        self.note({"run": False})

    def note(self, found: Mapping[str, bool]) -> None:
        """Record which states are bad, look at the feeds, and post what has not been posted yet."""
        if self._url is None:
            return
        try:
            problem = self._post_changes(self._url, found)
        except Exception as error:  # It must not fail a build.
            problem = type(error).__name__
        if problem and not self._has_warned:
            log.warning("Alerts failed (%s). They are tried again after the next build.", problem)
        self._has_warned = problem is not None

    def _post_changes(self, url: str, found: Mapping[str, bool]) -> str | None:
        """Return why the post failed, or None."""
        now, prefix = datetime.now(UTC), developer_prefix()
        path = self._settings.lakehouse / f"{prefix}alerts.json"
        record = self._unsaved or read_record(path)
        before = msgspec.json.encode(record)
        for key, is_bad in found.items():
            if is_bad:
                record.bad.setdefault(key, now)
            else:
                record.bad.pop(key, None)
        if not self._settings.catalog:  # On Databricks the ingest log is elsewhere.
            with suppress(SettingError, KeyError, TypeError):  # The build reports a wrong contract.
                note_feeds(record, self._settings.lakehouse, now)
        problem = None
        if lines := message(record, prefix[4:-1]):
            problem = post(url, lines)
            if problem is None:
                record.posted = sorted(record.bad)
        if self._unsaved or msgspec.json.encode(record) != before:
            self._unsaved = record
            with atomic_write(path) as file:
                file.write(msgspec.json.encode(record).decode())
            self._unsaved = None
        return problem


def read_record(path: Path) -> Record:
    """Return what the file holds; an empty record if it is missing or not readable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return Record()


def states_of(event: "EventMsg", is_whole: bool) -> dict[str, bool]:
    """Return the states that a finished node decides, and if they are bad.

    What a test of whole tables has found, only such a test shows to be repaired.
    """
    node, status = event.data.node_info, event.data.run_result.status
    key = f"{node.resource_type} {node.node_name}"
    if status not in FAILED + SUCCEEDED:
        return {}
    if not is_whole or node.resource_type != "test":
        return {key: status in FAILED}
    return {key + WHOLE: True} if status in FAILED else {key: False, key + WHOLE: False}


def note_feeds(record: Record, lakehouse: Path, now: datetime) -> None:
    """Record the last landings, and which feeds are stale since then."""
    record.landings = last_landings(lakehouse, record.landings, now)
    stale = {FEED + table: at for table, at in stale_since(record.landings, now).items()}
    record.bad = {k: at for k, at in record.bad.items() if not k.startswith(FEED)} | stale


def message(record: Record, developer: str) -> list[str]:
    """Return the lines that say what has changed since the last post; none if nothing has."""
    bad = [key for key in record.bad if key not in record.posted]
    good = [key for key in record.posted if key not in record.bad]
    if not bad and not good:
        return []
    lines = []
    for key in bad:
        what = "nothing has landed since" if key.startswith(FEED) else "failed at"
        lines.append(f"• {key}: {what} {record.bad[key]:%Y-%m-%d %H:%M} UTC")
    lines += [f"• {key}: recovered" for key in good]
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} more"]
    of = f" of {developer}" if developer else ""
    counts = f"{len(bad)} new, {len(good)} recovered, {len(record.bad)} in all"
    return [f"Problems in the fitness lakehouse{of}: {counts}.", *lines, "See `fitness status`."]
