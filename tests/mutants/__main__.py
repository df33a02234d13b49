"""Plant each mutant in a copy of the project, run its test there, and name those that survive.

Usage: python -m tests.mutants [NAME ...]. Exits with 1 if a mutant survives.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.mutants import Mutant, MutantError, read_mutants
from tests.mutants.plugin import CHOSEN, OUTCOMES

PROJECT = Path(__file__).resolve().parents[2]


def main(names: Sequence[str]) -> int:
    """Try the mutants of these names, or all; return the exit code."""
    mutants = [mutant for mutant in read_mutants() if not names or mutant.name in names]
    if unknown := {*names} - {mutant.name for mutant in mutants}:
        raise MutantError(f"There is no mutant {', '.join(sorted(unknown))}.")
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        copy_project(copy)
        check_sound(mutants, copy)
        found = {mutant.name: is_found(mutant, copy) for mutant in mutants if mutant.is_python}
        found |= found_in_sql([m for m in mutants if not m.is_python], copy, Path(folder))
    report(mutants, found, time.monotonic() - began)
    return 0 if all(found.values()) else 1


def copy_project(copy: Path) -> None:
    """Copy the files that git tracks or would add, and link the installed packages."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (source := PROJECT / name).exists():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (copy / ".venv").symlink_to(PROJECT / ".venv")


def run_pytest(arguments: Sequence[str], copy: Path, **variables: str) -> "subprocess.Popen[bytes]":
    """Start pytest in the copy, with the copy's own code."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)} | variables,
    )


def check_sound(mutants: Sequence[Mutant], copy: Path) -> None:
    """Raise MutantError if a test fails without a defect: it would fail with any."""
    tests = dict.fromkeys(mutant.test for mutant in mutants)
    if code := run_pytest(["-x", *tests], copy).wait():
        raise MutantError(f"pytest ended with {code} though no defect was planted.")


def is_found(mutant: Mutant, copy: Path) -> bool:
    """Run the test of a mutant in Python code, in a process of its own."""
    with mutant.planted(copy):
        process = run_pytest(["-x", "--no-header", mutant.test], copy)
        code = process.wait()
    if code not in (0, 1):
        raise MutantError(f"{mutant.name}: pytest ended with {code} on {mutant.test}.")
    print(f"{'found' if code else 'SURVIVED'}  {mutant.name}", flush=True)
    return code == 1


def found_in_sql(mutants: Sequence[Mutant], copy: Path, folder: Path) -> dict[str, bool]:
    """Run the tests of mutants in models and macros, all in one process."""
    if not mutants:
        return {}
    outcomes = folder / "outcomes.jsonl"
    outcomes.touch()
    chosen = {CHOSEN: json.dumps([m.name for m in mutants]), OUTCOMES: str(outcomes)}
    tests = dict.fromkeys(mutant.test for mutant in mutants)
    run_pytest(["-s", "-p", "tests.mutants.plugin", *tests], copy, **chosen).wait()
    found = dict(json.loads(line) for line in outcomes.read_text().splitlines())
    if missing := {mutant.name for mutant in mutants} - found.keys():
        raise MutantError(f"No test was run for {', '.join(sorted(missing))}.")
    return found


def report(mutants: Sequence[Mutant], found: dict[str, bool], seconds: float) -> None:
    """Print how many mutants were found, by `proves`, and those that survived."""
    total = Counter(mutant.proves for mutant in mutants)
    killed = Counter(mutant.proves for mutant in mutants if found[mutant.name])
    print(f"\n{sum(found.values())} of {len(found)} mutants found in {seconds / 60:.1f} minutes")
    for proves, count in sorted(total.items()):
        print(f"  {proves:<32} {killed[proves]} of {count}")
    for mutant in mutants:
        if not found[mutant.name]:
            print(f"SURVIVED  {mutant.name}: {mutant.file}, by {mutant.test}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MutantError as error:
        sys.exit(f"mutants: {error}")
