"""A server that the alerts post to."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from fitness.alerts import Alerts
from python_ingest.settings import Settings
from tests.python.unit.alerts.webhook_server import Webhook


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
