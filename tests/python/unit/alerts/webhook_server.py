"""A webhook on loopback that collects what is posted, and what builds tell the alerts."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any

from dbt.events.types import NodeFinished
from dbt_common.events.base_types import EventMsg, msg_from_base_event

from fitness.alerts import Alerts
from fitness.errors import BuildError
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
