"""Periodic check of the landed files: report those that changed since, remove old ones.

For open-source Spark's file stream, whose list of files grows without limit. Auto Loader keeps its
own list, and removes files by itself.
"""

import logging
import shutil
import time
from pathlib import Path

from python_ingest.file_source_log import listed_files, path_of
from python_ingest.file_stream import FileStream
from python_ingest.landed_files import CHANGED_SINCE
from python_ingest.settings import Settings

log = logging.getLogger(__name__)

EVERY = 3600.0  # seconds
# Above this a stream is reset once more than half of the files in its list are gone.
LONG_LIST = 100_000


def clean_folder(stream: FileStream) -> None:
    """Report files that changed after they had landed, and remove those that landed long ago.

    It looks at every landed file, so it runs once an hour at most.
    """
    settings, position = stream.run.settings, stream.position
    if settings.catalog or 0 <= time.time() - position.cleaned_at < EVERY:
        return
    files = listed_files(stream.checkpoint)
    gone = 0
    for source, file in files.items():
        path = path_of(source)
        if not path.is_relative_to(stream.folder):  # The lakehouse or the landing folder has moved.
            continue
        try:
            now = path.stat()
        except OSError:
            gone += 1
            position.retried_files.pop(source, None)
            continue
        if not file.is_landed or source in position.skipped_files:
            continue
        modified = now.st_mtime_ns // 1_000_000
        if modified != position.retried_files.get(source, file.modified):
            log.warning("%s has %s.", path, CHANGED_SINCE)
            position.skipped_files[source] = {"path": str(path), "reason": CHANGED_SINCE}
        # A file that is renamed into the folder changes its ctime, not its mtime.
        elif is_old(now.st_ctime, settings):
            try:
                remove(settings, path)
            except OSError as error:
                log.warning("%s cannot be removed: %s.", path, error.strerror)
    position.cleaned_at = time.time()
    position.save()
    if len(files) > LONG_LIST and gone > len(files) / 2:
        stream.reset("its list of landed files has grown long")


def is_old(landed: float, settings: Settings) -> bool:
    """Return whether a file landed so long ago (epoch seconds) that it is to be removed."""
    age = settings.clean_after
    return age is not None and time.time() - landed > age.total_seconds()


def remove(settings: Settings, path: Path) -> None:
    """Move a landed file to the archive, or delete it if there is none."""
    if settings.archive is None:
        path.unlink()
        return
    archived = settings.archive / path.relative_to(settings.landing)
    archived.parent.mkdir(parents=True, exist_ok=True)
    while archived.exists():
        archived = archived.with_name(f"{archived.name}.again")
    shutil.move(path, archived)
