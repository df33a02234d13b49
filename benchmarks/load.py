"""A first load from landing to gold: the project compared with alternatives.

The first turn of a side is cold: it includes the start of Spark. The sides take turns, so that all
are affected alike when the machine's speed drifts.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.gold_figures import check_same
from benchmarks.sides import SIDES, side
from fitness.samples.produce import World, produce

WARM_TURNS = {300_000: 1, 3_000_000: 1}


def load(root: Path) -> dict[str, Any]:
    """Load worlds of several sizes; return the answers of each side's turns, and its memory."""
    return {
        str(readings): load_world(root, readings, turns) for readings, turns in WARM_TURNS.items()
    }


def load_world(root: Path, readings: int, warm_turns: int) -> dict[str, Any]:
    """Load one world by all sides; raises FitnessError if their gold tables differ."""
    landing = root / "landing"
    print(f"load: producing {readings:,} readings")
    produce(World(users=100, days=10, seed=3, files=20, readings=readings), landing)
    figures: dict[str, Any] = {name: {"turns": []} for name in SIDES}
    with ExitStack() as stack:
        sides = {name: stack.enter_context(side(name, landing, root / name)) for name in SIDES}
        for turn in range(warm_turns + 1):
            for name, process in sides.items():
                answer = process.turn()
                print(f"load: {readings:,} readings, turn {turn}, {name} {answer['seconds']:.1f} s")
                figures[name]["turns"].append(answer)
                figures[name]["gibibytes"] = process.peak / 2**30
                check_same(figures["own"]["turns"][0]["gold"], answer["gold"], name)
    shutil.rmtree(root)
    return figures
