"""Write all that is held on a person into a folder (article 15 of the GDPR): `fitness export`."""

import csv
import os
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TextIO

import msgspec
import pyarrow as pa
import yaml
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from fitness.privacy.delta_files import TableFolder
from fitness.privacy.records import Search
from fitness.privacy.rows import ROWS_AT_ONCE, Rows
from fitness.privacy.wanted import find_wanted
from fitness.settings import PROJECT
from python_ingest.errors import FitnessError, SettingError
from python_ingest.feeds import UNROUTED
from python_ingest.settings import Settings
from python_ingest.tables import is_table

LAYERS = ("bronze", "silver", "gold", "snapshots")
README = "README.txt"
ABOUT = """\
What the tables hold on user {user}, as of {now:%Y-%m-%d %H:%M} UTC.

Each file has the rows of one table that are theirs: by the user id where a row has one, else by a
device or mac address in the time that it was theirs. A line that could not be read is theirs if it
names them. Instants are in UTC. `_raw` and `raw` are lines as they were received.

Not in here: lines that have landed and are not ingested yet; the landed files and their archive,
which have the lines of bronze, and those that bronze no longer keeps (the var retention_days); old
versions of the tables, logs, and backups.
"""
INDENTED: Any = {"width": 98, "initial_indent": "  ", "subsequent_indent": "    "}
KINDS = ("models", "snapshots", "seeds")
DOCS = re.compile(r"\{% docs (\w+) %\}(.*?)\{% enddocs %\}", re.DOTALL)
DOC = re.compile(r"\{\{ *doc\(['\"](\w+)['\"]\) *\}\}")


@dataclass(frozen=True)
class Description:
    """What a table is, and what its columns are."""

    text: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def export(
    settings: Settings,
    user_id: int,
    out: Path,
    as_csv: bool,
    on_table: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write a file for each table that has rows of a user, and a README.txt; return the folder.

    The files are JSON, an array with one object a line, or CSV; only the caller may read them. The
    folder appears once it is complete. `on_table` is called with a message on each table. Raises
    SettingError if there is something at `out`, FitnessError if no table knows the user, a table
    cannot be read, or on Databricks.
    """
    if settings.catalog:
        raise FitnessError("On Databricks query the tables: docs/privacy.md says how.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingError(f"{out} is not empty: name a folder that is not there yet.")
    search = Search(find_wanted(settings, None, [user_id], with_names=False))
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))  # for the caller alone
    try:
        sections = [ABOUT.format(user=user_id, now=datetime.now(UTC))]
        for name, path in tables(settings.lakehouse).items():
            rows = TableRows(path, search)
            file = partial / f"{name}.{'csv' if as_csv else 'json'}"
            if count := write(rows, file, as_csv):
                sections.append(section(file.name, count, rows))
            on_table(f"{name}: {count:,} rows")
        if len(sections) == 1:
            raise FitnessError(f"No table has rows of user {user_id}: check the id.")
        with private(partial / README) as readme:
            readme.write("\n".join(sections))
        partial.replace(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return out


class TableRows:
    """The rows of a table that are theirs; raises FitnessError where it cannot be read."""

    def __init__(self, path: Path, search: Search) -> None:
        self.name, self._search, self._feed = path.name, search, TableFolder(path).feed
        try:
            self._dataset = DeltaTable(path).to_pyarrow_dataset()
        except DeltaError as error:
            raise FitnessError(f"{path} cannot be read without Spark: {error}") from error
        self.columns: list[str] = self._dataset.schema.names

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._dataset.to_batches(batch_size=ROWS_AT_ONCE):
            rows = Rows(batch, self._search, self._feed)
            theirs, others = rows.owned
            in_texts = [row for row, _, _ in rows.in_texts(~(theirs | others))]
            chosen = theirs.copy()
            chosen[in_texts] = True
            yield from batch.filter(pa.array(chosen)).to_pylist()


def tables(lakehouse: Path) -> dict[str, Path]:
    """Return the tables that may have rows of a person, by `layer.name`."""
    paths = [path for layer in LAYERS for path in sorted((lakehouse / layer).glob("*"))]
    return {f"{path.parent.name}.{path.name}": path for path in paths if is_table(path)}


def write(rows: TableRows, file: Path, as_csv: bool) -> int:
    """Write rows into a new file and return how many; without any there is no file."""
    with private(file) as opened:
        count = (write_csv if as_csv else write_json)(rows, opened)
    if not count:
        file.unlink()
    return count


def write_json(rows: TableRows, file: TextIO) -> int:
    """Write rows as an array, one a line; return how many."""
    count = 0
    for count, row in enumerate(rows, 1):
        file.write(("[\n" if count == 1 else ",\n") + msgspec.json.encode(row).decode())
    file.write("\n]\n" if count else "")
    return count


def write_csv(rows: TableRows, file: TextIO) -> int:
    """Write rows below a header, structs and lists as JSON; return how many."""
    writer, count = csv.writer(file), 0
    writer.writerow(rows.columns)
    for row in rows:
        values, count = msgspec.to_builtins(row), count + 1
        writer.writerow(
            msgspec.json.encode(each).decode() if isinstance(each, dict | list) else each
            for each in map(values.get, rows.columns)
        )
    return count


def private(file: Path) -> TextIO:
    """Open a new text file that only its owner may read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")


def section(file: str, count: int, rows: TableRows) -> str:
    """Return what the README says of a file."""
    about = descriptions().get(rows.name, Description())
    columns = [f"{name}: {about.columns.get(name, '')}".rstrip(": ") for name in rows.columns]
    lines = [
        f"{file} ({count:,} rows)",
        *textwrap.wrap(about.text, **INDENTED),
        *(line for each in columns for line in textwrap.wrap(f"- {each}", **INDENTED)),
    ]
    return "\n".join([*lines, ""])


@cache
def descriptions() -> dict[str, Description]:
    """Return what the .yml files say of tables, by name."""
    texts = {
        name: text
        for file in (PROJECT / "models").rglob("*.md")
        for name, text in DOCS.findall(file.read_text(encoding="utf-8"))
    }

    def plain(node: Mapping[str, Any]) -> str:
        text = DOC.sub(lambda found: texts.get(found[1], ""), node.get("description") or "")
        return " ".join(text.split())

    def columns_of(node: Mapping[str, Any]) -> dict[str, str]:
        return {column["name"]: plain(column) for column in node.get("columns") or []}

    found = {}
    for folder in ("models", "snapshots", "seeds"):
        for file in (PROJECT / folder).rglob("*.yml"):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            sources = [table for each in content.get("sources", []) for table in each["tables"]]
            for node in [*sources, *(n for kind in KINDS for n in content.get(kind, []))]:
                found[node["name"]] = Description(plain(node), columns_of(node))
    # The columns that the ingest adds are described once, for all feeds.
    added = {**found[UNROUTED].columns, "_fields": texts["_fields"]}
    return {
        name: replace(each, columns={**added, **each.columns}) if name.endswith("_bz") else each
        for name, each in found.items()
    }
