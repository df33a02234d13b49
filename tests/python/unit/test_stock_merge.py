"""The dbt project that benchmarks compare with: the same models, stand-ins for macros."""

import re
from pathlib import Path

from benchmarks.stock_build import STOCK_MERGE
from fitness.settings import PROJECT


def test_each_macro_that_the_models_call_is_defined(tmp_path: Path) -> None:
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", STOCK_MERGE, "--profiles-dir", PROJECT, "--target-path", tmp_path]
    arguments = ["--quiet", "parse", "--log-path", str(tmp_path), *map(str, folders)]
    result = dbtRunner().invoke(arguments)
    assert result.success, result.exception


def test_each_macro_that_the_seeds_call_is_defined() -> None:
    """They are called in a build only, so parsing does not find missing ones."""
    own = "\n".join(path.read_text() for path in (PROJECT / "macros").rglob("*.sql"))
    stock = "".join(path.read_text() for path in (STOCK_MERGE / "macros").rglob("*.sql"))
    adapters = "".join(path.read_text() for path in (PROJECT / "macros/adapters").glob("*.sql"))
    defined = re.compile(r"macro (\w+)\(")
    seeds = (PROJECT / "macros/adapters/seed.sql").read_text()
    asked = {name for name in defined.findall(own) if re.search(rf"\b{name}\(", seeds)}
    # These are for runs of the project's own.
    assert asked - {"evaluate_tests", "commits"} <= {*defined.findall(stock + adapters)}
    kept = re.search(r"'stock ' ~ invocation_id, \{(.*)\}", stock)
    assert kept and {*re.findall(r"state(?:\(\))?\.(seeds_\w+)", seeds)} <= {
        *re.findall(r"'(\w+)':", kept[1])
    }
