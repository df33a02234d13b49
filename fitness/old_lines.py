"""Delete raw readings after a number of days: the var `retention_days` of dbt_project.yml.

Only lines whose reading is in silver go. The models do not follow that, so silver keeps its
readings, from which gold is computed; macros/feeds/retention.sql is what models know of it.
"""

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from delta import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation

from fitness.settings import project_vars
from python_ingest.errors import SettingError
from python_ingest.feeds import CONTRACTS, only_table
from python_ingest.settings import Settings
from python_ingest.tables import address, is_table

log = logging.getLogger(__name__)

LINES, READINGS = "heart_rate_bz", "heart_rate"  # the tables of bronze and silver
KEPT_FROM = "fitness.kept_from"  # the table property in bronze that says up to when lines went
USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
NOT_FOLLOWED = "maintenance"  # as incremental/README.md says
MOST_DAYS = 100_000  # An earlier date than that cannot be computed.
DATE = "cast(timestamp_micros(cast(rint(time * 1000000) as bigint)) as date)"
# The columns have other names than those of the lines, which the contract's conditions name.
READING = (
    "device_id as _device_id",
    "unix_micros(event_time) as _micros",
    "struct(_broker_timestamp as timestamp, _offset as offset, heartrate) as _newest",
)
# A newer line than silver's, which a build has yet to read, stays: see newest_by of heart_rate.
IS_IN_SILVER = (
    "device_id = _device_id and rint(time * 1000000) = _micros "
    "and struct(timestamp, offset, heartrate) <= _newest"
)


def retention_days() -> int | None:
    """Return for how many days to keep raw readings, None: for ever; raises SettingError."""
    found = project_vars().get("retention_days", {"bronze": None})
    if found == {"bronze": None}:
        return None
    days = found["bronze"] if isinstance(found, dict) and found.keys() == {"bronze"} else None
    if type(days) is int and 0 < days < MOST_DAYS:
        return days
    raise SettingError(
        f"The var retention_days of dbt_project.yml is {found}. Write {{bronze: 400}} to keep raw "
        "readings for 400 days, or {bronze: null} to keep them for ever."
    )


def kept_from(spark: SparkSession, settings: Settings) -> date | None:
    """Return the date before which lines of readings have been deleted; None if none have."""
    path = Path(address(settings, LINES))
    if not is_table(path):
        return None
    [detail] = DeltaTable.forPath(spark, str(path)).detail().collect()
    found = detail["properties"].get(KEPT_FROM)
    return date.fromisoformat(found) if found else None


def delete_old_lines(spark: SparkSession, settings: Settings, table: str, days: int | None) -> None:
    """Delete the lines of a bronze table that are in silver and from before the last `days` days.

    `table` is `layer.name`: of other tables than the raw readings, nothing is deleted; nor if it
    was done today, or once for fewer days. The caller holds the lock of the ingest.
    """
    silver = settings.lakehouse / "silver" / READINGS
    if days is None or table != f"bronze.{LINES}" or not is_table(silver):
        return
    horizon, known = datetime.now(UTC).date() - timedelta(days), kept_from(spark, settings)
    if known and known >= horizon:
        return
    bronze, session = address(settings, LINES), spark.newSession()
    # In a session of its own, so that no other commit gets the mark.
    session.conf.set(USER_METADATA, NOT_FOLLOWED)
    # First: if the process is killed, no line is gone that models still expect in bronze.
    quoted = bronze.replace("`", "``")
    session.sql(f"alter table delta.`{quoted}` set tblproperties ('{KEPT_FROM}' = '{horizon}')")
    lines = DeltaTable.forPath(session, bronze)
    is_old = f"time >= 0 and time < unix_date(date'{horizon}') * 86400L"
    # By dates Spark skips the files of all others: silver has all readings that ever were.
    old = lines.toDF().where(is_old).select(F.expr(DATE)).distinct().collect()
    readings = (
        session.read.format("delta")
        .load(str(silver))
        .where(F.col("event_date").isin([day for (day,) in old]))
        .where(f"event_date < date'{horizon}'")
        .selectExpr(*READING)
    )
    refused = " or ".join(only_table(CONTRACTS / f"{LINES}.yml")["config"]["meta"]["bad_value"])
    condition = f"{is_old} and {IS_IN_SILVER} and not ({refused})"
    [figures] = lines.merge(readings, condition).whenMatchedDelete().execute().collect()
    count = f"{figures['num_deleted_rows']:,}"
    log.info("%s: %s lines from before %s were deleted.", table, count, horizon)
