"""The same tables by DuckDB from the same landing files: a baseline for the cost of Spark."""

from pathlib import Path
from typing import Any

import duckdb

from fitness.settings import PROJECT

SCRIPT = Path(__file__).with_suffix(".sql")
SEEDS = ("gyms", "heart_rate_maxima")


def duckdb_job(landing: Path, database: Path) -> None:
    """Make bronze, silver and gold of all that has landed, in a new `database` file.

    A database that is there is replaced. Raises duckdb.Error, for instance if a feed has no file.
    """
    for file in (database, database.with_name(f"{database.name}.wal")):
        file.unlink(missing_ok=True)
    with duckdb.connect(database) as connection:
        seeds = {name: PROJECT / "seeds" / f"{name}.csv" for name in SEEDS}
        variables = {"landing": landing, **seeds}
        for name, path in variables.items():
            connection.execute(f"set variable {name} = ?", [str(path)])
        connection.execute(SCRIPT.read_text())


def duckdb_rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with duckdb.connect(database, read_only=True) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return rows
