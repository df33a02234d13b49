"""Delete the rows of forgotten people from the bronze tables, and readings without a line there.

Delta's log keeps the condition of a DELETE, with the ids in it. That of a MERGE names columns only:
the ids are in the rows that are merged.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import pyarrow as pa
from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation

from fitness.old_lines import LINES, READINGS, folder, read_kept_from
from python_ingest.feeds import UNROUTED, Column, Feed, read_feeds
from python_ingest.settings import Settings
from python_ingest.suppression import (
    OWNED,
    REGISTRATIONS,
    USER,
    Span,
    Suppressions,
    id_columns,
    instant,
    judged_by,
)
from python_ingest.tables import address, is_table

ID_TYPES = {"bigint": pa.int64(), "double": pa.float64(), "string": pa.string()}
# Microseconds, NULL: without bound. A line whose time is not known matches the first span alone.
SPAN = {"since": pa.float64(), "until": pa.float64(), "is_first": pa.bool_()}
# In one file, equal lines have equal fields.
LINE = pa.schema([("_raw", pa.string()), ("_source_file", pa.string())])
VIEW = "forgotten_{}"  # of the ids of a kind, on Databricks
SAME_LINE = "line._raw = forgotten._raw and line._source_file = forgotten._source_file"


def sweep_bronze(
    spark: SparkSession,
    settings: Settings,
    suppressions: Suppressions,
    on_table: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Delete the refused rows; return how many, by table that had some.

    `on_table` is called with a message on each table. Nothing is committed to a table without such
    rows. No ingest may be at work on the lakehouse.
    """
    feeds: dict[str, Feed | None] = {feed.table: feed for feed in read_feeds()}
    removed = {}
    if count := delete_old_readings(spark, settings, suppressions):
        removed[READINGS] = count
    # Registrations last: a build after a killed sweep must not give readings to the next owner.
    for table in sorted({**feeds, UNROUTED: None}, key=lambda table: table == REGISTRATIONS):
        path, feed = Path(address(settings, table)), feeds.get(table)
        if not is_table(path):
            continue
        lines = DeltaTable.forPath(spark, str(path)).toDF().alias("line")
        count = sum(
            delete(spark, path, rows, condition)
            for rows, condition in refused(lines, feed, suppressions)
        )
        if count:
            removed[f"bronze.{table}"] = count
        on_table(f"bronze.{table}: {count:,} rows removed")
    return removed


def delete_old_readings(spark: SparkSession, settings: Settings, suppressions: Suppressions) -> int:
    """Delete from silver the refused readings whose lines may be gone; return how many."""
    kept_from, path = read_kept_from(spark, settings), folder(settings, READINGS)
    if kept_from is None or not is_table(path):
        return 0
    [feed] = [feed for feed in read_feeds() if f"bronze.{feed.table}" == LINES]
    [(kind, column)] = judged_by(feed)
    is_old = f"line.event_date < date'{kept_from}'"
    readings = DeltaTable.forPath(spark, str(path)).toDF().alias("line").where(is_old)
    values = [value for (value,) in readings.select(of_line(column)).distinct().collect()]
    rows = forgotten_ids(column.data_type, kind, values, suppressions)
    within = is_within("unix_micros(line.event_time)")
    return delete(spark, path, rows, f"{is_old} and {of_line(column)} = forgotten.id and {within}")


def refused(
    lines: DataFrame, feed: Feed | None, suppressions: Suppressions
) -> Iterator[tuple[pa.Table, str]]:
    """Return rows and the conditions by which lines that are refused match them.

    What Suppressions.refuses() says of a line whose ids could be read is said in SQL here.
    """
    ids, can_be_read = judged_by(feed), is_read(feed)
    for kind, column in ids:
        values = [value for (value,) in lines.select(of_line(column)).distinct().collect()]
        rows = forgotten_ids(column.data_type, kind, values, suppressions)
        yield rows, f"{matches(feed, kind, column)} and {can_be_read}"
    unread = lines.where(f"not ({can_be_read})")
    names = [] if feed is None else [*(column.name for _, column in ids), feed.event_time]
    found = unread.select(*LINE.names, "_is_malformed", *(f"`{name}`" for name in names)).distinct()
    # Not in Spark's workers, since Spark may write to disk what they are given: the keys.
    rows = pa.Table.from_pylist(
        [
            {name: line[name] for name in LINE.names}
            for line in found.toLocalIterator()
            if suppressions.refuses(feed, line.asDict(), line["_raw"], line["_is_malformed"])
        ],
        LINE,
    )
    yield rows, f"{SAME_LINE} and not ({can_be_read})"


def is_read(feed: Feed | None) -> str:
    """Return the condition that a line's ids could be read."""
    ids = [f"{of_line(column)} is not null" for _, column in judged_by(feed)]
    return "(" + " and ".join(["not line._is_malformed", *ids]) + ")" if feed else "false"


