"""Opens the tables of a build with deltalake and queries them with DuckDB, without Spark."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from dashboard.views import FUNCTIONS, view_sql
from fitness import build_log
from fitness.build_log import BuildFigures
from fitness.delta_log import newest_versions, table_folders
from fitness.lock import holder
from python_ingest.errors import FitnessError, SettingError
from python_ingest.settings import Settings, read_settings

TABLE = re.compile(r"\b(from|join) ((?:\w+_)?(?:bronze|silver|gold|ops|failures)\.\w+)")
VIEW = re.compile(r"\b(from|join) gold_private\.(\w+)")
HOW_TO_BUILD = "run `uv run fitness run` (`uv run fitness produce` makes sample data for it)"
READ = "union_by_name = true, hive_partitioning = false"
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class TableError(FitnessError):
    """A table is not there, or cannot be read without Spark."""


@dataclass(frozen=True)
class Build:
    """The state of the tables that is shown.

    `last` is the last build that is logged. `running` is the process of a build at work. `versions`
    has the Delta version of each silver and gold table by `layer.name`: those that the last build
    noted while another is at work, else the newest.
    """

    last: BuildFigures | None
    running: str | None
    versions: Mapping[str, int]

    def __str__(self) -> str:
        parts = ["No build has finished yet."]
        if self.last:
            parts = [f"Build of {self.last.began:%Y-%m-%d %H:%M:%S} UTC: {self.last}."]
            if self.last.versions and self.last.versions != self.versions:
                parts.append("Some tables have changed since, by dbt alone or by maintenance.")
        if self.running:
            parts.append(f"Another build is running (process {self.running}).")
        return " ".join(parts)


def find_build(lakehouse: Path) -> Build:
    """Return what to show now."""
    # The lock is looked at twice, since a build may end while the versions are listed.
    was_running = holder(lakehouse, "build")
    newest = newest_versions(lakehouse)
    running = holder(lakehouse, "build")
    last = next(iter(build_log.newest(lakehouse, 1)), None)
    if was_running or running:
        return Build(last, running, last.versions if last else {})
    return Build(last, None, newest)


class Lake:
    """The tables of a lakehouse as of a build. Each table is opened when a query first names it."""

    def __init__(self, settings: Settings, build: Build | None = None) -> None:
        if settings.catalog:
            raise SettingError(
                "The tables are on Databricks: unset FITNESS_TARGET to read a lakehouse folder."
            )
        self.settings = settings
        self.build = build or find_build(settings.lakehouse)
        self._tables: dict[str, DeltaTable] = {}

    @cached_property
    def folders(self) -> dict[str, Path]:
        """The folders of all tables, by `layer.name`."""
        return table_folders(self.settings.lakehouse, "bronze", "silver", "gold", "ops")

    @cached_property
    def _duckdb(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config=OFFLINE)
        connection.execute("set timezone = 'UTC'")
        connection.execute(FUNCTIONS)
        return connection

    def query(
        self, sql: str, dates: Collection[date] | None = None, /, **parameters: Any
    ) -> pd.DataFrame:
        """Return the rows of a query in DuckDB's SQL.

        `from` and `join` name Delta tables and the views of gold_private as `layer.name`, with an
        alias where columns are qualified. `parameters` are those of the query, `$name`. With
        `dates` only the files with these values of event_date are read, a column that all its
        tables must have. Raises TableError for a table that is not there or cannot be read.
        """
        sources: dict[str, Any] = {}

        def source(found: re.Match[str]) -> str:
            files = self._files(found[2], dates)
            if not files:
                self._duckdb.register(found[2].replace(".", "_"), self._empty(found[2]))
                return f"{found[1]} {found[2].replace('.', '_')}"
            name = f"files_{len(sources)}"
            sources[name] = files
            return f"{found[1]} read_parquet(${name}, {READ})"

        text = VIEW.sub(lambda found: f"{found[1]} ({view_sql(found[2])}\n)", sql)
        text = TABLE.sub(source, text)
        try:
            return self._duckdb.execute(text, {**parameters, **sources}).df()
        except (duckdb.BinderException, duckdb.IOException) as error:
            raise TableError(
                f"The query does not fit the tables that are there: {error}"
            ) from error

    def _files(self, name: str, dates: Collection[date] | None) -> list[str]:
        chosen = [("event_date", "in", [*dates])] if dates else None
        uris = self.table(name).file_uris(file_pruning_predicate=chosen)
        return [unquote(uri) for uri in uris]  # Also of local files the paths are quoted.

    def _empty(self, name: str) -> pa.Table:
        return pa.schema(self.table(name).schema().to_arrow()).empty_table()

    def table(self, name: str) -> DeltaTable:
        """Return a table, `layer.name`: of silver and gold as of the build, others as of now.

        Raises TableError.
        """
        if name not in self._tables:
            self._tables[name] = self._open(name)
        return self._tables[name]

    def _open(self, name: str) -> DeltaTable:
        folder = self.folders.get(name, self.settings.lakehouse.joinpath(*name.split(".")))
        is_built = name.startswith(("silver.", "gold."))
        if not (folder / "_delta_log").is_dir() or (is_built and name not in self.build.versions):
            how = "it appears when the running build ends" if self.build.running else HOW_TO_BUILD
            raise TableError(f"There is no table {name} yet: {how}.")
        try:
            table = DeltaTable(folder, version=self.build.versions.get(name))
        except (DeltaError, OSError) as error:
            raise TableError(f"The table {name} cannot be opened: {error}") from error
        if (version := table.protocol().min_reader_version) != 1:
            raise TableError(
                f"The table {name} needs version {version} of Delta's reader protocol. Without "
                "Spark only version 1 is read: deletion vectors and column mapping would make "
                "figures wrong in silence. Write the table without them."
            )
        return table


def open_lake(lakehouse: Path | None = None) -> Lake:
    """Return the tables of a folder. Default: FITNESS_LAKEHOUSE or data/lakehouse."""
    return Lake(read_settings(lakehouse=lakehouse))
