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
    return value_of(arguments, "--target", "-t")


def with_whole_tests(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with tests of whole tables asked for, other variables as they are."""
    return [*arguments, "--vars", json.dumps({**variables(arguments), "whole_tests": True})]


def asks_whole_tests(arguments: Sequence[str]) -> bool:
    """Return whether the arguments ask for tests of whole tables."""
    return bool(variables(arguments).get("whole_tests"))


def variables(arguments: Sequence[str]) -> Mapping[str, Any]:
    """Return the variables of `--vars`, which dbt reads as YAML; none where it cannot."""
    try:
        found = yaml.safe_load(value_of(arguments, "--vars") or "{}")
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def value_of(arguments: Sequence[str], option: str, short: str | None = None) -> str | None:
    """Return the last value that the arguments give to an option, as dbt does; None without one."""
    values = [
        following if each in (option, short) else each.removeprefix(f"{option}=")
        for each, following in pairwise([*arguments, ""])
        if each in (option, short) or each.startswith(f"{option}=")
    ]
    return values[-1] if values else None
