"""Who is known, what goes on the record of the forgotten, and the order in which they are swept."""

import json
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from fitness import cli_privacy
from fitness.cli import app
from fitness.errors import BuildError
from fitness.lock import FORGET, holder, only_one
from fitness.privacy import forget as forgetting
from fitness.privacy.forget import (
    Forgotten,
    allow_again,
    forget,
    save_suppressions,
    with_people,
)
from fitness.privacy.landing import sweep_files
from fitness.privacy.people import find_people
from python_ingest.errors import BusyError, FitnessError, SettingError
from python_ingest.feeds import read_feeds
from python_ingest.settings import Settings
from python_ingest.suppression import Span, read_suppressions

TYPES: dict[str, pa.DataType] = {
    "bigint": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
}
REGISTRATIONS, PROFILES, WORKOUTS = "registered_users_bz", "user_info_bz", "workouts_bz"
HEADER = "user_id,device_id,mac_address,registration_timestamp\n"
ANYTIME = Span()
NO_SPARK = cast(SparkSession, None)


def write_bronze(settings: Settings, table: str, *rows: dict[str, Any]) -> None:
    """Write a bronze table of the columns of its contract."""
    [feed] = [feed for feed in read_feeds() if feed.table == table]
    types = {
        c.name: pa.struct([(part, pa.string()) for part in c.parts] or [("", pa.null())])
        if c.parts
        else TYPES[c.data_type]
        for c in feed.columns
    }
    found = pa.Table.from_pylist([*rows], pa.schema([*types.items()]))
    write_deltalake(settings.lakehouse / "bronze" / table, found, mode="overwrite")


