"""The feeds, read from their contracts: models/bronze/<feed>.yml, each a dbt source.

docs/add-a-feed.md shows one. The ingest takes from it where lines come from, the columns and the
event time; the models, what a line must fulfil to reach silver (macros/feeds/contracts.sql).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import yaml

from python_ingest.errors import SettingError

CONTRACTS = Path(__file__).resolve().parents[1] / "models" / "bronze"
MULTIPLEX = "kafka_multiplex_bz"  # the landing folder of all topics
KAFKA = "kafka"  # the stream of the broker's topics
UNROUTED = "unrouted_bz"  # the table of lines that belong to no feed
EPOCH_SECONDS = "epoch seconds"
# The broker's columns, and names in the queries of quarantine and of conservation.
TAKEN = {"key", "topic", "partition", "offset", "timestamp", "reason", "fields", "raw", "row_id"}
DATA_TYPES = "bigint, double, string or struct<name: string, ...: string>"
STRUCT = re.compile(r"struct<(\w+: string(?:, \w+: string)*)>")
Kind = TypeVar("Kind")


class ColumnMeta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`config.meta` of a column: `field` is its name in the line, `person` whom it identifies."""

    required: bool = False
    unit: Literal["epoch seconds"] | None = None
    field: str | None = None
    person: str | None = None


class ColumnConfig(msgspec.Struct, frozen=True):
    """`config` of a column."""

    meta: ColumnMeta = ColumnMeta()


class Column(msgspec.Struct, frozen=True):
    """A column of a contract; `data_type` is Spark's."""

    name: str
    data_type: str
    description: str
    config: ColumnConfig = ColumnConfig()

    @property
    def meta(self) -> ColumnMeta:
        """Return the settings of the column that are ours, not dbt's."""
        return self.config.meta

    @property
    def field(self) -> str:
        """Return the name of its value in a line."""
        return self.meta.field or self.name

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names of the texts in a struct; none for another type."""
        found = STRUCT.fullmatch(self.data_type)
        return tuple(re.findall(r"(\w+): string", found[1])) if found else ()


class FeedMeta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`config.meta` of a feed's table; its lines are messages of a topic, or in CSV files."""

    event_time: str
    silver: str
    topic: str | None = None
    folder: str | None = None
    waits_for: dict[str, str] = {}
    bad_value: list[str] = []


@dataclass(frozen=True)
class Feed:
    """A feed: its bronze table, where its lines land, and their columns."""

    table: str
    topic: str | None
    folder: str
    event_time: str
    columns: tuple[Column, ...]

    @property
    def is_csv(self) -> bool:
        """Return whether its lines are those of CSV files."""
        return self.topic is None

    @cached_property
    def fields(self) -> frozenset[str]:
        """Return the names of all fields of a line."""
        return frozenset(column.field for column in self.columns)

    @cached_property
    def parts(self) -> dict[str, frozenset[str]]:
        """Return the names within the fields that are objects."""
        return {c.field: frozenset(c.parts) for c in self.columns if c.parts}


@cache
def read_feeds(folder: Path | None = None) -> tuple[Feed, ...]:
    """Return the feeds in order of their tables; raises SettingError if a contract is wrong."""
    folder = folder or CONTRACTS
    feeds = [read_feed(file) for file in sorted(folder.glob("*.yml")) if file.stem != UNROUTED]
    if not feeds:
        raise SettingError(f"{folder} has no contract: each feed has one there, as <feed>.yml.")
    origins = [(feed.folder, feed.topic) for feed in feeds]
    for feed, origin in zip(feeds, origins, strict=True):
        if origins.count(origin) > 1:
            raise SettingError(f"{folder / feed.table}.yml: its topic or folder is another feed's.")
    return tuple(feeds)


def feeds_by_folder() -> dict[str, tuple[Feed, ...]]:
    """Return the feeds of each landing folder: all that are JSON share one."""
    names = [feed.folder for feed in read_feeds()]
    return {name: tuple(feed for feed in read_feeds() if feed.folder == name) for name in names}


def read_feed(file: Path) -> Feed:
    """Read a contract; raises SettingError, which names the file and what is wrong in it."""
    table = only_table(file)
    meta = converted((table.get("config") or {}).get("meta"), FeedMeta, f"{file}: config.meta")
    columns = [converted(each, Column, f"{file}: columns") for each in table.get("columns") or []]
    for problem in problems(meta, {column.name: column for column in columns}, columns):
        raise SettingError(f"{file}: {problem}")
    return Feed(file.stem, meta.topic, meta.folder or MULTIPLEX, meta.event_time, tuple(columns))


def problems(
    meta: FeedMeta, by_name: Mapping[str, Column], columns: Sequence[Column]
) -> Iterator[str]:
    """Return what is wrong in a contract beyond its form."""
    for column in columns:
        where = f"column {column.name}"
        if column is not by_name[column.name]:
            yield f"{where}: another one has the same name."
        if sum(c.field == column.field for c in columns) > 1 or {*column.field} & {'"', "\\"}:
            yield f"{where}: its field is another one's, or has a quote or a backslash."
        if column.name.startswith("_") or column.name in TAKEN:
            yield f"{where}: the name is taken; choose another one and give field."
        if meta.folder and (column.parts or column.field != column.field.lower()):
            yield f"{where}: a CSV file has no structs, and its header is read in lower case."
        if column.data_type not in ("bigint", "double", "string") and not column.parts:
            yield f"{where}: data_type is {column.data_type}; it can be {DATA_TYPES}."
        if column.meta.unit and column.data_type != "double":
            yield f"{where}: {EPOCH_SECONDS} are a double."
    if (meta.topic is None) == (meta.folder is None):
        yield "config.meta: give either topic or folder."
    if not re.fullmatch(r"\w+", meta.folder or "_") or meta.folder in (MULTIPLEX, KAFKA):
        yield f"config.meta.folder: {meta.folder} cannot be the folder of a feed."
    if len(meta.waits_for) > 1:
        yield "config.meta.waits_for: give one column at most."
    for name in (meta.event_time, *meta.waits_for):
        if name not in by_name:
            yield f"config.meta: there is no column {name}."
        elif not by_name[name].meta.required:
            yield f"column {name}: give required: true."
    if by_name[meta.event_time].meta.unit is None:
        yield f"column {meta.event_time}: the event time needs unit: {EPOCH_SECONDS}."
    for name in meta.waits_for:
        if by_name[name].meta.person is None:
            yield f"column {name}: give person, after which the reason unknown_<person> is named."


def only_table(file: Path) -> Mapping[str, Any]:
    """Return the one table of the source bronze that a file declares."""
    try:
        [source] = yaml.safe_load(file.read_text(encoding="utf-8"))["sources"]
        [table] = source["tables"]
        names = (source["name"], table["name"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise SettingError(f"{file}: a contract is one table of the source bronze.") from error
    if names != ("bronze", file.stem):
        raise SettingError(f"{file}: the table is {'.'.join(names)}, not bronze.{file.stem}.")
    return dict(table)


def converted(value: object, kind: type[Kind], where: str) -> Kind:
    """Return a value of YAML as a type; raises SettingError, which says where it does not fit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        name = f" {value.get('name')}" if isinstance(value, dict) and "name" in value else ""
        raise SettingError(f"{where}{name}: {error}") from error
