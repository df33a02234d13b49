"""A feed of which nothing has landed for some time is posted to a webhook."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from fitness import ingest_log
from fitness.alerts import Alerts
from fitness.errors import BuildError
from fitness.freshness import last_landings, thresholds
from fitness.ingest_log import LoggedBatch
from python_ingest.errors import SettingError
from python_ingest.feeds import read_feeds
from python_ingest.settings import Settings
from tests.python.unit.alerts.webhook_server import Webhook, build, land


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[str, timedelta]:
    """Return all thresholds that count, by table, instead of those of the contracts."""
    only = {"heart_rate_bz": timedelta(hours=12)}
    monkeypatch.setattr("fitness.freshness.thresholds", lambda: only)
    return only


@pytest.mark.parametrize(
    ("hours", "stale"),
    [
        (11, []),
        (13, ["gym_logins_bz", "heart_rate_bz", "workouts_bz"]),
        (24 * 8, [*sorted(feed.table for feed in read_feeds())]),
    ],
)
def test_a_feed_is_stale_after_the_time_in_its_contract(
    settings: Settings, alerts: Alerts, server: Webhook, hours: float, stale: list[str]
) -> None:
    """Feeds of which nothing has ever landed count from the first batch."""
    land(settings, hours)
    build(alerts)
    texts = [post["text"] for post in server.posts]
    found = [line.split(":")[0] for text in texts for line in text.splitlines()[1:-1]]
    assert sorted(found) == [f"• feed {table}" for table in stale]


@pytest.mark.usefixtures("limits")
def test_a_stale_feed_is_posted_with_its_last_landing_and_when_rows_land_again(
    settings: Settings, alerts: Alerts, server: Webhook
) -> None:
    land(settings, 13)
    for _ in range(2):
        build(alerts)
    at = datetime.now(UTC) - timedelta(hours=13)
    [post] = server.posts
    assert f"• feed heart_rate_bz: nothing has landed since {at:%Y-%m-%d}" in post["text"]
    land(settings, 0)
    for _ in range(2):
        build(alerts)
    assert server.texts[1:] == ["feed heart_rate_bz: recovered"]


def test_a_feed_whose_threshold_is_removed_is_no_longer_stale(
    settings: Settings, alerts: Alerts, server: Webhook, limits: dict[str, timedelta]
) -> None:
    land(settings, 13)
    build(alerts)
    limits.clear()
    build(alerts)
    assert server.texts[1:] == ["feed heart_rate_bz: recovered"]


def test_a_landing_is_remembered_and_only_batches_since_the_last_look_are_read(
    settings: Settings, limits: dict[str, timedelta], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_all = ingest_log.newest_first

    def newest_first(lakehouse: Path) -> Iterator[LoggedBatch]:
        for count, batch in enumerate(read_all(lakehouse), 1):
            yield batch
            assert count < may_read

    now = datetime.now(UTC)
    limits["user_info_bz"] = timedelta(days=7)
    monkeypatch.setattr("fitness.freshness.ingest_log.newest_first", newest_first)
    known = {"user_info_bz": now - timedelta(days=6), "heart_rate_bz": now - timedelta(hours=1)}
    for hours in (4, 3, 2):
        land(settings, hours)
    may_read = 1
    assert last_landings(settings.lakehouse, known, now) == known
    land(settings, 0)
    may_read = 2
    found = last_landings(settings.lakehouse, known, now)
    assert found["user_info_bz"] == known["user_info_bz"]
    assert found["heart_rate_bz"] > now - timedelta(minutes=2)
    limits.pop("user_info_bz")
    may_read = 1
    assert last_landings(settings.lakehouse, {}, now).keys() == {"heart_rate_bz"}


def test_a_feed_of_which_nothing_has_landed_counts_from_the_first_look(
    settings: Settings,
) -> None:
    now = datetime.now(UTC)
    assert last_landings(settings.lakehouse, {}, now) == dict.fromkeys(thresholds(), now)
    land(settings, 30)
    found = last_landings(settings.lakehouse, {}, now)
    assert found["user_info_bz"] == found["heart_rate_bz"] < now - timedelta(hours=29)


def test_a_wrong_contract_does_not_hide_that_the_build_fails(
    alerts: Alerts, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        raise SettingError("a contract is wrong")

    monkeypatch.setattr("fitness.freshness.thresholds", fail)
    build(alerts, error=BuildError("dbt could not build"))
    assert server.texts == ["build: failed"]
