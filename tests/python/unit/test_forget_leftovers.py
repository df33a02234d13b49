"""What forgetting people empties or cannot read beside the tables."""

import gzip
from pathlib import Path

import pytest

from fitness.privacy import leftovers
from fitness.privacy.leftovers import clear_logs
from fitness.privacy.people import landed_rows
from python_ingest.feeds import read_feeds
from python_ingest.settings import Settings
from python_ingest.suppression import REGISTRATIONS


def test_logs_and_compiled_sql_are_emptied_and_no_file_of_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders that dbt is given may be shared."""
    emptied = (
        "logs/spark.log",
        *("var/dbt.log", "var/dbt.log.1"),
        *("target/manifest.json", "target/compiled/a.sql"),
        *("target/whole/manifest.json", "target/whole/run/a.sql"),
    )
    kept = ("var/nginx.log", "target/other/run/pid")
    for name in (*emptied, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("user 7")
    monkeypatch.setattr(leftovers, "LOG", tmp_path / "logs" / "spark.log")
    monkeypatch.setenv("DBT_LOG_PATH", str(tmp_path / "var"))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    clear_logs()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_text()]
    assert {str(path.relative_to(tmp_path)) for path in files} == {*kept}


def test_a_damaged_file_of_registrations_does_not_stop_forgetting(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "landing", tmp_path / "lakehouse")
    [feed] = [feed for feed in read_feeds() if feed.table == REGISTRATIONS]
    file = settings.landing / feed.folder / "damaged.csv.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 20)  # The header, and no such block.
    assert [*landed_rows(settings, feed)] == []