def matches(feed: Feed | None, kind: str, column: Column) -> str:
    """Return the condition that a line has a forgotten id at a time in its span, as Span.has()."""
    same = f"{of_line(column)} = forgotten.id"
    if feed is None or kind == USER:
        return f"{same} and forgotten.is_first"
    time = f"line.`{feed.event_time}`"
    within = is_within(f"rint({time} * 1000000)")
    return f"{same} and (({time} is null and forgotten.is_first) or ({within}))"


def is_within(micros: str) -> str:
    """Return the condition that a time, in microseconds, is in the span of a forgotten id."""
    return (
        f"(forgotten.since is null or {micros} >= forgotten.since) and "
        f"(forgotten.until is null or {micros} < forgotten.until)"
    )


def of_line(column: Column) -> str:
    """Return the SQL that names a column of a bronze table."""
    return f"line.`{column.name}`"


def forgotten_ids(
    data_type: str, kind: str, values: Iterable[Any], suppressions: Suppressions
) -> pa.Table:
    """Return those of a column's values that are forgotten, a row for each of their spans."""
    types = {"id": ID_TYPES[data_type], **SPAN}
    rows = [
        dict(zip(types, (value, *span, number == 0), strict=True))
        for value in values
        if value is not None
        for number, span in enumerate(disjoint(suppressions.spans(kind, value)))
    ]
    return pa.Table.from_pylist(rows, pa.schema([*types.items()]))


def disjoint(spans: Iterable[Span]) -> list[tuple[float | None, float | None]]:
    """Return spans, in microseconds, as the fewest that cover the same time."""
    ends = [(micros(span.begin, -inf), micros(span.end, inf)) for span in spans]
    found: list[tuple[float, float]] = []
    for begin, end in sorted(ends):
        if found and begin <= found[-1][1]:
            begin, end = found[-1][0], max(found.pop()[1], end)
        found.append((begin, end))
    return [(None if b == -inf else b, None if e == inf else e) for b, e in found if b < e]


def micros(seconds: float | None, unbounded: float) -> float:
    """Return epoch seconds as microseconds, rounded as instant() does."""
    return unbounded if seconds is None else float(instant(seconds))


def delete(spark: SparkSession, path: Path, rows: pa.Table, condition: str) -> int:
    """Delete the lines of a table that match rows; return how many.

    The condition is on `line` and `forgotten`, and no line may match several rows.
    """
    if not rows.num_rows:
        return 0
    table = DeltaTable.forPath(spark, str(path))
    forgotten = spark.createDataFrame(rows).alias("forgotten")
    matched = table.toDF().alias("line").join(forgotten, F.expr(condition), "left_semi")
    count = matched.count()
    if count:
        table.alias("line").merge(forgotten, condition).whenMatchedDelete().execute()
    return count


def databricks_sql(catalog: str, user_ids: Iterable[int]) -> list[str]:
    """Return the statements that delete users from bronze on Databricks; a build must follow.

    They have the ids, and so has the history of queries.
    """
    [registered] = [feed for feed in read_feeds() if feed.table == REGISTRATIONS]
    ids = ", ".join(f"({user})" for user in user_ids)
    views = {
        USER: "select id, cast(null as double) as since, cast(null as double) as until, "  # noqa: S608 - of numbers and contracts
        f"true as is_first from values {ids} as users(id)"
    }
    texts = []
    for kind, column in id_columns(registered, USER, *OWNED):
        if kind in OWNED:
            views[kind] = (
                f"select {column.name} as id, "  # noqa: S608 - of contracts
                "if(valid_from = timestamp'1900-01-01', null, unix_micros(valid_from)) as since, "
                "unix_micros(valid_to) as until, valid_from = min(valid_from) over "
                f"(partition by {column.name}) as is_first "
                f"from {catalog}.silver.{kind}_assignments "
                f"where user_id in (select id from {VIEW.format(USER)})"
            )
        texts.append(
            rf"select concat(r'(?<!\w){column.field}\W+\Q', id, r'\E(?!\w)') as of_json, "  # noqa: S608 - of contracts
            rf"concat(r'(^|,)\W*\Q', id, r'\E\W*(,|$)') as of_csv from {VIEW.format(kind)}"
        )
    views["text"] = " union ".join(texts)
    statements = [
        f"create or replace temporary view {VIEW.format(name)} as {query}"
        for name, query in views.items()
    ]
    feeds: dict[str, Feed | None] = {feed.table: feed for feed in read_feeds()}
    for table, feed in {**feeds, UNROUTED: None}.items():
        name, pattern = f"{catalog}.bronze.{table}", "of_csv" if feed and feed.is_csv else "of_json"
        lines = (
            f"(select distinct line._raw, line._source_file from {name} as line "  # noqa: S608 - of contracts
            f"join {VIEW.format('text')} as text on line._raw rlike text.{pattern} "
            f"where not {is_read(feed)})"
        )
        sources = [(lines, f"{SAME_LINE} and not {is_read(feed)}")]
        for kind, column in judged_by(feed):
            is_match = f"{matches(feed, kind, column)} and {is_read(feed)}"
            sources.append((VIEW.format(kind), is_match))
        statements += [
            f"merge into {name} as line using {source} as forgotten on {condition} "
            "when matched then delete"
            for source, condition in sources
        ]
    return statements
