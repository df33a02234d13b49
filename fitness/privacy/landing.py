"""Remove the lines of forgotten people from landed files and from the archive.

The other lines keep their bytes, and a file its time of modification, by which the ingest tells
whether it has changed. A file is replaced whole, so a killed sweep can be repeated.
"""

import bz2
import gzip
import io
import logging
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from python_ingest.feeds import MULTIPLEX, Feed, feeds_by_folder
from python_ingest.file_source_log import is_hidden
from python_ingest.landed_files import CHANGED
from python_ingest.parse.csv_files import READERS, csv_records, split_records
from python_ingest.parse.frames import BYTE_ORDER_MARK
from python_ingest.parse.json_lines import JsonReader
from python_ingest.settings import Settings
from python_ingest.suppression import Suppressions, judged_by

log = logging.getLogger(__name__)

CHUNK = 2**20  # bytes
# A hidden file that changed less long ago may still be being written.
SECONDS_TO_WRITE = 3600.0
PARTIAL = ".forget"  # how the name of a file ends that is to replace another
# How files that are compressed are read and written, by how they begin.
OPENERS: Mapping[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}


def report(path: Path, problem: str) -> None:
    """Log that a file could not be swept."""
    log.warning("%s %s. It may have lines of people who are forgotten.", path, problem)


def sweep_files(
    settings: Settings,
    suppressions: Suppressions,
    on_file: Callable[[str], None] = lambda _: None,
    on_problem: Callable[[Path, str], None] = report,
) -> dict[Path, int]:
    """Remove the refused lines from all files; return how many, by file, of those that had some.

    `on_file` is called with a message on each file, `on_problem` with a file that cannot be read or
    replaced, and why. No ingest may be at work on the lakehouse.
    """
    folders, removed = feeds_by_folder(), {}
    archive = settings.archive
    for root in (settings.landing, *([archive] if archive and archive.exists() else [])):
        for path in files_of(root, on_problem):
            # What is in no feed's folder is taken to be lines of JSON.
            feeds = folders.get(path.relative_to(root).parts[0], folders.get(MULTIPLEX, ()))
            try:
                lines = refused_lines(path, feeds, suppressions)
                if lines:
                    remove_lines(path, lines)
                    removed[path] = len(lines)
                on_file(f"{path.name}: {len(lines):,} lines removed")
            except FileNotFoundError:
                continue  # Its writer has renamed it: the ingest will refuse what is in it.
            except (OSError, EOFError, zlib.error) as error:
                on_problem(path, f"cannot be read or replaced ({error})")
    return removed


def files_of(root: Path, on_problem: Callable[[Path, str], None]) -> Iterator[Path]:
    """Return the regular files below a folder, except hidden ones that may be being written."""

    def refuse(error: OSError) -> None:
        on_problem(Path(error.filename), f"cannot be listed ({error.strerror})")

    for here, folders, names in os.walk(root, onerror=refuse):
        for path in sorted(Path(here) / name for name in (*folders, *names)):
            if path.name.startswith(".") and path.name.endswith(PARTIAL):
                path.unlink()  # A sweep was killed that has not replaced the file.
            elif path.is_symlink():
                # What it leads to is swept by itself, if it is in the folder.
                if not path.resolve().is_relative_to(root.resolve()):
                    on_problem(path, f"leads outside, to {path.resolve()}")
            elif path.is_file() and not (is_private(path, root) and is_young(path)):
                yield path


def is_private(path: Path, root: Path) -> bool:
    """Return whether the ingest ignores a file because of a name."""
    return any(map(is_hidden, path.relative_to(root).parts))


def is_young(path: Path) -> bool:
    """Return whether a file changed a short time ago, or is gone."""
    try:
        return time.time() - path.stat().st_mtime < SECONDS_TO_WRITE
    except FileNotFoundError:
        return True


def refused_lines(path: Path, feeds: tuple[Feed, ...], suppressions: Suppressions) -> set[int]:
    """Return the numbers, from 0, of a file's lines that are refused."""
    found: set[int] = set()
    if feeds and feeds[0].is_csv:
        return refused_records(b"".join(read_chunks(path)), feeds[0], suppressions)
    judge, number = JsonJudge(feeds, suppressions), 0
    for content in read_chunks(path):
        lines = content.splitlines(keepends=True)
        found.update(number + n for n in judge.suspects(content, lines) if judge.refuses(lines[n]))
        number += len(lines)
    return found


