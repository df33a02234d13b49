"""A purge removes all that tables keep of deleted rows, and leaves builds no work."""

import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import MagicMock

import pyarrow.parquet as pq
import pytest
from pyspark.errors import PySparkException

from fitness.maintenance import write_checkpoint
from fitness.privacy.purge import cut_logs, purge, renew_logs
from python_ingest.errors import FitnessError
from python_ingest.settings import Settings
from tests.python.lake import Lake
from tests.python.small_project import SmallProject, restored_shops

SHOP = "Rosebud"
SUMS = "select shop, amount from silver.shops order by shop"


@pytest.fixture(scope="module")
def saved_closed(
    warm_lake: Lake,
    project_folder: Path,
    saved_shops: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return the folder with a copy of the lakehouse of closed()."""
    warm_lake.empty()
    shops = restored_shops(warm_lake, project_folder, saved_shops)
    shops.rows(f"insert into silver.sales values (9, '{SHOP}', 7)")
    shops.build()
    shops.rows(f"delete from silver.sales where shop = '{SHOP}'")
    shops.build()
    return warm_lake.save(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def closed(lake: Lake, project_folder: Path, saved_closed: Path) -> SmallProject:
    """Sales of which one, the only one of its shop, was built and deleted; nothing is unread."""
    return restored_shops(lake, project_folder, saved_closed)


def run_purge(shops: SmallProject, build: Callable[[], object] | None = None) -> list[str]:
    """Purge the lakehouse of a project; return the messages."""
    messages: list[str] = []
    purge(shops.lake.spark, shops.lake.settings, messages.append, build or shops.build)
    return messages


def files_with(folder: Path, text: str) -> list[Path]:
    """Return the files below a folder that hold a text, also in compressed columns."""
    return [file for file in folder.rglob("*") if file.is_file() and text in content(file)]


def content(file: Path) -> str:
    if file.suffix == ".parquet":
        return str(pq.ParquetFile(file).read().to_pylist())
    return file.read_bytes().decode(errors="replace")


def versions(log: Path) -> list[int]:
    """Return the versions of the files of a log, checksums included."""
    names = (file.name.lstrip(".")[:20] for file in log.iterdir())
    return sorted({int(name) for name in names if name.isdigit()})


def test_a_purge_leaves_no_deleted_row_in_any_file_and_models_follow_what_comes_next(
    closed: SmallProject,
) -> None:
    """Neither a data nor a change file has it, nor the statistics and conditions in a log."""
    lake = closed.lake
    lakehouse = lake.settings.lakehouse
    holding = {file.parent.name for file in files_with(lakehouse, SHOP)}
    assert holding == {"sales", "shops", "_change_data", "_delta_log"}
    before = sorted(map(str, lake.rows("silver.sales")))
    messages = run_purge(closed)
    tables = {"ops.watermarks", "silver.sales", "silver.shops"}
    assert {message.split(":")[0] for message in messages} == tables
    assert files_with(lakehouse, SHOP) == []

    # Each log begins with a checkpoint of a commit without files. So it has no statistics of
    # removed files, and any reader of Delta can read the table.
    for table in tables:
        log = lakehouse.joinpath(*table.split("."), "_delta_log")
        first = versions(log)[0]
        assert (log / f"{first:020}.checkpoint.parquet").exists()
        actions = (log / f"{first:020}.json").read_text().splitlines()
        assert [[*json.loads(action)] for action in actions] == [["commitInfo"]]
        assert json.loads((log / "_last_checkpoint").read_text())["version"] >= first
    assert sorted(map(str, lake.rows("silver.sales"))) == before
    lake.forget_logs()
    assert closed.rows(SUMS) == [("a", 31), ("b", 35)]

    # Models follow changes.
    assert closed.build()["shops"] == "success: nothing changed"
    assert closed.messages == []
    closed.rows("insert into silver.sales values (10, 'b', 1)")
    closed.build()
    assert closed.messages == []
    assert closed.rows(SUMS) == [("a", 31), ("b", 36)]

    # The check that protects the files of other readers is on again.
    with pytest.raises(PySparkException, match=r"(?i)retention"):
        closed.rows("vacuum silver.sales retain 0 hours")


@pytest.mark.slow
def test_a_purge_whose_build_fails_cuts_no_log_and_can_be_repeated(closed: SmallProject) -> None:
    def fail() -> None:
        raise FitnessError("The build failed.")

    log = closed.lake.settings.lakehouse / "silver" / "sales" / "_delta_log"
    oldest = versions(log)[0]
    with pytest.raises(FitnessError, match="The build failed"):
        run_purge(closed, fail)
    assert versions(log)[0] == oldest
    run_purge(closed)
    assert versions(log)[0] > oldest
    assert closed.build()["shops"] == "success: nothing changed"
    assert closed.messages == []


@pytest.mark.slow
def test_changes_that_were_not_read_before_a_purge_mean_comparing_whole(
    shops: SmallProject,
) -> None:
    run_purge(shops, lambda: shops.build("--select", "sales"))
    shops.build("--select", "shops")
    assert any("the log of silver.sales no longer has version" in line for line in shops.messages)
    assert shops.rows(SUMS) == [("a", 31), ("b", 35)]
    assert shops.build("--select", "shops")["shops"] == "success: nothing changed"
    assert shops.messages == []


def lakehouse_with(root: Path, folder: str, *names: str) -> Settings:
    """Return settings of a lakehouse with these files in a folder."""
    settings = Settings(root / "landing", root / "lakehouse")
    (settings.lakehouse / folder).mkdir(parents=True)
    for name in names:
        (settings.lakehouse / folder / name).touch()
    return settings


@pytest.mark.parametrize("table", ["gold/days", "dev_anna_silver/users", "failures/unique_users"])
def test_all_of_a_log_before_its_newest_checkpoint_is_cut(tmp_path: Path, table: str) -> None:
    five, seven, eight, nine = (f"{version:020}" for version in (5, 7, 8, 9))
    old = {
        f"{seven}.json",
        f".{seven}.json.crc",
        f"{seven}.crc",
        f"{seven}.checkpoint.parquet",
        f".{seven}.checkpoint.parquet.crc",
        f"{five}.{eight}.compacted.json",
        f".{seven}.json.0d4c3a5e.tmp",
    }
    kept = {f"{eight}.json", f"{eight}.checkpoint.parquet", f"{nine}.json", "_last_checkpoint"}
    settings = lakehouse_with(tmp_path, f"{table}/_delta_log", *old, *kept)
    messages: list[str] = []
    cut_logs(settings, messages.append)
    log = settings.lakehouse / table / "_delta_log"
    assert {file.name for file in log.iterdir()} == kept
    assert messages == [f"{table.replace('/', '.')}: its log is cut."]


def test_a_checkpoint_that_delta_did_not_write_is_noticed(tmp_path: Path) -> None:
    """Delta itself says nothing; without it the old log could not be removed."""
    settings = lakehouse_with(tmp_path, "gold/days/_delta_log", f"{3:020}.json")
    table = settings.lakehouse / "gold" / "days"
    with pytest.raises(FitnessError, match="could not write"):
        write_checkpoint(MagicMock(), table)
    (table / "_delta_log" / f"{3:020}.checkpoint.parquet").touch()
    write_checkpoint(MagicMock(), table)


def test_a_purge_on_databricks_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "landing", tmp_path / "lakehouse", "databricks", "fitness")
    spark = MagicMock()
    with pytest.raises(FitnessError, match="REORG and VACUUM"):
        renew_logs(spark, settings)
    assert not spark.mock_calls
