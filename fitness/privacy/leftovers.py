"""Remove forgotten people from what no build brings up to date.

These are snapshots, stored failures of tests, developers' tables, and the logs of figures.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation

from fitness.build import LOG, target_folder
from fitness.maintenance import all_tables
from fitness.privacy.bronze import ID_TYPES, delete, forgotten_ids
from fitness.privacy.wanted import kind_of
from python_ingest.atomic_write import atomic_write
from python_ingest.feeds import read_feeds
from python_ingest.settings import Settings
from python_ingest.suppression import OWNED, USER, Suppressions

LOGS = ("*_log/*.jsonl", "*alerts.json")  # below the lakehouse folder
WORD = re.compile(r"\w+(?:[:-]\w+)*")  # an id in a message, mac addresses among them
GONE = "[forgotten]"
# Removes people from a table, and returns what was done; nothing if none was in it.
Sweep = Callable[[SparkSession, Path, Suppressions], str]


def sweep_leftovers(
    spark: SparkSession,
    settings: Settings,
    suppressions: Suppressions,
    on_table: Callable[[str], None] = lambda _: None,
) -> dict[str, str]:
    """Remove people from leftovers; return what was done, by table or log in which some were.

    Rows are deleted from snapshots, tables of failures are emptied, and developers' tables are
    dropped: their next build makes them again. In logs the ids are replaced. `on_table` is called
    with a message on each table. No ingest and no build may be at work on the lakehouse.
    """
    done = {}
    for name, path in all_tables(settings).items():
        sweep = sweep_of(path.parent.name)
        if sweep is None:
            continue
        if what := sweep(spark, path, suppressions):
            done[name] = what
        on_table(f"{name}: {what or 'nothing found'}")
    for pattern in LOGS:
        for path in sorted(settings.lakehouse.glob(pattern)):
            if count := clean_log(path, suppressions):
                done[str(path.relative_to(settings.lakehouse))] = f"{count:,} entries cleaned"
    return done


def sweep_of(schema: str) -> Sweep | None:
    """Return what removes people from the tables of a schema; None if builds do, or none is in."""
    if schema.endswith("snapshots"):
        return delete_rows
    if schema.endswith("failures"):
        return empty
    return drop if schema.startswith("dev_") and not schema.endswith("_ops") else None


def delete_rows(spark: SparkSession, path: Path, suppressions: Suppressions) -> str:
    """Delete people's rows from a table."""
    table = DeltaTable.forPath(spark, str(path)).toDF()
    count = 0
    for name, kind in judged_columns(table):
        ids = forgotten_ids(dict(table.dtypes)[name], kind, values(table, name), suppressions)
        first = ids.filter(pc.field("is_first"))
        count += delete(spark, path, first, f"line.`{name}` = forgotten.id")
    return f"{count:,} rows removed" if count else ""


def empty(spark: SparkSession, path: Path, suppressions: Suppressions) -> str:
    """Delete all rows of a table if any value in it may be an id."""
    table = DeltaTable.forPath(spark, str(path))
    rows = as_texts(table.toDF(), table.toDF().columns)
    if not any(is_person(text, suppressions) for row in rows.toLocalIterator() for text in row):
        return ""
    table.delete()
    return "emptied"


def drop(spark: SparkSession, path: Path, suppressions: Suppressions) -> str:
    """Drop a table if people are in it; the metastore need not know it."""
    table = DeltaTable.forPath(spark, str(path)).toDF()
    judged = judged_columns(table)
    is_found = any(
        suppressions.spans(kind, value) for name, kind in judged for value in values(table, name)
    )
    if not is_found:
        names = {name for name, _ in judged}
        others = [name for name, kind in table.dtypes if name not in names and is_text(kind)]
        rows = as_texts(table, others).toLocalIterator() if others else ()
        is_found = any(is_person(text, suppressions, alone=False) for row in rows for text in row)
    if not is_found:
        return ""
    name = f"{path.parent.name}.{path.name}"
    if spark.catalog.tableExists(name):
        spark.sql(f"drop table {name}")
    if path.exists():
        shutil.rmtree(path)
    return "dropped"


