"""Old raw readings are deleted; all tables stay as they were, and can still be rebuilt."""

from datetime import UTC, datetime

import pytest

from fitness import maintenance, old_lines
from fitness.build import build
from fitness.dbt_arguments import EVERYDAY
from fitness.maintenance import maintain
from fitness.old_lines import KEPT_FROM, LINES, READINGS, delete_old_lines
from fitness.privacy.forget import forget
from python_ingest.tables import is_table
from tests.python.lake import MODELS_ONLY, Lake, compared_whole, differences, layer_of
from tests.python.lines import HEADERS, MULTIPLEX, REGISTRATIONS, VISITS, message, workout
from tests.python.reference import KEYS, tables

pytestmark = pytest.mark.usefixtures("secret")

HEADER = HEADERS[REGISTRATIONS]
DAY = 86400
# The readings, all that they are made of, and the test that no line is lost; or an everyday build.
TEST_OF_LINES = "every_line_is_accounted_for_heart_rate_heart_rate_bz"
OF_READINGS = ("--select", "+heart_rate", TEST_OF_LINES, "--indirect-selection", "empty")
TODAY = int(datetime.now(UTC).timestamp()) // DAY * DAY
OLD, MIDDLE, HANDOVER, NEW = (TODAY - days * DAY for days in (500, 350, 200, 1))
DEVICE, UNKNOWN = 1010, 9090
FIRST, SECOND, LATE = 1, 2, 3  # the owners of the device; the third registers late, for old times


def reading(time: float, rate: float | None = 90, sent: float = 5.0, device: int = DEVICE) -> str:
    value = {"device_id": device, "time": time, "heartrate": rate}
    return message("bpm", value, timestamp=sent)


OLD_LINES = [reading(OLD + at) for at in range(100, 160, 10)]
SUPERSEDED = reading(OLD + 100, 60, sent=4)
REFUSED = [reading(OLD + 100, None), message("bpm", [])]
PENDING = reading(OLD + 100, device=UNKNOWN)
MIDDLE_LINES = [reading(MIDDLE + at) for at in (0, 1, 2)]
NEW_LINES = [reading(NEW + at) for at in (0, 1, 2)]
WORKOUTS = [*workout(FIRST, OLD + 90), *workout(LATE, OLD + 90), *workout(SECOND, NEW)]


def maintain_readings(lake: Lake, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Maintain the table of raw readings, which are kept for some days."""
    tables = {LINES: lake.settings.lakehouse / "bronze" / "heart_rate_bz"}
    monkeypatch.setattr(maintenance, "all_tables", lambda _: tables)
    monkeypatch.setattr(old_lines, "project_vars", lambda: {"retention_days": {"bronze": days}})
    assert maintain(lake.spark, lake.settings) == [LINES]


def land(lake: Lake, name: str, *lines: str) -> None:
    """Land lines of the multiplexed feed."""
    lake.write_lines(f"{MULTIPLEX}/{name}.json", *lines)
    lake.ingest()


def lines(lake: Lake) -> list[str]:
    """Return the lines in bronze."""
    return sorted(str(row["_raw"]) for row in lake.rows(LINES))


def wrong_rows(lake: Lake) -> list[str]:
    """Compare the tables that were built with the reference."""
    built = [t for t in KEYS if is_table(lake.settings.lakehouse / layer_of(t) / t)]
    expected = tables(lake.settings.landing)
    found = {table: lake.rows(f"{layer_of(table)}.{table}") for table in built}
    return differences({table: expected[table] for table in built}, found)


def land_and_delete_old(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, models: tuple[str, ...]
) -> None:
    """Build models, and delete the lines of more than 400 days ago whose reading is in silver."""
    owners = [f"{FIRST},{DEVICE},aa:01,{OLD}", f"{SECOND},{DEVICE},aa:01,{HANDOVER}"]
    lake.write_lines(f"{REGISTRATIONS}/first.csv", HEADER, *owners)
    lake.write_lines(f"{VISITS}/first.csv", HEADERS[VISITS], f"aa:01,1,{OLD},")
    stays = [*REFUSED, PENDING, *MIDDLE_LINES, *NEW_LINES]
    land(lake, "first", *OLD_LINES, SUPERSEDED, *WORKOUTS, *stays)
    build(lake.settings, models)
    maintain_readings(lake, monkeypatch, 400)
    assert lines(lake) == sorted(stays)


def land_for_old_times(lake: Lake) -> None:
    """Land an owner, a correction, and a line that is there already."""
    lake.write_lines(f"{REGISTRATIONS}/late.csv", HEADER, f"{LATE},{DEVICE},aa:01,{OLD + 130}")
    land(lake, "late", reading(OLD + 110, 95, sent=6), OLD_LINES[1])


@pytest.mark.parametrize(
    "models",
    [
        pytest.param(OF_READINGS, id="readings"),
        pytest.param(EVERYDAY, id="all", marks=pytest.mark.slow),
    ],
)
def test_old_raw_readings_go_and_no_table_changes(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, models: tuple[str, ...]
) -> None:
    land_and_delete_old(lake, monkeypatch, models)
    # No model follows that.
    delete_old_lines(lake.spark, lake.settings, READINGS, None)
    version = lake.version(READINGS)
    statements = lake.statements_of(*MODELS_ONLY, "--select", "quarantine", "heart_rate")
    assert not [sql for sql in statements if f"table_changes('{LINES.upper()}'" in sql]
    assert lake.version(READINGS) == version

    # What arrives for that time is followed.
    land_for_old_times(lake)
    messages: list[str] = []
    build(lake.settings, models, on_log=messages.append)
    assert not compared_whole(messages)
    assert not wrong_rows(lake)

    # A comparison of the whole table makes the same table, also if bronze has lost the date.
    lake.spark.sql(f"alter table {LINES} unset tblproperties ('{KEPT_FROM}')")
    lake.spark.sql(f"delete from ops.watermarks where model = '{READINGS}'")
    assert len(compared_whole(lake.build("--select", "heart_rate"))) == 1
    assert not wrong_rows(lake)
    delete_old_lines(lake.spark, lake.settings, LINES, None)

    # A full refresh makes the same tables.
    build(lake.settings, ["--full-refresh", *models])
    assert not wrong_rows(lake)

    # A forgotten person's readings go, whose lines are gone; the next owner does not get them.
    # A build reads changes from before and after lines were deleted.
    maintain_readings(lake, monkeypatch, 300)
    assert lines(lake) == sorted([*REFUSED, PENDING, *NEW_LINES])
    land(lake, "last", reading(NEW + 3))
    done = forget(
        lake.spark,
        lake.settings,
        [LATE],
        lambda: build(lake.settings, models, on_log=messages.append),
    )
    assert done.rows[READINGS] == len(OLD_LINES[3:]) + len(MIDDLE_LINES)
    assert not compared_whole(messages)
    assert not wrong_rows(lake)
