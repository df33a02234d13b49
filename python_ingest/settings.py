"""Where things are: flags first, then the environment, then the project's defaults."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml

from python_ingest.errors import SettingError

PROJECT = Path(__file__).resolve().parents[1]
PROFILE = "fitness"


@dataclass(frozen=True)
class Settings:
    """The landing folder, the lakehouse folder and the dbt target; folders are absolute."""

    landing: Path
    lakehouse: Path
    target: str

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

    @property
    def checkpoints(self) -> Path:
        """Where the streams keep what they have read."""
        return self.lakehouse / "checkpoints"

    def export(self) -> None:
        """Put the settings in the environment, where dbt and its profile read them."""
        os.environ["FITNESS_LANDING"] = str(self.landing)
        os.environ["FITNESS_LAKEHOUSE"] = str(self.lakehouse)
        os.environ["FITNESS_TARGET"] = self.target


def read_settings(landing: Path | None = None, lakehouse: Path | None = None) -> Settings:
    """Give the settings in force; raises SettingError when they cannot work."""

    def folder(flag: Path | None, variable: str, default: str) -> Path:
        path = flag or Path(os.environ.get(variable) or PROJECT / "data" / default)
        return path.expanduser().absolute()

    return Settings(
        landing=folder(landing, "FITNESS_LANDING", "landing"),
        lakehouse=folder(lakehouse, "FITNESS_LAKEHOUSE", "lakehouse"),
        target=os.environ.get("FITNESS_TARGET") or "local",
    )


def spark_conf(target: str) -> Mapping[str, str]:
    """Give the Spark settings of a target of profiles.yml; raises SettingError if it has none."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - not HTML
    environment.globals["env_var"] = lambda name, default="": os.environ.get(name, default)
    text = environment.from_string((PROJECT / "profiles.yml").read_text()).render()
    outputs: dict[str, dict[str, Any]] = yaml.safe_load(text)[PROFILE]["outputs"]
    if target not in outputs:
        raise SettingError(
            f"FITNESS_TARGET is {target!r}; profiles.yml has {', '.join(sorted(outputs))}."
        )
    conf = outputs[target].get("server_side_parameters")
    if conf is None:
        raise SettingError(f"The target {target} of profiles.yml has no Spark of its own to start.")
    return {key: str(value) for key, value in conf.items()}
