"""The figures of the benchmarks as plots, beside the page."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Figures = Mapping[str, Any]


def draw(measures: Figures, folder: Path) -> None:
    """Draw what there is to draw of the measures that have been taken, as SVG."""
    if "load" in measures:
        draw_load(measures["load"]["figures"], folder / "load.svg")
    if "increments" in measures:
        draw_increments(measures["increments"]["figures"], folder / "increments.svg")


def draw_load(figures: Figures, file: Path) -> None:
    """Draw the seconds of each side by the number of readings: warm, or cold where that is all."""
    axes = new_axes("Landing to gold, warm where measured", "readings")
    sizes = [int(size) for size in figures]
    for name in next(iter(figures.values())):
        turns = [[t["seconds"] for t in figures[str(size)][name]["turns"]] for size in sizes]
        axes.plot(sizes, [statistics.median(t[1:] or t) for t in turns], marker="o", label=name)
    save(axes, file)


def draw_increments(figures: Figures, file: Path) -> None:
    """Draw the seconds of a build of each kind of news by the days of history."""
    axes = new_axes("A build of news", "days of history")
    days = [int(day) for day in figures]
    for kind in next(iter(figures.values())):
        if kind != "load":
            seconds = [statistics.median(figures[str(day)][kind]["seconds"]) for day in days]
            axes.plot(days, seconds, marker="o", label=kind)
    save(axes, file)


def new_axes(title: str, what: str) -> Any:
    """Give axes of seconds by something, both logarithmic."""
    # Imported here: of the group `bench` only.
    from matplotlib import pyplot

    _, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    axes.set(title=title, xlabel=what, ylabel="seconds", xscale="log", yscale="log")
    axes.grid(which="both", alpha=0.3)
    return axes


def save(axes: Any, file: Path) -> None:
    """Write axes to a file, the same for the same figures."""
    axes.legend()
    axes.figure.savefig(file, metadata={"Date": None})
