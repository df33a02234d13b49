"""The state that the nodes of a run share: dbt's threads read and add to it concurrently."""

import re

from fitness.settings import PROJECT

ITERATION = re.compile(
    r"engine_state\(\)\.\w+(\.(values|items|keys)\(|\s*\|)|\bfor [\w, ]+ in engine_state\(\)"
)


def test_no_macro_iterates_over_state_that_another_thread_may_add_to() -> None:
    macros = {path: path.read_text() for path in (PROJECT / "incremental").rglob("*.sql")}
    assert any("engine_state()." in text for text in macros.values())
    assert [path.name for path, text in macros.items() if ITERATION.search(text)] == []
