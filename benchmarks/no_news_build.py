"""A build that finds nothing new: in a process of its own, and in one that is warm."""

import sys
from pathlib import Path

from benchmarks.ingest import start
from benchmarks.timing import timed
from fitness.build import build
from fitness.dbt_arguments import EVERYDAY
from fitness.samples.produce import World, produce
from fitness.spark import start_spark
from python_ingest.errors import FitnessError
from python_ingest.settings import Settings

READINGS = 300_000
TURNS = 3


def no_news_build(root: Path) -> dict[str, list[float]]:
    """Time builds with nothing new, cold (from the command line) and warm; seconds of each."""
    settings = Settings(root / "landing", root / "lakehouse", "local")
    produce(World(users=100, days=1, seed=1, files=3, readings=READINGS), settings.landing)
    by_command("run", root)
    # One more build reads what the snapshot wrote in the first.
    by_command("build", root)
    cold = [timed(lambda: by_command("build", root)) for _ in range(TURNS)]
    # Last, since this process then has the metastore open, which allows no second one.
    start_spark(settings)
    warm = [timed(lambda: build(settings, EVERYDAY)) for _ in range(TURNS + 1)]
    print(f"no news: cold {cold}, warm {warm}")
    return {"warm": warm[1:], "cold": cold}


def by_command(command: str, root: Path) -> None:
    """Run a command as a scheduler does; raises FitnessError if it fails."""
    process = start([sys.executable, "-m", "fitness", command], root)
    output, _ = process.communicate()
    if process.returncode:
        raise FitnessError(f"the {command} failed: {output}")
