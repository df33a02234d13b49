"""Where things are: flags first, then the environment, then the project's defaults."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import jinja2
import yaml

from python_ingest.errors import SettingError

PROJECT = Path(__file__).resolve().parents[1]
PROFILE = "fitness"


@dataclass(frozen=True)
class Settings:
    """Where things are, and what becomes of landed files; folders are absolute.

    `kafka` are the bootstrap servers of a broker and `kafka_properties` a file of its clients'
    settings. On Databricks `catalog` is that of Unity Catalog, else None, and `file_notifications`
    tells whether Auto Loader is notified of files. Files that landed longer than `clean_after` ago
    are moved to `archive`, or removed without one; None keeps them.
    """

    landing: Path
    lakehouse: Path
    target: str
    catalog: str | None = None
    file_notifications: bool = False
    kafka: str | None = None
    kafka_properties: Path | None = None
    clean_after: timedelta | None = None
    archive: Path | None = None

    def __post_init__(self) -> None:
        for name, folder in (
            ("FITNESS_LANDING", self.landing),
            ("FITNESS_LAKEHOUSE", self.lakehouse),
        ):
            if folder.exists() and not folder.is_dir():
                raise SettingError(f"{name} is {folder}, which is not a folder: name a folder.")
        if self.lakehouse.is_relative_to(self.landing) or self.landing.is_relative_to(
            self.lakehouse
        ):
            raise SettingError(
                f"The landing folder {self.landing} and the lakehouse folder {self.lakehouse} "
                "lie in one another: set FITNESS_LANDING and FITNESS_LAKEHOUSE to folders apart."
            )

        if set("{}[]*?\\") & set(str(self.landing)):
            raise SettingError(
                f"FITNESS_LANDING is {self.landing}: Spark takes {{ }} [ ] * ? and \\ in it for a "
                "pattern. Choose a folder without them."
            )
        if self.archive is not None and self.archive.is_relative_to(self.landing):
            raise SettingError(
                f"The archive {self.archive} lies in the landing folder, so that its files would "
                "land again: set FITNESS_ARCHIVE to a folder outside."
            )

    @property
    def checkpoints(self) -> Path:
        """Where the streams keep what they have read."""
        return self.lakehouse / "checkpoints"

    @property
    def positions(self) -> Path:
        """Where the streams keep how far they have come, apart from the checkpoints."""
        return self.lakehouse / "positions"

    def export(self) -> None:
        """Put the settings in the environment, where dbt and its profile read them."""
        os.environ["FITNESS_LANDING"] = str(self.landing)
        os.environ["FITNESS_LAKEHOUSE"] = str(self.lakehouse)
        os.environ["FITNESS_TARGET"] = self.target


@dataclass(frozen=True)
class Rhythm:
    """How often to look for files, and how often to build, in continuous operation.

    A build begins once something has landed, `shortest` after the last one began, and without
    anything landing (a model or a seed may have changed) `longest` after. It tests too if none has
    for `tests`, and its tests look at whole tables `whole` after they last did.
    """

    ingest: timedelta
    shortest: timedelta
    longest: timedelta
    whole: timedelta = timedelta(days=1)
    tests: timedelta = timedelta(minutes=5)


def read_settings(
    landing: Path | None = None,
    lakehouse: Path | None = None,
    clean_after: str | None = None,
    archive: Path | None = None,
) -> Settings:
    """Give the settings in force; raises SettingError when they cannot work."""

    def path(flag: Path | None, variable: str) -> Path | None:
        found = flag or (Path(os.environ[variable]) if os.environ.get(variable) else None)
        # Without `..`, as Hadoop writes paths, but with links as they are.
        return found and Path(os.path.abspath(found.expanduser()))  # noqa: PTH100

    developer_prefix()
    data = PROJECT / "data"
    target = os.environ.get("FITNESS_TARGET") or "local"
    on_databricks = target == "databricks"
    age = clean_after or os.environ.get("FITNESS_CLEAN_AFTER")
    return Settings(
        landing=path(landing, "FITNESS_LANDING") or data / "landing",
        lakehouse=path(lakehouse, "FITNESS_LAKEHOUSE") or data / "lakehouse",
        target=target,
        catalog=(os.environ.get("DATABRICKS_CATALOG") or "fitness") if on_databricks else None,
        file_notifications=os.environ.get("FITNESS_FILE_NOTIFICATIONS") == "true",
        kafka=os.environ.get("FITNESS_KAFKA") or None,
        kafka_properties=path(None, "FITNESS_KAFKA_PROPERTIES"),
        clean_after=duration(age) if age else None,
        archive=path(archive, "FITNESS_ARCHIVE"),
    )


def developer_prefix() -> str:
    """Give what the schemas of a developer, FITNESS_DEV, begin with; raises SettingError."""
    name = os.environ.get("FITNESS_DEV", "")
    if not re.fullmatch("[a-z0-9_]*", name):
        raise SettingError(
            f"FITNESS_DEV is {name}, which cannot be part of a schema: take a-z, 0-9 and _."
        )
    return f"dev_{name}_" if name else ""


def duration(text: str) -> timedelta:
    """Read a duration such as 5s, 10m, 12h, 30d; raises SettingError if it is none."""
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*([smhd])\s*", text)
    if not found:
        raise SettingError(f"{text!r} is no duration: give a number and s, m, h or d, as in 5s.")
    return timedelta(seconds=float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]])


def spark_conf(target: str) -> Mapping[str, str]:
    """Give the settings of the Spark that this process starts for a target of profiles.yml.

    Beside a server it is that of `local`. Raises SettingError if there is no such target, or it has
    no Spark to start.
    """
    output = output_of("local" if is_served(target) else target)
    conf = output.get("server_side_parameters")
    if conf is None:
        raise SettingError(f"The target {target} of profiles.yml has no Spark of its own to start.")
    return {key: str(value) for key, value in conf.items()}


def is_served(target: str) -> bool:
    """Tell whether a target's statements go to a server, so that a build starts no Spark."""
    return bool(output_of(target).get("method") == "thrift")


def output_of(target: str) -> Mapping[str, Any]:
    """Give a target of profiles.yml; raises SettingError if it is not there."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - not HTML
    environment.filters["as_number"] = int
    environment.globals["env_var"] = lambda name, default="": os.environ.get(name, default)
    text = environment.from_string((PROJECT / "profiles.yml").read_text()).render()
    outputs: dict[str, dict[str, Any]] = yaml.safe_load(text)[PROFILE]["outputs"]
    if target not in outputs:
        raise SettingError(
            f"FITNESS_TARGET is {target!r}; profiles.yml has {', '.join(sorted(outputs))}."
        )
    return outputs[target]
