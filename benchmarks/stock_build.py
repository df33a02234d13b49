"""A usual alternative: the project's models, built by dbt-spark's stock incremental merge.

The dbt project in stock_merge/ has the same models, seeds and generic tests. Its macros say what
that merge gets wrong: late rows are lost, and nothing is ever deleted.
"""

from fitness.build import build
from fitness.dbt_arguments import EVERYDAY
from fitness.settings import PROJECT
from python_ingest.settings import Settings

STOCK_MERGE = PROJECT / "benchmarks" / "stock_merge"
# The test that no line is lost would fail, since late readings are. The project's everyday builds
# do not test views either.
EXCLUDED = (
    "--exclude",
    "test_name:every_line_is_accounted_for",
    "resource_type:test,path:../../models/gold_private",
)


def stock_build(settings: Settings) -> None:
    """Build and test what the ingest has landed, in schemas that no other build has written to.

    Raises BuildError if a model or a test fails.
    """
    folders = {
        "--project-dir": STOCK_MERGE,
        "--profiles-dir": PROJECT,
        "--target-path": PROJECT / "target" / "stock_merge",
        "--log-path": PROJECT / "logs",
    }
    places = [text for flag, folder in folders.items() for text in (flag, str(folder))]
    build(settings, [*EVERYDAY, *EXCLUDED, *places])
