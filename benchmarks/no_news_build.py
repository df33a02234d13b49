"""A build that finds nothing new: in a process of its own, and in one that is warm."""

import sys
from pathlib import Path

from benchmarks.ingest import start
from benchmarks.timing import timed
from python_ingest.build import EVERYDAY, build
from python_ingest.errors import FitnessError
from python_ingest.ingest import ingest
from python_ingest.produce import World, produce
from python_ingest.settings import Settings
from python_ingest.spark import start_spark

READINGS = 300_000
TURNS = 5


def no_news_build(root: Path) -> dict[str, list[float]]:
    """Time builds without news, cold (from the command line) and warm; seconds of each."""
    settings = Settings(root / "landing", root / "lakehouse", "local")
    produce(World(users=100, days=1, seed=1, files=3, readings=READINGS), settings.landing)
    spark = start_spark(settings)
    ingest(spark, settings)
    build(settings, EVERYDAY)
    # The first takes up what the snapshot has written.
    build(settings, EVERYDAY)
    warm = [timed(lambda: build(settings, EVERYDAY)) for _ in range(TURNS)]
    spark.stop()
    cold = [timed(lambda: build_by_command(root)) for _ in range(3)]
    print(f"no news: warm {warm}, cold {cold}")
    return {"warm": warm, "cold": cold}


def build_by_command(root: Path) -> None:
    """Build as a scheduler does; raises FitnessError if it fails."""
    process = start([sys.executable, "-m", "python_ingest", "build"], root)
    told, _ = process.communicate()
    if process.returncode:
        raise FitnessError(f"the build failed: {told}")
