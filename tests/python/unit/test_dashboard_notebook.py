"""The notebook runs on any lakehouse, without Spark, and is stored with its charts."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from fitness.settings import PROJECT
from tests.python.unit.small_lakehouse import SmallLakehouse

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def charts(notebook: nbformat.NotebookNode) -> int:
    """Return how many cells show a chart as a picture."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not any(output.output_type == "error" for output in outputs)
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.name))
def test_the_notebook_answers_its_questions_with_charts(small: SmallLakehouse, path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    assert charts(notebook) == 3
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert charts(notebook) == 3
    assert "pyspark" not in str(notebook)
    texts = [o.text for cell in notebook.cells for o in cell.get("outputs", []) if "text" in o]
    hardest = max(row["edwards_load"] or 0 for row in small.rows["gold.workout_zones"])
    assert texts[0].startswith("Build of 2026-01-05 00:00:00 UTC")
    assert texts[-1] == f"21 minutes, load {hardest:.0f}\n"


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS
