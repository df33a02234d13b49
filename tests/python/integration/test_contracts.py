"""Contracts that are added or changed while a lakehouse is in use: what has landed stays."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from python_ingest import feeds
from python_ingest.feeds import CONTRACTS, MULTIPLEX, UNROUTED, read_feeds
from tests.python.lake import Lake

BODY = """
version: 2
sources:
  - name: bronze
    tables:
      - name: body_scale_bz
        config: {meta: {topic: body, event_time: time, silver: none}}
        columns:
          - name: time
            data_type: double
            config: {meta: {required: true, unit: epoch seconds}}
            description: When.
"""


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the contracts, which the ingest reads."""
    folder = tmp_path / "bronze"
    shutil.copytree(CONTRACTS, folder)
    monkeypatch.setattr(feeds, "CONTRACTS", folder)
    read_feeds.cache_clear()
    yield folder
    read_feeds.cache_clear()


def columns(lake: Lake, table: str) -> list[str]:
    path = str(lake.settings.lakehouse / "bronze" / table)
    return lake.spark.read.format("delta").load(path).columns


def test_each_line_stays_in_bronze_once_when_contracts_change(
    lake: Lake, contracts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = '{"topic":"body","value":{"time":1}}'
    lake.write_lines(f"{MULTIPLEX}/before.json", line)
    assert lake.ingest() == {UNROUTED: 1}

    (contracts / "body_scale_bz.yml").write_text(BODY)
    read_feeds.cache_clear()
    lake.write_lines(f"{MULTIPLEX}/after.json", line)
    assert lake.ingest() == {"body_scale_bz": 1}
    assert len(lake.rows(f"bronze.{UNROUTED}")) == 1
    assert "is read again" not in caplog.text

    # Models name all columns of a contract, also before a line of it has landed.
    more = "          - {name: unit, data_type: string, description: The unit.}\n"
    (contracts / "body_scale_bz.yml").write_text(BODY + more)
    read_feeds.cache_clear()
    assert lake.ingest() == {}
    assert "unit" in columns(lake, "body_scale_bz")
