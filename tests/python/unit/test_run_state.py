"""What the nodes of an invocation share, which dbt's threads read and fill at once."""

import re

from fitness.settings import PROJECT

# At the end of a run no thread is left.
AT_THE_END = "kept"
GOES_THROUGH = re.compile(
    rf"run_state\(\)\.(?!{AT_THE_END}\b)\w+(\.(values|items|keys)\(|\s*\|)"
    rf"|\bfor .+ in run_state\(\)\.(?!{AT_THE_END}\b)"
)


def test_no_macro_goes_through_what_another_thread_may_add_to() -> None:
    macros = {path: path.read_text() for path in (PROJECT / "macros").rglob("*.sql")}
    assert any("run_state()." in text for text in macros.values())
    assert [path.name for path, text in macros.items() if GOES_THROUGH.search(text)] == []
