"""Delete raw readings after a number of days: the var `retention_days` of dbt_project.yml.

It deletes only lines whose reading is in silver. Models do not follow that, so silver keeps its
readings, from which gold is computed. Models read the date by macros/feeds/retention.sql.
"""

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from delta import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation

from fitness.settings import project_vars
from python_ingest.errors import SettingError
from python_ingest.feeds import CONTRACTS, only_table, read_feed
from python_ingest.settings import Settings
from python_ingest.tables import is_table

log = logging.getLogger(__name__)

LINES, READINGS = "bronze.heart_rate_bz", "silver.heart_rate"  # `layer.name`
# The property of both tables: the date before which lines were deleted. If one of the tables is
# lost or rebuilt, the other one still has it.
KEPT_FROM = "fitness.kept_from"
USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
NOT_FOLLOWED = "maintenance"  # as incremental/README.md says
MICROS = "rint(time * 1000000)"  # the instant of a line, as instant() in macros/rules
DATE = f"cast(timestamp_micros(cast({MICROS} as bigint)) as date)"
# The columns have other names than those of the lines, which the contract's conditions name.
READING = (
    "device_id as _device_id",
    "unix_micros(event_time) as _micros",
    "struct(_broker_timestamp as timestamp, _offset as offset, heartrate) as _newest",
)
# A newer line than silver's, which a build has yet to read, stays: see newest_by of heart_rate.
IS_IN_SILVER = (
    f"device_id = _device_id and {MICROS} = _micros "
    "and struct(timestamp, offset, heartrate) <= _newest"
)


def retention_days() -> int | None:
    """Return for how many days to keep raw readings, None: for ever; raises SettingError."""
    found = project_vars()["retention_days"]
    days = found["bronze"] if isinstance(found, dict) and found.keys() == {"bronze"} else 0
    if days is None:
        return None
    if type(days) is int and days > 0:
        return days
    raise SettingError(
        f"The var retention_days of dbt_project.yml is {found}. Write {{bronze: 400}} to keep raw "
        "readings for 400 days, or {bronze: null} to keep them for ever."
    )


def read_kept_from(spark: SparkSession, settings: Settings) -> date | None:
    """Return the date before which lines were deleted, None if none were; raises SettingError."""
    return max(read_properties(spark, settings).values(), default=None)


def read_properties(spark: SparkSession, settings: Settings) -> dict[str, date]:
    """Return the date of each table that has the property; raises SettingError."""
    found: dict[str, date] = {}
    for table in (LINES, READINGS):
        path = folder(settings, table)
        if not is_table(path):
            continue
        [detail] = DeltaTable.forPath(spark, str(path)).detail().collect()
        if text := detail["properties"].get(KEPT_FROM):
            try:
                found[table] = date.fromisoformat(text)
            except ValueError:
                raise SettingError(
                    f"{table} has the property {KEPT_FROM} = {text}, which is no date: set it to "
                    "the date before which lines were deleted, such as 2026-01-31."
                ) from None
    return found


def delete_old_lines(spark: SparkSession, settings: Settings, table: str, days: int | None) -> None:
    """Delete the lines of a bronze table that are in silver and from before the last `days` days.

    `table` is `layer.name`: of other tables than the raw readings, nothing is deleted; nor if lines
    before that date were already deleted. Both tables of readings get the property. The caller
    holds the lock of the processes that write the table. Raises SettingError.
    """
    if table not in (LINES, READINGS):
        return
    dates = read_properties(spark, settings)
    kept_from = known = max(dates.values(), default=None)
    if table == LINES and days is not None and is_table(folder(settings, READINGS)):
        kept_from = max(known or date.min, datetime.now(UTC).date() - timedelta(days))
    if kept_from != dates.get(table):
        # First: if the process is killed, no line is gone that models still expect in bronze.
        path = str(folder(settings, table)).replace("`", "``")
        spark.sql(f"alter table delta.`{path}` set tblproperties ('{KEPT_FROM}' = '{kept_from}')")
    if kept_from and kept_from != known:
        delete_lines_before(kept_from, spark, settings)


def delete_lines_before(kept_from: date, spark: SparkSession, settings: Settings) -> None:
    """Delete the lines from before a date whose reading is in silver."""
    # In a session of its own, so that no other commit gets the mark.
    session = spark.newSession()
    session.conf.set(USER_METADATA, NOT_FOLLOWED)
    lines = DeltaTable.forPath(session, str(folder(settings, LINES)))
    is_old = f"time >= 0 and time < unix_date(date'{kept_from}') * 86400L"
    # By dates Spark skips the files of all others: silver has the whole history.
    old = lines.toDF().where(is_old).select(F.expr(DATE)).distinct().collect()
    if not old:
        return
    readings = (
        session.read.format("delta")
        .load(str(folder(settings, READINGS)))
        .where(F.col("event_date").isin([day for (day,) in old]))
        .where(f"event_date < date'{kept_from}'")
        .selectExpr(*READING)
    )
    condition = f"{is_old} and {IS_IN_SILVER} and {is_usable()}"
    [figures] = lines.merge(readings, condition).whenMatchedDelete().execute().collect()
    count = f"{figures['num_deleted_rows']:,}"
    log.info("%s: %s lines from before %s were deleted.", LINES, count, kept_from)


def is_usable() -> str:
    """Return the condition that a line is not refused, as refusal() in macros/feeds/contracts.sql.

    It leaves out what the other conditions imply. A line without a heart rate always stays.
    """
    contract = CONTRACTS / f"{LINES.removeprefix('bronze.')}.yml"
    required = [column.name for column in read_feed(contract).columns if column.meta.required]
    present = [f"`{name}` is not null" for name in (*required, "heartrate")]
    bad_value = " or ".join(only_table(contract)["config"]["meta"]["bad_value"])
    return " and ".join([*present, f"not ({bad_value})"])


def folder(settings: Settings, table: str) -> Path:
    """Return the folder of a table."""
    return settings.lakehouse.joinpath(*table.split("."))
