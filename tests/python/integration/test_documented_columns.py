"""dbt's docs describe the tables as they are."""

from pathlib import Path

from deltalake import DeltaTable

from fitness.delta_log import table_folders
from fitness.docs import described_manifest
from tests.python.lake import Lake


def test_every_table_has_the_columns_that_are_described_and_no_other(
    built: Lake, tmp_path: Path
) -> None:
    manifest = described_manifest(tmp_path)
    described = {
        f"{node.schema}.{node.name}": {*node.columns}
        for node in [*manifest.nodes.values(), *manifest.sources.values()]
        if node.resource_type in ("model", "seed", "snapshot", "source")
        and getattr(node.config, "materialized", None) != "ephemeral"
    }
    layers = ("bronze", "silver", "gold", "ops", "snapshots")
    folders = table_folders(built.settings.lakehouse, *layers)
    del folders["ops.watermarks"]  # It is the engine's.
    found = built.spark.sql("show views in gold_private").collect()
    views = [f"gold_private.{row.viewName}" for row in found if not row.isTemporary]
    assert described == {
        name: {field.name for field in DeltaTable(folder).schema().fields}
        for name, folder in folders.items()
    } | {view: {*built.spark.table(view).columns} for view in views}
