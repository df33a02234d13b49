"""What keeps a stream fit for years: landed files cleaned away, and lists of them cut.

Spark's file stream keeps a list of all files that it has found, for ever. Auto Loader keeps a list
of its own, and cleans by itself.
"""

import logging
import shutil
import time
from pathlib import Path

from python_ingest.file_list import listed, path_of
from python_ingest.landed_files import CHANGED_SINCE
from python_ingest.positions import Position
from python_ingest.settings import Settings

log = logging.getLogger(__name__)

# Above this a list is begun anew once more than half of its files are gone.
LONG_LIST = 100_000


def keep_house(settings: Settings, checkpoint: Path, position: Position) -> bool:
    """Find files that changed after they had landed, and clean away those that landed long ago.

    Tells whether the stream's list has grown so long that it should be begun anew.
    """
    files = listed(checkpoint)
    gone = 0
    for source, file in files.items():
        path = path_of(source)
        try:
            now = path.stat()
        except OSError:
            gone += 1
            position.taken_later.pop(source, None)
            continue
        if not file.is_landed or source in position.left_out:
            continue
        modified = now.st_mtime_ns // 1_000_000
        if modified != position.taken_later.get(source, file.modified):
            log.warning("%s has %s.", path, CHANGED_SINCE)
            position.left_out[source] = {"path": str(path), "reason": CHANGED_SINCE}
            position.save()
        # A file that is renamed into the folder changes its ctime, not its mtime.
        elif time.time() - now.st_ctime > age(settings):
            try:
                clean(settings, path)
            except OSError as error:
                log.warning("%s cannot be cleaned away: %s.", path, error.strerror)
    return len(files) > LONG_LIST and gone > len(files) / 2


def age(settings: Settings) -> float:
    """Give the seconds after which landed files are cleaned away."""
    return float("inf") if settings.clean_after is None else settings.clean_after.total_seconds()


def clean(settings: Settings, path: Path) -> None:
    """Move a landed file to the archive, or remove it if there is none."""
    if settings.archive is None:
        path.unlink()
        return
    kept = settings.archive / path.relative_to(settings.landing)
    kept.parent.mkdir(parents=True, exist_ok=True)
    while kept.exists():
        kept = kept.with_name(f"{kept.name}.again")
    shutil.move(path, kept)