def register(settings: Settings, *lines: tuple[int, int, str | None, float]) -> None:
    """Write the registrations (user, device, mac, time) of bronze."""
    names = ("user_id", "device_id", "mac_address", "registration_timestamp")
    write_bronze(settings, REGISTRATIONS, *(dict(zip(names, line, strict=True)) for line in lines))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FITNESS_SECRET", "a key of the tests")
    monkeypatch.setenv("FITNESS_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("FITNESS_LAKEHOUSE", str(tmp_path / "lakehouse"))
    monkeypatch.delenv("FITNESS_DEV", raising=False)
    found = Settings(tmp_path / "landing", tmp_path / "lakehouse")
    found.landing.mkdir()
    # User 7 passes device 70 on to 8 and gets it back; 8 keeps mac 7a.
    register(found, (7, 70, "7a", 100), (8, 70, "7a", 200), (7, 70, "7b", 300))
    return found


def entries(settings: Settings, user: int) -> set[tuple[str, object, Span]]:
    return {entry for person in find_people(settings, [user]) for entry in person.entries}


def test_a_person_has_devices_and_macs_for_the_time_that_they_owned_them(
    settings: Settings,
) -> None:
    assert entries(settings, 7) == {
        ("user", 7, ANYTIME),
        ("device", 70, Span(None, 100)),
        ("device", 70, Span(100, 200)),
        ("device", 70, Span(300, None)),
        ("mac", "7a", Span(None, 100)),
        ("mac", "7a", Span(100, 200)),
        ("mac", "7b", Span(None, 300)),
        ("mac", "7b", Span(300, None)),
    }
    assert ("device", 70, Span(200, 300)) in entries(settings, 8)


@pytest.mark.parametrize("mac, at, device", [(" ", 150, 70), (None, 150, 70), ("7a", -1, 70)])
def test_a_registration_that_silver_refuses_says_nothing(
    settings: Settings, mac: str | None, at: float, device: int
) -> None:
    expected = entries(settings, 7)
    register(
        settings, (7, 70, "7a", 100), (8, 70, "7a", 200), (7, 70, "7b", 300), (9, device, mac, at)
    )
    assert entries(settings, 7) == expected
    assert entries(settings, 9) == {("user", 9, ANYTIME)}


def test_a_registration_that_has_yet_to_land_ends_an_ownership(settings: Settings) -> None:
    (settings.landing / REGISTRATIONS).mkdir()
    (settings.landing / REGISTRATIONS / "a.csv").write_text(f"{HEADER}9,70,9a,400\n9,x\n")
    assert ("device", 70, Span(300, 400)) in entries(settings, 7)
    assert ("device", 70, Span(400, None)) in entries(settings, 9)


def test_a_person_has_the_names_and_streets_of_all_their_profiles(settings: Settings) -> None:
    street = {"street_address": "1 Main St", "city": "Oslo"}
    write_bronze(
        settings,
        PROFILES,
        {"user_id": 7, "first_name": "Åsa", "last_name": " ", "address": street},
        {"user_id": 7, "first_name": "Bo", "last_name": "Lee"},
        {"user_id": 8, "first_name": "Ida", "address": {"street_address": None}},
    )
    of_7 = {entry for entry in entries(settings, 7) if entry[0] in ("name", "address")}
    names = {("name", name, ANYTIME) for name in ("Åsa", "Bo", "Lee")}
    assert of_7 == names | {("address", "1 Main St", ANYTIME)}
    assert ("name", "Ida", ANYTIME) in entries(settings, 8)


def test_who_is_in_no_registration_but_in_another_table_is_known_too(settings: Settings) -> None:
    write_bronze(settings, WORKOUTS, {"user_id": 5})
    assert [person.user_id for person in find_people(settings, [9, 5, 7])] == [5, 7]


def test_the_record_has_no_id_and_knows_what_is_forgotten(settings: Settings) -> None:
    save_suppressions(settings, with_people(settings, [7]))
    record = read_suppressions(settings)
    assert record
    assert record.spans("user", 7) == (ANYTIME,)
    assert any(span.has(150) for span in record.spans("mac", "7a"))
    assert not any(span.has(250) for span in record.spans("device", 70))
    hashes = json.loads((settings.lakehouse / "suppressions.json").read_text())["hashes"]
    assert all(len(name) == 64 for name in hashes)


def test_who_is_not_known_is_refused_but_who_is_on_the_record_may_be_forgotten_again(
    settings: Settings,
) -> None:
    with pytest.raises(FitnessError, match=r"user 9, 10.*fitness ingest"):
        with_people(settings, [10, 7, 9])
    record = with_people(settings, [7])
    save_suppressions(settings, record)
    register(settings, (8, 70, "7a", 200))  # 7 is swept
    assert with_people(settings, [7]) == record


def test_without_a_key_the_message_has_the_command_that_makes_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FITNESS_SECRET")
    with pytest.raises(SettingError, match="token_hex"):
        with_people(settings, [7])


def test_who_returns_may_use_their_devices_from_then_on_and_nobody_elses(
    settings: Settings,
) -> None:
    register(settings, (7, 70, "7a", 100), (8, 80, "8a", 200))
    save_suppressions(settings, with_people(settings, [7, 8]))
    with only_one(settings.lakehouse, FORGET):  # No continuous run has to pause for it.
        allow_again(settings, [7], now=1000.0)
    record = read_suppressions(settings)
    assert record
    assert not record.spans("user", 7)
    assert record.spans("user", 8)

    def is_refused(kind: str, value: object, at: float) -> bool:
        return any(span.has(at) for span in record.spans(kind, value))

    for kind, own, other in (("device", 70, 80), ("mac", "7a", "8a")):
        assert is_refused(kind, own, 50)
        assert is_refused(kind, own, 999)
        assert not is_refused(kind, own, 1000)
        assert is_refused(kind, other, 1000)
    with pytest.raises(FitnessError, match="Not on the record of the forgotten: 7"):
        allow_again(settings, [7], now=2000.0)


class Steps:
    """Stands in for what needs Spark; fails at a step if told to."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.fails_at: str | None = None
        self.error: BaseException = KeyboardInterrupt()
        for name in ("sweep_bronze", "sweep_leftovers", "purge_tables"):
            patched.setattr(forgetting, name, lambda *_, name=name: self.do(name))

        def sweep(*arguments: Any) -> dict[Path, int]:
            self.do("sweep_files")
            return sweep_files(*arguments)

        patched.setattr(forgetting, "sweep_files", sweep)

    def do(self, name: str) -> dict[str, str]:
        """Do a step that removes nothing."""
        if name == self.fails_at:
            raise self.error
        self.done.append(name)
        return {}

    def build(self) -> str:
        """Build."""
        self.do("build")
        return "all well"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


ALL = ["sweep_files", "sweep_bronze", "build", "sweep_leftovers"]


@pytest.mark.parametrize("killed_at", ALL)
def test_a_run_that_was_killed_is_finished_by_the_next_one(
    settings: Settings, steps: Steps, killed_at: str
) -> None:
    steps.fails_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        forget(NO_SPARK, settings, [7], steps.build)
    assert steps.done == ALL[: ALL.index(killed_at)]
    register(settings, (8, 70, "7a", 200))
    steps.fails_at, steps.done = None, []
    assert forget(NO_SPARK, settings, [7], steps.build, purge=True).built == "all well"
    assert steps.done == [*ALL, "purge_tables"]


def test_after_a_build_that_failed_the_leftovers_are_swept_and_nothing_is_purged(
    settings: Settings, steps: Steps
) -> None:
    steps.fails_at, steps.error = "build", BuildError("The build failed in users.")
    with pytest.raises(BuildError, match="Silver and gold may still have rows"):
        forget(NO_SPARK, settings, [7], steps.build, purge=True)
    assert steps.done == [step for step in ALL if step != "build"]


@pytest.mark.parametrize("work", ["ingest", "build"])
def test_nothing_is_done_beside_an_ingest_or_a_build(
    settings: Settings, steps: Steps, work: str
) -> None:
    with only_one(settings.lakehouse, work), pytest.raises(BusyError, match=f"Another {work}"):
        forget(NO_SPARK, settings, [7], steps.build)
    assert not steps.done
    assert not read_suppressions(settings)


def test_a_build_may_take_its_lock_while_people_are_forgotten(
    settings: Settings, steps: Steps
) -> None:
    def build() -> str:
        with only_one(settings.lakehouse, "build"):
            return steps.build()

    assert forget(NO_SPARK, settings, [7], build, purge=True).built == "all well"


# --- The command line -------------------------------------------------------------------------


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["forget", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def test_ids_are_read_from_a_file_one_a_line_with_comments(tmp_path: Path) -> None:
    file = tmp_path / "ids"
    file.write_text("# left in May\n8\n\n 9 # by mail\n7\n")
    assert cli_privacy.user_ids([7], file) == [7, 8, 9]
    file.write_text("8\nAnna\n")
    with pytest.raises(SettingError, match="line 2: 'Anna'"):
        cli_privacy.user_ids([], file)
    with pytest.raises(SettingError, match="--from"):
        cli_privacy.user_ids([], None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name the users"),
        ([9], "No bronze table has user 9"),
        ([7, "--verify", "--purge"], "Give one of"),
        ([7, "--with-names"], "--with-names goes with --verify"),
        ([7, "--wait", "soon"], "'soon' is not a duration"),
        ([7, "--allow-again"], "Not on the record of the forgotten: 7"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_exit_code_1(
    settings: Settings, arguments: list[object], message: str
) -> None:
    code, output = run(*arguments)
    assert code == 1
    assert message in output


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("FITNESS_SECRET", "", "token_hex"),
        ("FITNESS_DEV", "anna", "unset FITNESS_DEV"),
        ("FITNESS_TARGET", "server", "FITNESS_TARGET=local"),
    ],
)
def test_without_the_settings_that_it_needs_nothing_is_started(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(variable, value)
    code, output = run(7)
    assert code == 1
    assert message in output


def test_spark_has_ended_before_a_continuous_run_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[set[str]] = []

    def note(*_: object) -> None:
        works = (FORGET, "ingest", "build")
        held.append({work for work in works if holder(settings.lakehouse, work)})

    monkeypatch.setattr("fitness.cold_start.load_dbt", lambda: None)
    monkeypatch.setattr("fitness.run.start", note)
    monkeypatch.setattr("fitness.spark.end_jvm", note)
    done = Forgotten({}, {}, {}, {}, "all well")
    monkeypatch.setattr(forgetting, "forget", lambda *_, **__: done)
    monkeypatch.setattr("fitness.privacy.leftovers.clear_logs", lambda: None)
    code, output = run(7)
    assert code == 0
    assert "Forgot user 7" in output
    assert held == [{FORGET, "ingest", "build"}, {FORGET}]


def test_on_databricks_the_sql_to_run_is_printed_and_nothing_is_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITNESS_TARGET", "databricks")
    code, output = run(7, 8)
    assert code == 1
    assert "from values (7), (8)" in output
    for feed in read_feeds():
        assert f"merge into fitness.bronze.{feed.table} as line" in output
    assert "apply (purge)" in output
    assert "Nobody was forgotten" in output
    assert not (settings.lakehouse / "suppressions.json").exists()


def test_who_returns_is_told_what_stays_forgotten(settings: Settings) -> None:
    save_suppressions(settings, with_people(settings, [7]))
    code, output = run(7, "--allow-again")
    assert code == 0
    assert "stay forgotten" in output
