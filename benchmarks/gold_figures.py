"""Figures of the gold tables, in SQL that Spark and DuckDB read: the same if the tables are."""

from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import Any

from python_ingest.errors import FitnessError

Figures = Mapping[str, float]
QUERIES: Mapping[str, Mapping[str, str]] = {
    "gold.workout_bpm_summary": {
        "workouts": "count(*)",
        "start_hours": "sum(hour(start_time))",
        "recordings": "sum(num_recordings)",
        "beats": "sum(avg_bpm * num_recordings)",
    },
    "gold.gym_summary": {
        "visits": "count(*)",
        "minutes_in_gym": "sum(minutes_in_gym)",
        "minutes_exercising": "sum(minutes_exercising)",
    },
    "gold.workout_zones": {
        "rated_workouts": "count(hr_max)",
        "seconds_measured": "sum(seconds_measured)",
        "longest_gaps": "sum(longest_gap_seconds)",
        "edwards_load": "sum(edwards_load)",
        "recovery": "sum(recovery_60)",
    },
    "gold.training_days": {
        "training_days": "count(*)",
        "fitness": "sum(fitness)",
        "fatigue": "sum(fatigue)",
        "form": "sum(form)",
    },
    "gold.gym_occupancy": {
        "gym_hours": "count(*)",
        "local_hours": "sum(local_hour)",
        "visitors": "sum(visitors)",
        "entries": "sum(entries)",
        "person_minutes": "sum(person_minutes)",
        "peaks": "sum(peak)",
    },
}


def gold_figures(rows_of: Callable[[str], Sequence[Sequence[Any]]]) -> dict[str, float]:
    """Return the figures; `rows_of` returns the rows of a query."""
    found: dict[str, float] = {}
    for table, figures in QUERIES.items():
        [row] = rows_of(f"select {', '.join(figures.values())} from {table}")  # noqa: S608 - ours
        found |= {name: float(value or 0) for name, value in zip(figures, row, strict=True)}
    return found


def check_same(ours: Figures, theirs: Figures, who: str) -> None:
    """Raise FitnessError unless the figures are equal, up to the rounding of sums of doubles."""
    for name, figure in ours.items():
        if not isclose(figure, theirs[name], rel_tol=1e-9):
            raise FitnessError(
                f"{who} has other gold tables: {name} is {theirs[name]}, not {figure}"
            )