def read_chunks(path: Path) -> Iterator[bytes]:
    """Read the bytes of a file, decompressed, in chunks of whole lines."""
    with opener_of(path)(path, "rb") as file:
        while content := file.read(CHUNK):
            if not content.endswith(b"\n"):
                content += file.readline()
            yield content


def opener_of(path: Path) -> Callable[..., Any]:
    """Return the function that opens a file, by its first bytes: archived ones have other names."""
    with path.open("rb") as file:
        return opener_for(file.read(max(map(len, OPENERS))))


def opener_for(start: bytes) -> Callable[..., Any]:
    """Return the function that opens a file with these first bytes."""
    return next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), open)


class JsonJudge:
    """Says which lines of JSON are refused."""

    def __init__(self, feeds: tuple[Feed, ...], suppressions: Suppressions) -> None:
        self._reader, self._suppressions = JsonReader(feeds), suppressions
        self._feeds = {feed.table: feed for feed in feeds}
        # Without what precedes a name, a pattern is found many times faster.
        self._patterns = [
            (kind, READERS[data_type], re.compile(pattern.removeprefix(r"(?<!\w)")))
            for kind, data_type, pattern in suppressions.patterns
        ]
        ids = [column for feed in feeds for _, column in judged_by(feed)]
        self._has_texts = any(column.data_type != "bigint" for column in ids)

    def suspects(self, content: bytes, lines: list[bytes]) -> Iterator[int]:
        """Return the numbers of lines that may be refused: to judge all takes ten times as long.

        Others have no forgotten id as a number after the name of its field, nor as a text that is
        not in quotes. Where either may be written in another way, all lines are returned.
        """
        if self._has_texts or rb"\u" in content:
            yield from range(len(lines))
            return
        text, ids = content.decode(errors="replace"), set()
        for kind, reader, pattern in self._patterns:
            # A text without quotes ends with its line.
            found = {re.split(r"[\r\n]", value)[0] for value in pattern.findall(text)}
            ids |= {each.encode() for each in found if self._suppressions.names(kind, reader(each))}
        yield from (n for n, line in enumerate(lines) if any(each in line for each in ids))

    def refuses(self, line: bytes) -> bool:
        """Return whether a line is refused; a blank one is no record."""
        line = line.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r\n")
        if not line.strip():
            return False
        table, is_malformed, _, values = self._reader.read(line)
        named = dict(zip(self._reader.columns[table], values, strict=True))
        raw = line.decode(errors="replace")
        return self._suppressions.refuses(self._feeds.get(table), named, raw, is_malformed)


def refused_records(content: bytes, feed: Feed, suppressions: Suppressions) -> set[int]:
    """Return the numbers, from 0, of the lines of a CSV file's records that are refused."""
    fields = [column.field for column in feed.columns]
    text = content.decode("utf-8-sig", errors="replace")
    raws = [raw for _, raw in split_records(text)]
    records = list(csv_records(content, fields))
    lines, at = split_lines(text), 0
    found: set[int] = set()
    for number, raw in enumerate(raws, len(records) - len(raws)):
        while not lines[at].strip():
            at += 1
        size = len(split_lines(raw))
        if number >= 0:  # The header is no record.
            values = records[number].fields or {}
            named = {c.name: READERS[c.data_type](values.get(c.field)) for c in feed.columns}
            if suppressions.refuses(feed, named, raw, records[number].fields is None):
                found.update(range(at, at + size))
        at += size
    return found


def split_lines(text: str) -> list[str]:
    """Return lines with their ends, which are those of bytes.splitlines()."""
    return list(io.StringIO(text, newline=""))


def remove_lines(path: Path, numbers: set[int]) -> None:
    """Replace a file by one without some lines; raises OSError if it changes meanwhile."""
    before, partial = path.stat(), path.with_name(f".{path.name}{PARTIAL}")
    opener, number = opener_of(path), 0
    with partial.open("wb") as file:
        with nullcontext(file) if opener is open else opener(file, "wb") as packed:
            for content in read_chunks(path):
                lines = content.splitlines(keepends=True)
                packed.writelines(line for n, line in enumerate(lines, number) if n not in numbers)
                number += len(lines)
        file.flush()
        os.fsync(file.fileno())
    partial.chmod(before.st_mode & 0o7777)
    with suppress(PermissionError):
        os.chown(partial, before.st_uid, before.st_gid)
    os.utime(partial, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = path.stat()
    if (now.st_mtime_ns, now.st_size) != (before.st_mtime_ns, before.st_size):
        partial.unlink()
        raise OSError(CHANGED)
    partial.replace(path)
