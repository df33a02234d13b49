"""In a long run neither memory nor build times grow."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pytest

from benchmarks.freshness import run_with_workouts
from fitness import build_log
from fitness.build_log import BuildFigures

TEN_MINUTES = timedelta(minutes=10)


def between(builds: list[BuildFigures], begin: datetime, end: datetime) -> list[BuildFigures]:
    """Return the builds that began between two instants."""
    return [build for build in builds if begin <= build.began < end]


@pytest.mark.slow
def test_memory_and_build_time_stay_flat_at_500_readings_a_second(tmp_path: Path) -> None:
    """For FITNESS_SOAK_MINUTES, or 30; the run must not restart Spark."""
    minutes = float(os.environ.get("FITNESS_SOAK_MINUTES", "30"))
    run_with_workouts(tmp_path, round(60 * minutes))
    builds = build_log.newest(tmp_path / "lakehouse", build_log.MANY)
    assert not [build.failures for build in builds if build.failures]
    assert not (tmp_path / "lakehouse" / "restart_log").exists()
    begin, end = builds[0].began, builds[-1].began
    early, late = (
        between(builds, begin, begin + TEN_MINUTES),
        between(builds, end - TEN_MINUTES, end),
    )
    assert median(b.seconds for b in late) <= 1.1 * median(b.seconds for b in early)
    # A garbage collection during a build keeps what that build needs, hence the minimum of many.
    tenth_minute = between(builds, begin + TEN_MINUTES / 2, begin + TEN_MINUTES * 1.5)
    assert min(b.live_mib for b in late) <= 1.1 * min(b.live_mib for b in tenth_minute)
