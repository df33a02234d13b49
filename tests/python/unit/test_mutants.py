"""The list of planted defects fits the code; `make mutants` plants them."""

from collections import Counter

from fitness.settings import PROJECT
from tests.mutants.mutants import read_mutants


def test_the_text_of_each_mutant_is_once_in_its_file() -> None:
    mutants = read_mutants()
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    found = {m.name: (PROJECT / m.file).read_text().count(m.search) for m in mutants}
    assert Counter(found.values()) == {1: len(mutants)}, {n: c for n, c in found.items() if c != 1}
    assert not [m.name for m in mutants if not (PROJECT / m.test.split("::")[0]).exists()]
    # Those that share a process are run by the name of their test.
    assert not [m.name for m in mutants if not (m.is_python or "::" in m.test)]
    assert f" {len(mutants)} defects" in (PROJECT / "CONTRIBUTING.md").read_text()
