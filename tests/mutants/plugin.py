"""A pytest plugin that runs a test once for each mutant that it must find.

The tests share their process, with its Spark and the fixtures of the session. So it plants only
defects in models and macros, which dbt reads again in each run.
"""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.mutants import Mutant, read_mutants

OUTCOMES = "FITNESS_MUTANTS_OUTCOMES"  # names the file that outcomes are written to
CHOSEN = "FITNESS_MUTANTS"  # has the names of the mutants to plant
MODELS = "FITNESS_UNIT_TESTS"
PLANTED = "FITNESS_MUTANT"  # names the mutant that is planted
PROJECT = Path(__file__).resolve().parents[2]


def mutants_of(node: str) -> list[Mutant]:
    """Return the chosen mutants that a test must find."""
    chosen = set(json.loads(os.environ[CHOSEN]))
    by_test: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in read_mutants():
        if mutant.name in chosen:
            by_test[mutant.test].append(mutant)
    return by_test[node]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test with each of its mutants; write down which of them it finds."""
    mutants = mutants_of(item.nodeid)
    for number, mutant in enumerate(mutants, 1):
        os.environ |= {MODELS: mutant.models, PLANTED: mutant.name}
        with mutant.planted(PROJECT):
            # If the next test is the same, the fixtures of its module and session stay.
            following = nextitem if number == len(mutants) else item
            reports = runtestprotocol(item, nextitem=following, log=False)
        is_found = any(report.failed for report in reports)
        with Path(os.environ[OUTCOMES]).open("a") as file:
            file.write(json.dumps([mutant.name, is_found]) + "\n")
        print(f"{'found' if is_found else 'SURVIVED'}  {mutant.name}", flush=True)
    return True
