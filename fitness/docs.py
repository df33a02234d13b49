"""Write dbt's docs as one page: `make docs`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fitness.delta_log import table_folders
from fitness.errors import BuildError
from fitness.settings import PROJECT, export
from python_ingest.errors import FitnessError
from python_ingest.feeds import UNROUTED, read_feeds
from python_ingest.settings import Settings, read_settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# Not the target folder of builds: `dbt retry` continues from the results there.
FOLDER = PROJECT / "target" / "docs"
INTERNAL = ("incremental/macros/engine/", "incremental/macros/write.sql")


def main() -> None:
    """Write the page, and print where it is."""
    settings = read_settings()
    has_tables = bool(settings.catalog or table_folders(settings.lakehouse, "gold"))
    page = write_page(settings, has_tables)
    sys.stdout.write(f"Wrote dbt's docs: open {page.as_uri()} in a browser.\n")
    if not has_tables:
        sys.stdout.write(
            f"They have no data types, since {settings.lakehouse} has no gold tables: "
            "run `uv run fitness run`, then `make docs` again.\n"
        )


def write_page(settings: Settings, has_tables: bool) -> Path:
    """Write the page and return it. Spark is needed only for the data types of tables.

    Raises BuildError if dbt fails.
    """
    from dbt.cli.main import dbtRunner

    export(settings)
    os.chdir(PROJECT)
    options = ["--static", "--target-path", str(FOLDER)]
    if not has_tables:
        options += ["--empty-catalog", "--no-populate-cache"]
    runner = dbtRunner(manifest=described_manifest(FOLDER))
    result = runner.invoke(["--quiet", "docs", "generate", *options])
    if not result.success:
        reason = result.exception or "its messages say why"
        raise BuildError(
            f"dbt could not write the docs: {reason}. If another process has the tables open, "
            "`uv run fitness doctor` names it."
        )
    return FOLDER / "static_index.html"


def described_manifest(target: Path) -> "Manifest":
    """Parse the project and return its manifest, completed for the docs.

    Raises BuildError if dbt cannot parse the project.
    """
    from dbt.cli.main import dbtRunner

    folders = {"--project-dir": PROJECT, "--profiles-dir": PROJECT, "--target-path": target}
    options = [text for flag, folder in folders.items() for text in (flag, str(folder))]
    parsed = dbtRunner().invoke(["--quiet", "parse", *options])
    if not parsed.success:
        raise BuildError(f"dbt could not parse the project: {parsed.exception}")
    manifest = cast("Manifest", parsed.result)
    describe_feeds(manifest)
    for macro in manifest.macros.values():
        macro.docs.show = not macro.original_file_path.startswith(INTERNAL)
    return manifest


def describe_feeds(manifest: "Manifest") -> None:
    """Add what no contract says, since it is the same for all feeds.

    That is the description of the source, the columns that the ingest adds, as described in
    unrouted_bz, and what reads every feed, which dbt does not know while it parses.
    """
    from dbt.artifacts.resources.v1.components import ColumnInfo

    tables = {source.name: source for source in manifest.sources.values()}
    readers = (
        manifest.nodes["model.fitness.quarantine"],
        manifest.exposures["exposure.fitness.pipeline_page"],
    )
    fields = ColumnInfo("_fields", manifest.docs["doc.fitness._fields"].block_contents)
    for feed in read_feeds():
        table, added = tables[feed.table], tables[UNROUTED].columns
        if feed.is_csv:
            own = {name: column for name, column in added.items() if name.startswith("_")}
            added = {"_fields": fields, **own}
        table.columns |= added
        table.source_description = tables[UNROUTED].source_description
        for reader in readers:
            reader.depends_on_nodes.append(table.unique_id)


if __name__ == "__main__":
    try:
        main()
    except FitnessError as error:
        sys.exit(f"fitness: {error}")
