"""Where things are: flags first, then the environment, then the project's defaults."""

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from python_ingest.errors import SettingError

DATA = Path(__file__).resolve().parents[1] / "data"
PATTERN = set("{}[]*?\\")  # wildcards in a path of Hadoop


@dataclass(frozen=True)
class Settings:
    """Where things are, and what becomes of landed files; folders are absolute.

    `target` is that of profiles.yml, `catalog` is None except on Databricks. With
    `file_notifications` Auto Loader is notified of files. `kafka` are a broker's servers,
    `kafka_properties` a file of client settings. Files that landed longer than `clean_after` ago
    (None: they stay) are moved to `archive`, or deleted without one.
    """

    landing: Path
    lakehouse: Path
    target: str = "local"
    catalog: str | None = None
    file_notifications: bool = False
    kafka: str | None = None
    kafka_properties: Path | None = None
    clean_after: timedelta | None = None
    archive: Path | None = None

    def __post_init__(self) -> None:
        landing, lakehouse = self.landing, self.lakehouse
        for name, folder in (("FITNESS_LANDING", landing), ("FITNESS_LAKEHOUSE", lakehouse)):
            if folder.exists() and not folder.is_dir():
                raise SettingError(f"{name} is {folder}, which is not a folder: name a folder.")
        if lakehouse.is_relative_to(landing) or landing.is_relative_to(lakehouse):
            raise SettingError(
                f"The landing folder {landing} and the lakehouse folder {lakehouse} "
                "overlap: set FITNESS_LANDING and FITNESS_LAKEHOUSE to two separate folders."
            )
        if PATTERN & set(str(landing)):
            raise SettingError(
                f"FITNESS_LANDING is {landing}: Spark reads {{ }} [ ] * ? and \\ in it as a "
                "pattern. Choose a folder without them."
            )
        if self.archive is not None and self.archive.is_relative_to(landing):
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


def read_settings(
    landing: Path | None = None,
    lakehouse: Path | None = None,
    clean_after: str | None = None,
    archive: Path | None = None,
    target: str | None = None,
) -> Settings:
    """Return the settings in force; raises SettingError if they cannot work."""

    def path(flag: Path | None, variable: str) -> Path | None:
        found = flag or (Path(os.environ[variable]) if os.environ.get(variable) else None)
        # Without `..`, as Hadoop writes paths, but with links as they are.
        return found and Path(os.path.abspath(found.expanduser()))  # noqa: PTH100

    target = target or os.environ.get("FITNESS_TARGET") or "local"
    on_databricks = target == "databricks"
    age = clean_after or os.environ.get("FITNESS_CLEAN_AFTER")
    return Settings(
        landing=path(landing, "FITNESS_LANDING") or DATA / "landing",
        lakehouse=path(lakehouse, "FITNESS_LAKEHOUSE") or DATA / "lakehouse",
        target=target,
        catalog=(os.environ.get("DATABRICKS_CATALOG") or "fitness") if on_databricks else None,
        file_notifications=os.environ.get("FITNESS_FILE_NOTIFICATIONS") == "true",
        kafka=os.environ.get("FITNESS_KAFKA") or None,
        kafka_properties=path(None, "FITNESS_KAFKA_PROPERTIES"),
        clean_after=duration(age) if age else None,
        archive=path(archive, "FITNESS_ARCHIVE"),
    )


def duration(text: str) -> timedelta:
    """Return a duration such as 5s, 10m, 12h, 30d; raises SettingError for any other text."""
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*([smhd])\s*", text)
    if not found:
        raise SettingError(f"{text!r} is not a duration: give a number and s, m, h or d, as in 5s.")
    return timedelta(seconds=float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]])
