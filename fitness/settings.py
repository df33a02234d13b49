"""Settings in addition to those of the ingest: the environment and profiles.yml."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import jinja2
import yaml

from python_ingest.errors import SettingError
from python_ingest.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
PROFILE = "fitness"


@dataclass(frozen=True)
class Rhythm:
    """How often to look for files, and how often to build, in continuous operation.

    A build begins when something has landed, but not before `shortest` after the last build began;
    if nothing lands (a model or a seed may have changed), `longest` after. It runs tests if no
    build has for `tests`, on whole tables if no build has tested those for `whole`.
    """

    ingest: timedelta
    shortest: timedelta
    longest: timedelta
    whole: timedelta = timedelta(days=1)
    tests: timedelta = timedelta(minutes=10)


def export(settings: Settings) -> None:
    """Put settings in the environment, where profiles.yml and other processes find them."""
    os.environ["FITNESS_LANDING"] = str(settings.landing)
    os.environ["FITNESS_LAKEHOUSE"] = str(settings.lakehouse)
    os.environ["FITNESS_TARGET"] = settings.target


def project_vars() -> Mapping[str, Any]:
    """Return the vars of dbt_project.yml."""
    found: dict[str, Any] = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    return found


def developer_prefix() -> str:
    """Return what the schemas of a developer, FITNESS_DEV, begin with; raises SettingError."""
    name = os.environ.get("FITNESS_DEV", "")
    if not re.fullmatch("[a-z0-9_]*", name):
        raise SettingError(
            f"FITNESS_DEV is {name}, which cannot be part of a schema: use a-z, 0-9, _."
        )
    return f"dev_{name}_" if name else ""


def spark_conf(target: str) -> Mapping[str, str]:
    """Return the settings of the Spark that this process starts for a target of profiles.yml.

    For a target that a server serves these are the settings of `local`. Raises SettingError if
    there is no such target, or it has no Spark to start.
    """
    output = output_of("local" if is_served(target) else target)
    conf = output.get("server_side_parameters")
    if conf is None:
        raise SettingError(f"The target {target} of profiles.yml has no Spark of its own to start.")
    return {key: str(value) for key, value in conf.items()}


def is_served(target: str) -> bool:
    """Return whether a target's statements go to a server, so that a build starts no Spark."""
    return bool(output_of(target).get("method") == "thrift")


def output_of(target: str) -> Mapping[str, Any]:
    """Return a target of profiles.yml; raises SettingError if it is not there."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - not HTML
    environment.filters["as_number"] = int
    environment.globals["env_var"] = lambda name, default="": os.environ.get(name, default)
    outputs = yaml.safe_load((PROJECT / "profiles.yml").read_text())[PROFILE]["outputs"]
    if target not in outputs:
        raise SettingError(
            f"FITNESS_TARGET is {target!r}; profiles.yml has {', '.join(sorted(outputs))}."
        )
    return cast(dict[str, Any], rendered(outputs[target], environment))


def rendered(value: object, environment: jinja2.Environment) -> object:
    """Render all texts in a value of YAML."""
    if isinstance(value, dict):
        return {key: rendered(each, environment) for key, each in value.items()}
    return environment.from_string(value).render() if isinstance(value, str) else value
