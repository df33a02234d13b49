"""The dbt project that benchmarks compare with: the same models, stand-ins for macros."""

import re
from pathlib import Path
from typing import Any

from benchmarks.stock_build import EXCLUDED, STOCK_MERGE
from fitness.settings import PROJECT


def test_each_macro_that_the_models_call_is_defined_and_views_are_not_tested(
    tmp_path: Path,
) -> None:
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", STOCK_MERGE, "--profiles-dir", PROJECT, "--target-path", tmp_path]
    arguments = ["--quiet", "ls", "--log-path", str(tmp_path), *map(str, folders), *EXCLUDED]
    result: Any = dbtRunner().invoke(arguments)
    assert result.success, result.exception
    of_views = {name.split(".")[-1] for name in result.result if "gold_private" in name}
    assert of_views == {view.stem for view in (PROJECT / "models/gold_private").glob("*.sql")}


def test_there_are_stand_ins_for_all_macros_that_models_may_call() -> None:
    """With the same arguments: some are called in a build only, so parsing does not find them."""
    signature = re.compile(r"{% macro (\w+\(.*?\))")
    api = (PROJECT / "incremental/macros/api.sql").read_text()
    stand_ins = (STOCK_MERGE / "macros/stand_ins.sql").read_text()
    assert sorted(signature.findall(stand_ins)) == sorted(signature.findall(api))
