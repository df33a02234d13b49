"""What is posted to a webhook, against a server on loopback."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from fitness import webhook
from fitness.alerts import MOST_LINES, Alerts
from fitness.dbt_arguments import with_whole_tests
from fitness.errors import BuildError
from python_ingest.errors import BusyError, SettingError
from python_ingest.settings import Settings
from tests.python.unit.alerts.webhook_server import (
    FAILED,
    SECRET,
    USERS_FAIL,
    USERS_PASS,
    Webhook,
    build,
    finished,
)


def test_a_test_that_fails_is_posted_once_and_its_recovery_once(
    alerts: Alerts, server: Webhook
) -> None:
    for node in (USERS_PASS, USERS_FAIL, USERS_FAIL, USERS_PASS, USERS_PASS, USERS_FAIL):
        build(alerts, node, ("model", "users", "success"))
    failed, recovered = "test unique_users: failed", "test unique_users: recovered"
    assert server.texts == [failed, recovered, failed]


def test_a_message_counts_the_problems_and_names_what_has_changed(
    alerts: Alerts, server: Webhook
) -> None:
    build(alerts, USERS_FAIL, ("model", "workouts", "error"), ("model", "gyms", "skipped"))
    build(alerts, USERS_PASS, ("model", "workouts", "error"), ("snapshot", "profiles", "error"))
    lines = server.posts[-1]["text"].splitlines()
    now = f"{datetime.now(UTC):%Y-%m-%d}"
    assert lines[0] == "Problems in the fitness lakehouse: 1 new, 1 recovered, 2 in all."
    assert lines[1].startswith(f"• snapshot profiles: failed at {now} ")
    assert lines[2:] == ["• test unique_users: recovered", "See `fitness status`."]


def test_a_message_has_a_limited_number_of_lines(alerts: Alerts, server: Webhook) -> None:
    build(alerts, *[("model", f"model_{number}", "error") for number in range(MOST_LINES + 7)])
    [post] = server.posts
    assert post["text"].splitlines()[-2:] == ["and 7 more", "See `fitness status`."]


def test_what_was_posted_is_not_posted_again_after_a_restart(
    settings: Settings, server: Webhook
) -> None:
    for node in (USERS_FAIL, USERS_FAIL, USERS_PASS, USERS_PASS):
        build(Alerts(settings), node)
    assert server.texts == ["test unique_users: failed", "test unique_users: recovered"]


def test_a_test_that_a_build_does_not_run_keeps_its_state(alerts: Alerts, server: Webhook) -> None:
    build(alerts, USERS_FAIL)
    build(alerts, ("model", "users", "success"), ("test", "unique_users", "skipped"))
    assert len(server.posts) == 1


def test_a_post_that_failed_is_tried_again_after_each_build_and_logged_once(
    settings: Settings, alerts: Alerts, server: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 500
    build(alerts, USERS_FAIL)
    build(alerts, ("model", "users", "success"))
    assert [record.getMessage() for record in caplog.records] == [
        "Alerts failed (HTTP status 500). They are tried again after the next build."
    ]
    server.status = 200
    build(Alerts(settings), ("model", "users", "success"))
    build(alerts, USERS_FAIL)
    assert server.texts == ["test unique_users: failed"]
    server.status = 500
    build(alerts, USERS_PASS)
    build(alerts, USERS_PASS)
    assert len(caplog.records) == 2
    server.status = 200
    build(alerts)
    assert server.texts[1:] == ["test unique_users: recovered"]


def test_a_post_that_is_tried_again_says_when_the_state_turned_bad(
    settings: Settings, alerts: Alerts, server: Webhook
) -> None:
    server.status = 500
    build(alerts, USERS_FAIL)
    kept = (settings.lakehouse / "alerts.json").read_text()
    build(alerts, USERS_FAIL)
    assert json.loads((settings.lakehouse / "alerts.json").read_text()) == json.loads(kept)


def test_a_state_that_recovers_before_it_could_be_posted_is_not_posted(
    alerts: Alerts, server: Webhook
) -> None:
    server.status = 500
    build(alerts, USERS_FAIL)
    server.status = 200
    build(alerts, USERS_PASS)
    assert server.posts == []


@pytest.mark.parametrize(
    ("status", "problem"), [(404, "HTTP status 404"), (302, "a redirect"), (204, None)]
)
def test_only_an_answer_of_success_to_the_message_itself_counts(
    server: Webhook, status: int, problem: str | None
) -> None:
    server.status = status
    assert webhook.post(server.url, ["a", "b"]) == problem


def test_without_a_server_a_build_goes_on_and_the_alert_is_posted_later(
    settings: Settings,
    alerts: Alerts,
    server: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Webhook() as closed:
        url = closed.url
    monkeypatch.setenv("FITNESS_WEBHOOK", url)
    build(Alerts(settings), USERS_FAIL)
    assert "(ConnectionRefusedError)" in caplog.text
    build(alerts)
    assert server.texts == ["test unique_users: failed"]


@pytest.mark.parametrize("is_look_up", [False, True], ids=["server", "look-up of its name"])
def test_a_server_that_does_not_answer_does_not_stop_a_build(
    alerts: Alerts,
    server: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_look_up: bool,
) -> None:
    def hang(*_: object, **__: object) -> NoReturn:
        server.may_answer.wait()
        raise OSError

    server.may_answer.clear()
    monkeypatch.setattr(webhook, "SECONDS", 0.05)
    if is_look_up:
        monkeypatch.setattr(webhook, "urlopen", hang)
    build(alerts, USERS_FAIL)
    assert len(caplog.records) == 1


def test_alerts_that_fail_leave_the_outcome_of_a_build_as_it_is(
    alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise RuntimeError

    monkeypatch.setattr("fitness.alerts.post", fail)
    with alerts.of_build([]) as hear:
        hear(finished(USERS_FAIL))
    with pytest.raises(BuildError, match="in unique_users"), alerts.of_build([]):
        raise FAILED


def test_on_a_full_disk_a_running_process_posts_a_state_once(
    alerts: Alerts, server: Webhook, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def fail(_: Path) -> NoReturn:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("fitness.alerts.atomic_write", fail)
        build(alerts, USERS_FAIL)
        build(alerts, USERS_FAIL)
    build(alerts, USERS_FAIL)
    build(Alerts(settings), USERS_FAIL)
    assert server.texts == ["test unique_users: failed"]


@pytest.mark.parametrize(
    "error", [BuildError("dbt could not build: x"), SettingError("x"), OSError("x")]
)
def test_a_build_that_stops_without_a_failed_node_is_posted_as_the_build(
    alerts: Alerts, server: Webhook, error: Exception
) -> None:
    build(alerts, error=error)
    build(alerts, ("model", "users", "success"))
    assert server.texts == ["build: failed", "build: recovered"]


def test_a_build_that_is_refused_because_another_is_at_work_posts_nothing(
    alerts: Alerts, server: Webhook
) -> None:
    build(alerts, error=BusyError("Another build is at work."))
    with pytest.raises(BusyError), alerts.of_run():
        raise BusyError("Another ingest is at work.")
    assert server.posts == []


def test_what_tests_of_whole_tables_find_only_they_show_to_be_repaired(
    alerts: Alerts, server: Webhook
) -> None:
    whole = with_whole_tests([])
    build(alerts, USERS_FAIL, arguments=whole)
    build(alerts, USERS_PASS)
    assert server.texts == ["test unique_users on whole tables: failed"]
    build(alerts, USERS_FAIL)
    build(alerts, USERS_PASS, arguments=whole)
    assert server.texts[1:] == [
        "test unique_users: failed",
        "test unique_users: recovered, test unique_users on whole tables: recovered",
    ]


def test_no_message_holds_data_and_no_log_or_file_holds_the_url(
    settings: Settings, server: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.status = 500
    for alerts in (Alerts(settings), Alerts(settings)):
        with pytest.raises(BuildError), alerts.of_build([]) as hear:
            hear(finished(USERS_FAIL, "Got 1 result: user 4711"))
            raise BuildError("user 4711")
        assert SECRET not in repr(alerts) + str(alerts)
        server.status = 200
    assert "4711" not in json.dumps(server.posts)
    files = [file.read_text() for file in settings.lakehouse.rglob("*") if file.is_file()]
    assert files
    assert caplog.records
    assert not any("s3cr3t" in text or "4711" in text for text in [*files, caplog.text])


def test_without_a_webhook_nothing_is_posted_or_kept(
    settings: Settings, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FITNESS_WEBHOOK")
    build(Alerts(settings), USERS_FAIL)
    assert server.posts == []
    assert not settings.lakehouse.exists()


def test_a_developers_states_are_their_own(
    settings: Settings, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(Alerts(settings), USERS_FAIL)
    monkeypatch.setenv("FITNESS_DEV", "anna")
    build(Alerts(settings), USERS_FAIL)
    assert server.texts == ["test unique_users: failed"] * 2
    assert server.posts[1]["text"].startswith("Problems in the fitness lakehouse of anna: 1 new")
