"""What commands post to a webhook, and in which form."""

from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

from fitness import webhook
from fitness.alerts import Alerts
from fitness.cli import app
from fitness.errors import BuildError
from fitness.run import run_both, run_build
from fitness.settings import Rhythm
from python_ingest.errors import IngestError
from python_ingest.settings import Settings
from tests.python.unit.alerts.webhook_server import (
    FAILED,
    SECRET,
    USERS_FAIL,
    Webhook,
    finished,
)


def test_a_build_of_the_command_line_posts_the_events_of_dbt(
    settings: Settings, alerts: Alerts, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> NoReturn:
        given[-1](finished(USERS_FAIL))
        raise FAILED

    monkeypatch.setattr("fitness.build.build", fail)
    with pytest.raises(BuildError):
        run_build(settings, [], alerts)
    assert server.texts == ["test unique_users: failed"]


def test_a_continuous_run_that_ends_with_an_error_is_posted_and_recovers_with_a_build(
    settings: Settings, alerts: Alerts, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise IngestError("A stream cannot continue.", is_permanent=True)

    def build_once(*given: Any, **_: object) -> None:
        stop, build = given[3], given[5]
        build(True)
        stop.set()
        assert server.texts[-1] == "run: recovered"

    monkeypatch.setattr("fitness.run.stop_on_signals", Event)
    monkeypatch.setattr("fitness.build.build", lambda *_: "Built.")
    rhythm = Rhythm(*[timedelta(seconds=1)] * 3)
    for run in (fail, fail, build_once):
        monkeypatch.setattr("fitness.continuous.run_continuously", run)
        with suppress(IngestError):
            run_both(None, settings, rhythm, [], alerts)  # type: ignore[arg-type]
    assert server.texts == ["run: failed", "run: recovered"]


@pytest.mark.parametrize("command", ["build", "run"])
@pytest.mark.parametrize(
    "url", [f"ftp://host/{SECRET}", SECRET, f"https:///{SECRET}", f"https://[/{SECRET}"]
)
def test_a_webhook_that_is_no_url_of_the_web_stops_a_command_at_once(
    monkeypatch: pytest.MonkeyPatch, command: str, url: str
) -> None:
    monkeypatch.setenv("FITNESS_WEBHOOK", url)
    result = CliRunner().invoke(app, [command])
    assert result.exit_code == 1
    assert "FITNESS_WEBHOOK is not the URL of a webhook: set it to" in result.output
    assert "s3cr3t" not in result.output


@pytest.mark.parametrize(
    "host",
    [
        "prod-1.westeurope.logic.azure.com:443",
        "default1.61.environment.api.powerplatform.com:443",
        "gyms.webhook.office.com",
    ],
)
def test_teams_gets_an_adaptive_card(host: str) -> None:
    found: Any = webhook.body(f"https://{host}/workflows/1", ["a", "b"])
    assert found["type"] == "message"
    [card] = found["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["type"] == "AdaptiveCard"
    assert [block["text"] for block in card["content"]["body"]] == ["a", "b"]


@pytest.mark.parametrize("host", ["hooks.slack.com", "logic.azure.com.example.org", "127.0.0.1"])
def test_slack_and_others_get_a_text_and_nothing_else(host: str) -> None:
    assert webhook.body(f"https://{host}/services/1", ["a", "b"]) == {"text": "a\nb"}
