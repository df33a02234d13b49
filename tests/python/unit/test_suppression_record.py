"""The record of who is forgotten: keyed hashes, and the keys that it needs."""

import hashlib
import hmac
import json
import pickle
import re
from pathlib import Path
from typing import Any, ClassVar, cast
from unittest.mock import MagicMock

import pytest
from pyspark import cloudpickle

from fitness.privacy.forget import save_suppressions
from python_ingest.errors import SettingError
from python_ingest.feeds import read_feeds
from python_ingest.settings import Settings
from python_ingest.stream import Run
from python_ingest.suppression import (
    REGISTRATIONS,
    Registration,
    Span,
    Suppressions,
    read_suppressions,
    record_file,
    secret_keys,
)

OLD, NEW = "an old key of the project", "a new key of the project"
ALWAYS = Span()
MAC = "a4:c1:38:00:00:07"
FORGOTTEN = Suppressions((NEW.encode(),)).forget(
    [("user", 70, ALWAYS), ("device", 71, Span(100.0, 200.0)), ("mac", MAC, Span(150.0))]
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FITNESS_SECRET", NEW)
    return Settings(tmp_path / "landing", tmp_path / "lakehouse")


def test_a_hash_is_of_kind_and_value_with_the_first_key() -> None:
    expected = hmac.new(NEW.encode(), b"user:70", hashlib.sha256).hexdigest()
    keys = (NEW.encode(), OLD.encode())
    assert [*Suppressions(keys).forget([("user", 70, ALWAYS)]).hashes] == [expected]


def test_ids_of_different_kinds_are_different() -> None:
    assert FORGOTTEN.spans("user", 70) == (ALWAYS,)
    assert FORGOTTEN.spans("device", 70) == FORGOTTEN.spans("user", 71) == ()


def test_an_id_has_all_spans_in_which_it_is_forgotten_each_once() -> None:
    spans = [Span(None, 5.0), Span(7.0, 9.0), Span(None, 5.0)]
    found = Suppressions((NEW.encode(),)).forget([("device", 1, span) for span in spans])
    assert found.spans("device", 1) == (Span(None, 5.0), Span(7.0, 9.0))
    assert found.forget([("device", 1, Span(7.0, 9.0))]) == found


def test_the_record_is_read_as_it_was_saved(settings: Settings) -> None:
    save_suppressions(settings, FORGOTTEN)
    assert read_suppressions(settings) == FORGOTTEN


def test_no_identifier_no_key_and_no_order_of_people_is_in_the_record(settings: Settings) -> None:
    people = [("user", 918273645), ("mac", MAC), ("name", "Ada Lovelace"), ("device", 564738291)]
    texts = []
    for entries in (people, people[::-1]):
        forgotten = Suppressions(secret_keys()).forget([(*entry, ALWAYS) for entry in entries])
        save_suppressions(settings, forgotten)
        texts.append(record_file(settings).read_text())
    assert texts[0] == texts[1]
    record = json.loads(texts[0])
    assert record["keys"] == [hmac.new(NEW.encode(), b"key", hashlib.sha256).hexdigest()[:16]]
    assert [*record["hashes"].values()] == [[[None, None]]] * 4
    assert all(re.fullmatch("[0-9a-f]{64}", name) for name in record["hashes"])


def test_without_a_record_no_key_is_needed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FITNESS_SECRET")
    assert read_suppressions(settings) is None


@pytest.mark.parametrize("secret", ["", OLD, f"{OLD},{OLD} 2"])
def test_without_its_key_the_record_cannot_be_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    save_suppressions(settings, FORGOTTEN)
    monkeypatch.setenv("FITNESS_SECRET", secret)
    with pytest.raises(SettingError, match="a key that FITNESS_SECRET does not have") as caught:
        read_suppressions(settings)
    assert NEW not in str(caught.value)


@pytest.mark.parametrize("secret", ["", " , ", "x" * 15, f"{NEW},short"])
def test_a_missing_or_short_key_is_an_error_that_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("FITNESS_SECRET", secret)
    with pytest.raises(SettingError, match=r"16 characters .*secrets\.token_hex\(32\)"):
        secret_keys()


def test_after_a_rotation_of_keys_old_and_new_entries_are_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITNESS_SECRET", OLD)
    save_suppressions(settings, Suppressions(secret_keys()).forget([("user", 1, ALWAYS)]))
    monkeypatch.setenv("FITNESS_SECRET", f"{NEW}, {OLD}")
    rotated = read_suppressions(settings)
    assert rotated is not None
    both = rotated.forget([("user", 2, ALWAYS)])
    assert both.spans("user", 1) == both.spans("user", 2) == (ALWAYS,)
    with_new_key = Suppressions((NEW.encode(),), both.hashes)
    assert with_new_key.spans("user", 2) == (ALWAYS,)
    assert with_new_key.spans("user", 1) == ()
    save_suppressions(settings, both)
    assert read_suppressions(settings) == both
    monkeypatch.setenv("FITNESS_SECRET", NEW)
    with pytest.raises(SettingError, match="does not have"):
        read_suppressions(settings)


def test_no_log_shows_a_key() -> None:
    assert NEW not in repr(FORGOTTEN)


class Broadcast:
    """Stands in for Spark's: pickled within a function, it is a reference."""

    sent: ClassVar[list[bytes]] = []  # what Spark writes to disk

    def __init__(self, value: object) -> None:
        self.sent[:] = [pickle.dumps(value)]

    @property
    def value(self) -> Any:
        """Return the value, as workers read it."""
        return pickle.loads(self.sent[0])  # noqa: S301 - our own


def test_workers_get_the_hashes_by_a_broadcast_and_the_keys_in_a_small_function() -> None:
    """Spark writes broadcasts to disk, and functions of more than 1 MiB: there must be no key."""
    many = FORGOTTEN.forget([("user", user, ALWAYS) for user in range(70, 10_070)])
    [workouts] = [feed for feed in read_feeds() if feed.table == "workouts_bz"]
    lines: dict[str, list[Any]] = {"_is_malformed": [False, False], "_raw": ["", ""]}
    lines["user_id"] = [69, 70]
    lines[workouts.event_time] = [1.0, 1.0]
    function = cast(Any, cloudpickle).dumps(many.for_workers(Broadcast(many.hashes)))
    assert len(function) < 10_000
    assert pickle.loads(function)(workouts, lines) == [True, False]  # noqa: S301 - our own
    [written] = Broadcast.sent
    assert len(written) > 2**20 / 2
    assert NEW.encode() not in written


def test_hashes_are_broadcast_again_only_if_a_registration_has_ended_a_span(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Registration] = []
    monkeypatch.setattr("python_ingest.stream.registrations", lambda *_: found)
    broadcasts: list[MagicMock] = []

    def broadcast(value: object) -> MagicMock:
        broadcasts.append(MagicMock(value=value))
        return broadcasts[-1]

    run = Run(MagicMock(**{"sparkContext.broadcast": broadcast}), settings)
    assert run.line_filter() is None
    save_suppressions(settings, FORGOTTEN)
    first = run.line_filter()
    for registration in (("device", 72, 160.0, 8), ("device", 71, 160.0, 8)):
        assert run.line_filter() is first
        found.append(registration)
        run.landed[REGISTRATIONS] += 1
    assert run.line_filter() is not first
    assert [each.destroy.called for each in broadcasts] == [True, False]
    assert broadcasts[1].value == FORGOTTEN.closed_by(found).hashes
