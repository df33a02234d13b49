"""What is posted to a webhook, against a server on loopback."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NoReturn

import pytest
from dbt.events.types import NodeFinished
from dbt_common.events.base_types import EventMsg, msg_from_base_event
from typer.testing import CliRunner

from fitness import ingest_log, webhook
from fitness.alerts import MOST_LINES, Alerts
from fitness.cli import app
from fitness.dbt_arguments import with_whole_tests
from fitness.errors import BuildError
from fitness.freshness import last_landings, thresholds
from fitness.ingest_log import LoggedBatch
from fitness.run import run_both, run_build
from fitness.settings import Rhythm
from python_ingest.errors import BusyError, IngestError, SettingError
from python_ingest.feeds import read_feeds
from python_ingest.settings import Settings
from tests.python.work_logs import START, land_batch

SECRET = "T0/B0/s3cr3t"  # noqa: S105 - nobody's
FAILED = BuildError("The build failed in unique_users; details are in dbt.log.")
Node = tuple[str, str, str]  # type, name, status
USERS_FAIL: Node = ("test", "unique_users", "fail")
USERS_PASS: Node = ("test", "unique_users", "pass")


class Webhook(ThreadingHTTPServer):
    """Collects what is posted, and answers with `status`, or not before `may_answer` is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.posts: list[dict[str, Any]] = []
        self.may_answer = Event()
        self.may_answer.set()

    @property
    def url(self) -> str:
        """The URL, which holds a secret."""
        return f"http://127.0.0.1:{self.server_address[1]}/services/{SECRET}"

    @property
    def texts(self) -> list[str]:
        """The states in each post, without the times."""
        lines = [post["text"].splitlines()[1:-1] for post in self.posts]
        return [", ".join(line.removeprefix("• ").split(" at ")[0] for line in of) for of in lines]


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Webhook

    def do_POST(self) -> None:
        """Take a message."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        assert self.path == f"/services/{SECRET}"
        self.server.may_answer.wait()
        if self.server.status == 200:
            self.server.posts.append(json.loads(content))
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        """Answer who follows a redirect."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "landing", tmp_path / "lakehouse")


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with Webhook() as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        monkeypatch.setenv("FITNESS_WEBHOOK", server.url)
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.delenv("FITNESS_DEV", raising=False)
        yield server
        server.may_answer.set()
        server.shutdown()


@pytest.fixture
def alerts(settings: Settings, server: Webhook) -> Alerts:
    return Alerts(settings)


def finished(node: Node, text: str = "") -> EventMsg:
    """Return dbt's own event of a node that has finished."""
    kind, name, status = node
    event: EventMsg = msg_from_base_event(
        NodeFinished(
            node_info={"resource_type": kind, "node_name": name},
            run_result={"status": status, "message": text},
        )
    )
    return event


def build(
    alerts: Alerts, *nodes: Node, arguments: list[str] | None = None, error: Exception | None = None
) -> None:
    """Build some nodes; the build fails with `error`, or with FAILED if one of them has failed."""
    if error is None and any(status in ("fail", "error") for _, _, status in nodes):
        error = FAILED
    with suppress(*[type(error)] if error else []), alerts.of_build(arguments or []) as hear:
        for node in nodes:
            hear(finished(node))
        if error:
            raise error


def land(settings: Settings, hours_ago: float) -> None:
    """Log a batch of heart rates of some hours ago."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    land_batch(settings, int((at - START).total_seconds() / 60), 5)


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


def test_a_stale_feed_is_posted_with_its_last_landing_and_when_rows_land_again(
    settings: Settings, alerts: Alerts, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {"heart_rate_bz": timedelta(hours=12)}
    monkeypatch.setattr("fitness.freshness.thresholds", lambda: only)
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
    settings: Settings, alerts: Alerts, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {"heart_rate_bz": timedelta(hours=12)}
    monkeypatch.setattr("fitness.freshness.thresholds", lambda: only)
    land(settings, 13)
    build(alerts)
    only.clear()
    build(alerts)
    assert server.texts[1:] == ["feed heart_rate_bz: recovered"]


def test_a_landing_is_remembered_and_only_batches_since_the_last_look_are_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_all = ingest_log.newest_first

    def newest_first(lakehouse: Path) -> Iterator[LoggedBatch]:
        for count, batch in enumerate(read_all(lakehouse), 1):
            yield batch
            assert count < may_read

    now = datetime.now(UTC)
    only = {"heart_rate_bz": timedelta(hours=12), "user_info_bz": timedelta(days=7)}
    monkeypatch.setattr("fitness.freshness.thresholds", lambda: only)
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
    only.pop("user_info_bz")
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
