"""The state that the nodes of a run share: dbt's threads read and add to it concurrently."""

import re

from fitness.settings import PROJECT

# Used at the end of a run only, when no other thread runs.
AT_THE_END = "kept"
ITERATION = re.compile(
    rf"run_state\(\)\.(?!{AT_THE_END}\b)\w+(\.(values|items|keys)\(|\s*\|)"
    rf"|\bfor .+ in run_state\(\)\.(?!{AT_THE_END}\b)"
)


def test_no_macro_iterates_over_state_that_another_thread_may_add_to() -> None:
    macros = {path: path.read_text() for path in (PROJECT / "macros").rglob("*.sql")}
    assert any("run_state()." in text for text in macros.values())
    assert [path.name for path, text in macros.items() if ITERATION.search(text)] == []
