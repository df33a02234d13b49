"""dbt's docs: everything in them is described."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from fitness.docs import described_manifest
from fitness.settings import PROJECT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

DOCUMENTED = ("model", "seed", "snapshot", "source", "exposure")
QUERIES = PROJECT / "dashboard" / "queries.py"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> "Manifest":
    return described_manifest(tmp_path_factory.mktemp("target"))


def documented(manifest: "Manifest") -> Iterator[Any]:
    """Return the models, seeds, snapshots, sources and exposures."""
    for nodes in (manifest.nodes, manifest.sources, manifest.exposures):
        yield from (node for node in nodes.values() if node.resource_type in DOCUMENTED)


def test_every_table_and_exposure_and_each_of_its_columns_is_described(
    manifest: "Manifest",
) -> None:
    nodes = list(documented(manifest))
    assert {node.resource_type for node in nodes} == {*DOCUMENTED}
    parts: dict[object, str] = {node.unique_id: node.description for node in nodes}
    for node in nodes:
        if node.resource_type != "exposure":
            assert node.columns, node.unique_id
            parts |= {f"{node.unique_id}.{c.name}": c.description for c in node.columns.values()}
        if node.resource_type == "source":
            parts[node.source_name, node.name] = node.source_description
    assert not [name for name, description in parts.items() if not description]


def test_every_macro_and_each_of_its_arguments_is_described(manifest: "Manifest") -> None:
    """But for internal macros, which are hidden."""
    own = [m for m in manifest.macros.values() if m.package_name == "fitness" and m.docs.show]
    assert {"arrivals", "changes", "test_primary_key"} <= {macro.name for macro in own}
    parts = {macro.name: macro.description for macro in own}
    for macro in own:
        parts |= {f"{macro.name}({a.name})": a.description for a in macro.arguments}
    assert not [name for name, description in parts.items() if not description]


def test_the_lineage_of_quarantine_and_of_the_pipeline_begins_at_every_feed(
    manifest: "Manifest",
) -> None:
    quarantine = manifest.nodes["model.fitness.quarantine"]
    page = manifest.exposures["exposure.fitness.pipeline_page"]
    assert {*manifest.sources} <= {*quarantine.depends_on_nodes}
    assert {*manifest.sources} <= {*page.depends_on_nodes}


def test_every_doc_block_is_used(manifest: "Manifest") -> None:
    columns = [c for node in documented(manifest) for c in getattr(node, "columns", {}).values()]
    used = {block for column in columns for block in column.doc_blocks}
    own = {name for name in manifest.docs if name.startswith("doc.fitness.")}
    assert own - used == {"doc.fitness.__overview__", "doc.fitness._fields"}


def test_the_exposures_read_the_tables_that_the_queries_of_the_pages_name(
    manifest: "Manifest",
) -> None:
    pages = [e for e in manifest.exposures.values() if e.type == "dashboard"]
    read = {name for page in pages for name in page.depends_on.nodes}
    tables = {name.split(".")[-1] for name in read if not name.startswith("source.")}
    assert tables == {*re.findall(r"(?:silver|gold|gold_private)\.(\w+)", QUERIES.read_text())}
