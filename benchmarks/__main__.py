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

from benchmarks.forgetting import forgetting
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
    for measure in (
        *(memory, no_news, speed, load, increments),
        *(forgetting, no_news_build, freshness),
    )
}


def main(chosen: Sequence[str]) -> None:
    """Take the chosen measures, or all, and write their figures; those of others stay."""
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
    """Describe the machine, and how fast it is at present."""
    what = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    return f"{what}, ten million additions in Python in {pace():.2f} s"


if __name__ == "__main__":
    main(sys.argv[1:])
