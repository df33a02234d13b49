"""Made-up entries of the ingest log and the build log."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fitness import build_log, ingest_log
from fitness.build_log import BuildFigures
from python_ingest.settings import Settings
from python_ingest.stream import BatchFigures

START = datetime(2026, 1, 1, tzinfo=UTC)


def land_batch(settings: Settings, minute: int, rows: int) -> None:
    """Log a batch that began at a minute and took ten seconds."""
    figures = BatchFigures(
        stream="kafka_multiplex_bz",
        batch=minute,
        started_at=(START + timedelta(minutes=minute)).isoformat(),
        seconds=10.0,
        files=1,
        rows={"heart_rate_bz": rows} if rows else {},
        malformed=0,
        unrouted=0,
        newest_event_at=None,
        lag_seconds=None,
        new_fields=[],
        skipped_files={},
    )
    ingest_log.add(settings.lakehouse, figures)


def note_build(
    settings: Settings,
    minute: float,
    layers: Sequence[str] = ("gold", "silver"),
    arguments: Sequence[str] = (),
    *,
    seconds: float = 5.0,
    live_mib: float = 0.0,
    collecting_seconds: float = 0.0,
    **failures: str,
) -> None:
    """Log a build that began at a minute, in a heap of 1,000 MiB; `failures` are failed tests."""
    build_log.add(
        settings.lakehouse,
        BuildFigures(
            started_at=(START + timedelta(minutes=minute)).isoformat(),
            seconds=seconds,
            arguments=arguments,
            layers=layers,
            failures=failures,
            rows={name: f"failures.{name}" for name in failures},
            warnings=[],
            live_mib=live_mib,
            heap_mib=1000.0,
            collecting_seconds=collecting_seconds,
        ),
    )
