"""`python -m benchmarks [measure ...]`: take all measures or some, and write RESULTS.md."""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.freshness import freshness
from benchmarks.increments import increments
from benchmarks.ingest import memory, no_news, speed
from benchmarks.load import load
from benchmarks.no_news_build import no_news_build
from benchmarks.report import report
from benchmarks.timing import pace
from fitness.settings import PROJECT

RESULTS = PROJECT / "benchmarks" / "RESULTS.md"
PACKAGES = ("dbt-core", "pyspark", "delta-spark", "duckdb")
MEASURES: dict[str, Callable[[Path], object]] = {
    measure.__name__: measure
    for measure in (memory, no_news, speed, load, increments, no_news_build, freshness)
}


def main(chosen: Sequence[str]) -> None:
    """Measure what is chosen, or all, and write the figures down beside the others."""
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown:
        sys.exit(f"no measure {', '.join(unknown)}: give some of {', '.join(MEASURES)}")
    raw = RESULTS.with_suffix(".json")
    figures = json.loads(raw.read_text()) if raw.exists() else {}
    for name in chosen or MEASURES:
        with tempfile.TemporaryDirectory(prefix="fitness-bench-") as folder:
            figures[name] = {
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
                "machine": machine(),
                "versions": {package: version(package) for package in PACKAGES},
                "figures": MEASURES[name](Path(folder)),
            }
        raw.write_text(json.dumps(figures, indent=2) + "\n")
        RESULTS.write_text(report(figures))
    print(RESULTS.read_text())


def machine() -> str:
    """Say what the machine is, and how fast just now."""
    what = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    return f"{what}, ten million additions in Python in {pace():.2f} s"


if __name__ == "__main__":
    main(sys.argv[1:])