def judged_columns(table: DataFrame) -> list[tuple[str, str]]:
    """Return the columns that tell whose a row is, each with its kind: of users, if there are any.

    Without one for the time, which has many names, a device or mac address counts at any time.
    """
    kinds = {name: kind_of(name) for name, data_type in table.dtypes if data_type in ID_TYPES}
    users = [(name, kind) for name, kind in kinds.items() if kind == USER]
    return users or [(name, kind) for name, kind in kinds.items() if kind in OWNED]


def values(table: DataFrame, column: str) -> list[Any]:
    """Return the values of a column."""
    rows = table.select(f"`{column}`").distinct().collect()
    return [value for (value,) in rows if value is not None]


def is_text(data_type: str) -> bool:
    """Return whether values of a type of Spark may have texts in them."""
    return "string" in data_type


def as_texts(table: DataFrame, columns: Iterable[str]) -> DataFrame:
    """Return columns as texts: nested values as JSON."""
    types = dict(table.dtypes)
    return table.select(
        *(
            F.to_json(f"`{name}`") if "<" in types[name] else F.col(f"`{name}`").cast("string")
            for name in columns
        )
    ).distinct()


def is_person(text: str | None, suppressions: Suppressions, *, alone: bool = True) -> bool:
    """Return whether a text has an id: after its name, or in a list with commas.

    With `alone` the whole text may be one too.
    """
    if text is None:
        return False
    if alone and is_id(text, suppressions):
        return True
    feeds = (None, *(feed for feed in read_feeds() if feed.is_csv and "," in text))
    return any(suppressions.refuses(feed, {}, text, is_malformed=True) for feed in feeds)


def is_id(text: str, suppressions: Suppressions) -> bool:
    """Return whether a text is an id of any kind."""
    return any(suppressions.spans(kind, text) for kind in (USER, *OWNED))


def clean_log(path: Path, suppressions: Suppressions) -> int:
    """Replace ids in the texts of a log, a line of JSON per entry; return in how many entries."""
    lines = path.read_bytes().decode(errors="replace").split("\n")
    cleaned = [clean_entry(line, suppressions) for line in lines]
    count = sum(new != old for new, old in zip(cleaned, lines, strict=True))
    if count:
        mode = path.stat().st_mode
        with atomic_write(path) as file:
            file.write("\n".join(cleaned))
        path.chmod(mode & 0o7777)
    return count


def clear_logs() -> None:
    """Empty the project's logs, and remove dbt's compiled SQL: both name ids."""
    of_dbt = Path(os.environ.get("DBT_LOG_PATH") or LOG.parent)  # may be others' too
    for file in {*filter(Path.is_file, LOG.parent.rglob("*")), *of_dbt.rglob("dbt.log*")}:
        os.truncate(file, 0)  # Not removed: the process goes on writing to it.
    for manifest in [*target_folder().rglob("manifest.json")]:
        for folder in ("compiled", "run"):
            shutil.rmtree(manifest.parent / folder, ignore_errors=True)
        (manifest.parent / "run_results.json").unlink(missing_ok=True)
        manifest.unlink()


def clean_entry(line: str, suppressions: Suppressions) -> str:
    """Return an entry without ids; nothing if it was cut short and has one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return "" if any(is_id(word, suppressions) for word in WORD.findall(line)) else line
    new = cleaned(entry, suppressions)
    return line if new == entry else json.dumps(new, ensure_ascii=False)


def cleaned(value: Any, suppressions: Suppressions) -> Any:
    """Return a value of JSON with ids in its texts replaced: its numbers are figures."""
    if isinstance(value, dict):
        return {cleaned(k, suppressions): cleaned(v, suppressions) for k, v in value.items()}
    if isinstance(value, list):
        return [cleaned(each, suppressions) for each in value]
    if not isinstance(value, str) or is_instant(value):
        return value
    return WORD.sub(lambda word: GONE if is_id(word[0], suppressions) else word[0], value)


def is_instant(text: str) -> bool:
    """Return whether a text is a time, whose digits are no ids."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return "T" in text
