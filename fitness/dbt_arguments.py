"""Arguments that a build passes on to dbt."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import yaml

# Unit tests run the models' code on fixed rows: only a change of the code calls for them.
EVERYDAY = ("--exclude-resource-type", "unit_test")
UNTESTED = ("--exclude-resource-type", "unit_test", "test")
# Options of dbt that say where it builds, and from what.
PLACES = ("--target", "-t", "--vars", "--defer", "--state", "--defer-state", "--favor-state")


def where_it_builds(arguments: Sequence[str]) -> Iterator[str]:
    """Return those of dbt's arguments that say from what and into what it builds."""
    is_kept = False
    for argument in arguments:
        if argument.startswith("-"):
            is_kept = argument.split("=")[0] in PLACES
        if is_kept:
            yield argument


def target_of(arguments: Sequence[str]) -> str | None:
    """Return the target that the arguments name; None if they name none."""
    named = [
        following if each in ("--target", "-t") else each.removeprefix("--target=")
        for each, following in pairwise([*arguments, ""])
        if each in ("--target", "-t") or each.startswith("--target=")
    ]
    return named[-1] if named else None  # Of several, dbt takes the last.


def with_whole_tests(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with tests of whole tables asked for, other variables as they are."""
    return [*arguments, "--vars", json.dumps({**variables(arguments), "whole_tests": True})]


def asks_whole_tests(arguments: Sequence[str]) -> bool:
    """Return whether the arguments ask for tests of whole tables."""
    return bool(variables(arguments).get("whole_tests"))


def variables(arguments: Sequence[str]) -> Mapping[str, Any]:
    """Return the variables of `--vars`, which dbt reads as YAML; none where it cannot."""
    texts = [
        following if each == "--vars" else each.removeprefix("--vars=")
        for each, following in pairwise([*arguments, ""])
        if each == "--vars" or each.startswith("--vars=")
    ]
    try:
        found = yaml.safe_load(texts[-1]) if texts else {}  # Of several, dbt takes the last.
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}
