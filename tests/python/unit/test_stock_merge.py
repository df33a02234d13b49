"""The project that the benchmarks hold beside ours: the same models, stand-ins for macros."""

from pathlib import Path

from benchmarks.stock_build import STOCK_MERGE
from python_ingest.settings import PROJECT


def test_all_that_the_models_ask_for_has_a_stand_in(tmp_path: Path) -> None:
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", STOCK_MERGE, "--profiles-dir", PROJECT, "--target-path", tmp_path]
    arguments = ["--quiet", "parse", "--log-path", str(tmp_path), *map(str, folders)]
    result = dbtRunner().invoke(arguments)
    assert result.success, result.exception
