"""The log of a Delta table as files: commits `<version>.json`, checkpoints and their checksums.

The names are those of Delta's protocol. tests/python/integration/test_maintenance.py fails if a new
version of Delta changes them.
"""

import time
from datetime import timedelta
from pathlib import Path

from fitness.settings import developer_prefix


def table_folders(lakehouse: Path, *layers: str) -> dict[str, Path]:
    """Return the folders of the tables of layers, by `layer.name`.

    A developer (FITNESS_DEV) gets their own tables, and production's where they have none.
    """
    return {
        f"{layer}.{log.parent.name}": log.parent
        for layer in layers
        for schema in (layer, f"{developer_prefix()}{layer}")
        for log in sorted((lakehouse / schema).glob("*/_delta_log"))
    }


def newest_versions(lakehouse: Path) -> dict[str, int]:
    """Return the version of the newest commit of each silver and gold table, by `layer.name`."""
    folders = table_folders(lakehouse, "silver", "gold")
    return {name: newest_version(folder) for name, folder in folders.items()}


def newest_version(table: Path) -> int:
    """Return the version of a table's newest commit, -1 if it has none."""
    names = (file.stem for file in (table / "_delta_log").glob("*.json"))
    return max((int(name) for name in names if name.isdigit()), default=-1)


def last_commit_time(table: Path) -> float:
    """Return when a table's log last got a file, in seconds since 1970."""
    return (table / "_delta_log").stat().st_mtime


def cut_log(path: Path, kept: timedelta) -> None:
    """Remove the part of a table's log before its newest checkpoint that is older than `kept`.

    Delta does the same by itself, after 30 days (its protocol calls it metadata cleanup). The
    caller holds the table's lock.
    """
    log_folder, until = path / "_delta_log", time.time() - kept.total_seconds()
    checkpoints = log_folder.glob("*.checkpoint.parquet")
    first = max((f.name for f in checkpoints if f.stat().st_mtime < until), default="")
    for file in log_folder.iterdir():
        # The checksum of a file is `.<file>.crc`.
        version = file.name.lstrip(".")[:20]
        if version.isdigit() and version < first[:20]:
            file.unlink()
