"""Tables of the lakehouse, printed for people."""

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from rich.console import Console
from rich.table import Table

from python_ingest.errors import SettingError
from python_ingest.settings import Settings

# Without workout_zones, which is too wide for a terminal.
GOLD = (
    "gold.workout_bpm_summary",
    "gold.training_days",
    "gold.gym_summary",
    "gold.gym_occupancy",
)


def show_tables(
    spark: SparkSession,
    settings: Settings,
    console: Console,
    names: Sequence[str] | None,
    rows: int,
) -> None:
    """Print up to `rows` rows of each table, the lineage columns left out.

    Tables are read by path, so nothing but the files is needed. Raises SettingError when a table is
    not there.
    """
    for name in names or GOLD:
        path = settings.lakehouse.joinpath(*name.split("."))
        if not (path / "_delta_log").is_dir():
            raise SettingError(
                f"There is no table {name} in {settings.lakehouse}: {how_to_get(path)}"
            )
        stored = spark.read.format("delta").load(str(path))
        columns = [c for c in stored.columns if not c.startswith("_")]
        # Instants as text in Spark, since Python would show them in this machine's time zone.
        shown = [
            F.col(name).cast("string") if kind == "timestamp" else F.col(name)
            for name, kind in stored.select(*columns).dtypes
        ]
        found = stored.orderBy(*columns[:5]).limit(rows).select(*shown).collect()
        total = stored.count()
        table = Table(
            title=f"{name}: {total:,} rows" + (f", the first {rows}" if total > rows else "")
        )
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in found:
            table.add_row(*[cell(value) for value in row])
        console.print(table)


def cell(value: object) -> str:
    """Return a value as text: NULL as a dash, numbers with two decimals at most."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def how_to_get(table: Path) -> str:
    """Return which command makes a table."""
    if table.parent.name == "bronze":
        return "land files with `uv run fitness ingest` first."
    return "build it with `uv run fitness run` first, or see its name with `uv run dbt ls`."
