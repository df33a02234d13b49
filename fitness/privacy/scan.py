"""Search every file for what identifies a person: `fitness forget --verify`.

It reads the lakehouse, the landing folder, the archive, the logs and dbt's target folder: tables by
their rows, their statistics and their logs, landed files line by line, and any other file as text.
The record of the forgotten tells the devices and mac addresses of those whose registrations are
gone.
"""

import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from fitness.build import target_folder
from fitness.privacy.delta_files import LOG, TableFolder
from fitness.privacy.landing import opener_for
from fitness.privacy.records import TEXT, Search, parsed
from fitness.privacy.rows import Found, search_parquet
from fitness.privacy.texts import unescaped
from fitness.privacy.wanted import KINDS, find_wanted, kind_of
from fitness.settings import PROJECT
from python_ingest.errors import FitnessError
from python_ingest.feeds import Feed, read_feeds
from python_ingest.parse.csv_files import csv_records
from python_ingest.settings import Settings
from python_ingest.suppression import Suppressions

LOGS = PROJECT / "logs"
FILE_NAME, NOT_SEARCHED = "file name", "not searched"
BLOCK, CHUNK = 2**20, 2**25  # bytes
PARQUET = b"PAR1"
UNREADABLE = {b"PK\3\4": "zip", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
ERRORS = (OSError, EOFError, UnicodeError, zlib.error, pa.ArrowException)
# In a binary file a text ends at a control character.
CONTROLS = bytes({*range(32)} - {*b"\t\n\r"})
LINE_ENDS = bytes.maketrans(CONTROLS, b"\n" * len(CONTROLS))
Places = Iterator[tuple[str, str]]  # kinds of identifier, each with where it is


@dataclass(frozen=True)
class Finding:
    """A kind of identifier in a file: `where` in it, and in how many rows, lines or other places.

    `where` is a column, a field of JSON, `statistics`, `metadata`, `text` or `file name`.
    `gone_when` says when it will be removed; None: it stays until it is swept. A file that cannot
    be searched is a finding of the kind `not searched`, and `where` says why.
    """

    path: Path
    kind: str
    where: str
    count: int
    gone_when: str | None

    def __str__(self) -> str:
        if self.kind == NOT_SEARCHED:
            return f"{self.path}: {self.kind}, since {self.where}"
        when = f"gone {self.gone_when}" if self.gone_when else "stays until it is swept"
        return f"{self.path}: {self.kind} in {self.where}, {self.count:,} times; {when}"


def scan(
    settings: Settings,
    suppressions: Suppressions | None,
    user_ids: Sequence[int],
    with_names: bool,
    on_file: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Return where identifiers of users are, in order of the paths.

    A device or mac address counts in the time that it was theirs, or that the record refuses; user
    ids, names and streets at any time. `on_file` is called with a message before each file, without
    its name, which may be one of theirs. Raises FitnessError on Databricks.
    """
    if settings.catalog:
        raise FitnessError(
            "The files of Unity Catalog's tables cannot be searched from here: docs/privacy.md "
            "says how to look for a person there."
        )
    files = Files(settings, Search(find_wanted(settings, suppressions, user_ids, with_names)))
    found = []
    for number, (path, root) in enumerate(files.paths, 1):
        on_file(f"{number:,} of {len(files.paths):,} files")
        found += files.findings(path, root)
    return sorted(found, key=lambda each: (each.path, each.kind, each.where))


class Files:
    """All files that are searched, each with the folder below which it was found.

    The logs of tables come last: their statistics are judged by what is in the rows of the files.
    """

    def __init__(self, settings: Settings, search: Search) -> None:
        self.search = search
        self.landed = {*filter(None, (settings.landing, settings.archive))}
        of_dbt = {target_folder(), Path(os.environ.get("DBT_LOG_PATH") or LOGS)}
        roots = [settings.lakehouse, *self.landed, LOGS, *of_dbt]
        files = {path.resolve(): (path, root) for root in roots for path in files_below(root)}
        self.paths = sorted(files.values(), key=lambda each: (LOG in each[0].parts, each[0]))
        logs = {folder for path, _ in self.paths for folder in path.parents if folder.name == LOG}
        self.tables = {log.parent: TableFolder(log.parent) for log in logs}

    def findings(self, path: Path, root: Path) -> list[Finding]:
        """Return what is in a file; nothing if it is gone by now."""
        table = next((self.tables[each] for each in path.parents if each in self.tables), None)
        counts: Counter[tuple[str, str]] = Counter()
        gone: dict[tuple[str, str], str | None] = {}
        try:
            gone_when = table.gone_when(path) if table else None
            for kind in self.in_name(path.relative_to(root)):
                counts[kind, FILE_NAME] += 1
            if table and LOG in path.relative_to(table.root).parts:
                for kind, where, when in table.in_log(path, self.search):
                    counts[kind, where] += 1
                    gone[kind, where] = gone.get((kind, where), when) and when
            else:
                found = self.in_file(path, root, table)
                counts += found.counts
                if found.problem:
                    counts[NOT_SEARCHED, found.problem] += 1
        except FileNotFoundError:
            return []
        except ERRORS as error:
            counts[NOT_SEARCHED, reason(error)] += 1
        return [
            Finding(path, KINDS.get(kind, kind), where, count, gone.get((kind, where), gone_when))
            for (kind, where), count in counts.items()
        ]

    def in_name(self, path: Path) -> set[str]:
        """Return which kinds of identifier are in the path of a file."""
        name = path.as_posix().encode(errors="surrogateescape")
        return {kind for kind, _ in self.search.in_lines(name)}

    def in_file(self, path: Path, root: Path, table: TableFolder | None) -> Found:
        """Return what is in a file that is not of a table's log."""
        with path.open("rb") as file:
            begin = file.read(8)
        if begin.startswith(PARQUET):
            try:
                found = search_parquet(path, self.search, table.feed if table else None)
            except ERRORS as error:
                found = Found(problem=reason(error))
            if table:
                table.found[path.relative_to(table.root).as_posix()] = found
            if found.problem:
                found.counts += self.in_text_file(path, open, None).counts
            return found
        for mark, name in UNREADABLE.items():
            if begin.startswith(mark):
                return Found(problem=f"it is compressed as {name}")
        folder = path.relative_to(root).parts[0] if root in self.landed else ""
        feed = next((each for each in read_feeds() if each.is_csv and each.folder == folder), None)
        return self.in_text_file(path, opener_for(begin), feed)

    def in_text_file(self, path: Path, opener: Callable[..., Any], feed: Feed | None) -> Found:
        """Return what is in a file of lines, as far as it can be read."""
        is_csv = feed is not None or ".csv" in [suffix.lower() for suffix in path.suffixes]
        found, content = Found(), []
        try:
            with opener(path, "rb") as file:
                for chunk in chunks(file):
                    if is_csv:
                        content.append(chunk)
                    else:
                        found.counts.update(self.in_chunk(chunk))
        except FileNotFoundError:
            raise
        except ERRORS as error:
            found.problem = reason(error)
        found.counts.update(self.in_csv(b"".join(content), feed))
        return found

    def in_chunk(self, chunk: bytes) -> Places:
        """Return what is in lines, or in a document of JSON."""
        if b"\0" in chunk:
            chunk = chunk.translate(LINE_ENDS)
        document = parsed(chunk.decode(errors="replace"))
        if document is None:
            yield from self.search.in_lines(chunk)
        elif self.search.texts.hits(unescaped(chunk).replace(rb"\n", b"\n")):  # SQL has lines
            yield from self.search.in_value(document)

    def in_csv(self, content: bytes, feed: Feed | None) -> Places:
        """Return what is in a CSV file; one of no feed has a header if that names an identifier."""
        header = content[: content.find(b"\n") + 1].decode(errors="replace").lower().split(",")
        named = [name for name in map(str.strip, header) if kind_of(name.strip('"'))]
        records = [*csv_records(content, [*feed.fields] if feed else named)]
        hits = self.search.texts.rows_with_hits([record.raw.encode() for record in records])
        for number, record in enumerate(records):
            fields = record.fields
            if fields is None and feed:
                yield from ((kind, TEXT) for kind in self.search.in_csv(record.raw, feed))
            elif fields is None and number in hits:
                yield from {*self.search.in_text(record.raw)}
            elif fields and (
                number in hits
                or any(
                    self.search.wanted.spans(kind_of(name) or "", fields[name]) for name in fields
                )
            ):
                yield from {*self.search.in_value(fields)}


def files_below(root: Path) -> Iterator[Path]:
    """Return the regular files below a folder, also by links."""
    seen = set()
    for here, folders, names in os.walk(root, followlinks=True):
        if (folder := Path(here)).resolve() in seen:
            folders.clear()
            continue
        seen.add(folder.resolve())
        yield from (path for name in names if (path := folder / name).is_file())


def chunks(file: Any) -> Iterator[bytes]:
    """Return the content of a file in chunks of whole lines.

    If it cannot be read to its end, what could be read comes first, then the error.
    """
    held, problem = bytearray(), None
    try:
        while block := file.read1(BLOCK):
            held += block
            if len(held) >= CHUNK:
                end = held.rfind(b"\n") + 1 or len(held)
                yield bytes(held[:end])
                del held[:end]
    except ERRORS as error:
        problem = error
    yield bytes(held)
    if problem:
        raise problem


def reason(error: BaseException) -> str:
    """Return why a file cannot be read."""
    return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
