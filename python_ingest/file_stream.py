"""A stream of landed files, found by Spark's file stream or Auto Loader.

Python workers read the files of a batch, the same way everywhere. A file that cannot be read is
skipped, logged, and retried at the next start; one that changed during the read, in the next batch.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as in Spark's documentation

from python_ingest.errors import IngestError
from python_ingest.feeds import Feed
from python_ingest.file_source_log import has_news
from python_ingest.landed_files import CHANGED, CHANGED_SINCE, LandedFile, look_at, problems
from python_ingest.parse.frames import parse_files
from python_ingest.settings import Settings
from python_ingest.stream import EPOCH, Attempt, Run, Stream, cached

log = logging.getLogger(__name__)

# Limits the memory of a batch, except for a single file that is larger.
BYTES_PER_BATCH = 256 * 1024 * 1024
Files = Sequence[LandedFile]
BINARY_FILE = "path string, modificationTime timestamp, length bigint, content binary"


# By default Spark ignores subfolders, and files a week older than the newest.
OPEN_SOURCE_OPTIONS = {
    "maxBytesPerTrigger": str(BYTES_PER_BATCH),
    "recursiveFileLookup": "true",
    "maxFileAge": "36500d",
    "ignoreMissingFiles": "true",
}


def auto_loader_options(settings: Settings, checkpoint: Path) -> dict[str, str]:
    """Return the options of Databricks' Auto Loader: it lists folders, or is notified of files."""
    options = {
        "cloudFiles.format": "binaryFile",
        "cloudFiles.maxBytesPerTrigger": str(BYTES_PER_BATCH),
        "cloudFiles.schemaLocation": str(checkpoint / "schema"),
        "cloudFiles.includeExistingFiles": "true",
        "cloudFiles.useNotifications": str(settings.file_notifications).lower(),
        "recursiveFileLookup": "true",
        "ignoreMissingFiles": "true",
    }
    if settings.clean_after is not None:
        age = f"{settings.clean_after.total_seconds():.0f} seconds"
        options["cloudFiles.cleanSource"] = "MOVE" if settings.archive else "DELETE"
        options["cloudFiles.cleanSource.retentionDuration"] = age
        if settings.archive:
            options["cloudFiles.cleanSource.moveDestination"] = str(settings.archive)
    return options


class FileStream(Stream):
    """The stream of a landing folder."""

    identity = ("_source_file",)
    own_rows = "_source_file not like 'kafka:/%'"

    def __init__(self, run: Run, name: str, feeds: tuple[Feed, ...]) -> None:
        super().__init__(run, name, feeds)
        self.folder = run.settings.landing / name
        if self.position.query is not None and not self.folder.exists():
            # A new, empty folder would mean that its files were deleted.
            message = f"{self.folder} is gone: mount it or make it again."
            raise IngestError(message, is_permanent=False)
        self.folder.mkdir(parents=True, exist_ok=True)

    def may_have_news(self) -> bool:
        """Return False if all files have landed; with Auto Loader always True."""
        is_known = self.run.settings.catalog is None and not self.position.is_recovering
        return not is_known or has_news(self.folder, self.checkpoint)

    def frame(self) -> DataFrame:
        """Return the new files, without their content."""
        settings = self.run.settings
        name, options = "binaryFile", OPEN_SOURCE_OPTIONS
        if settings.catalog:
            name, options = "cloudFiles", auto_loader_options(settings, self.checkpoint)
        reader = self.run.spark.readStream.format(name).options(**options)
        return (
            reader.schema(BINARY_FILE)
            .load(str(self.folder))
            .select(
                F.regexp_replace("path", "^(file|dbfs):", "").alias("path"),  # as Python writes it
                F.col("_metadata.file_path").alias("source"),
                F.unix_millis("modificationTime").alias("modified"),
                "length",
            )
        )

    def land(self, frame: DataFrame, attempt: Attempt) -> None:
        """Land the files of a batch, except those that are skipped."""
        self.retry(CHANGED)
        files = [
            LandedFile(Path(row.path), row.source, row.modified, row.length)
            for row in frame.distinct().collect()
        ]
        skipped = self.position.skipped_files
        self.land_files([file for file in files if file.source not in skipped], attempt)

    def land_files(self, files: Files, attempt: Attempt) -> Files:
        """Land the files that can be read; return them."""
        landing = self.run.settings.landing
        files = self.skip(files, problems(files, landing))
        if files and attempt.since is not None:
            files = self.skip(files, self.changed_since(files, attempt.since))
        if not files:
            return []
        parsed = parse_files(self.run.spark, files, self.feeds, self.run.line_filter())
        with cached(parsed) as chunks:
            unreadable = {chunk.source: chunk.problem for chunk in chunks if chunk.problem}
            # Files that changed during the read are skipped too.
            if skipped := unreadable | problems(files, landing):
                files = self.skip(files, skipped)
                parsed = parsed.where(~F.col("source").isin([*skipped]))
                chunks = [chunk for chunk in chunks if chunk.source not in skipped]
            if files:
                self.write(parsed, chunks, attempt, [file.source for file in files])
        return files

    def skip(self, files: Files, reasons: Mapping[str, str]) -> Files:
        """Remember files that cannot be read, before their batch is written; return the others."""
        for file in files:
            if reason := reasons.get(file.source):
                log.warning("%s is skipped: %s.", file.path, reason)
                entry = {"path": str(file.path), "reason": reason}
                self.position.skipped_files[file.source] = entry
        if reasons:
            self.position.save()
        return [file for file in files if file.source not in reasons]

    def retry(self, reason: str | None = None) -> None:
        """Land skipped files that can be read now: those with a reason, or all if it is None.

        Files that no longer exist are removed from the list.
        """
        skipped, files = self.position.skipped_files, []
        for source, entry in list(skipped.items()):
            if reason not in (None, entry["reason"]):
                continue
            try:
                file = look_at(Path(entry["path"]), source)
            except FileNotFoundError:
                log.warning("%s, which was skipped, is gone.", entry["path"])
                del skipped[source]
                self.position.save()
                continue
            if entry["reason"] == CHANGED_SINCE or file.problem(self.run.settings.landing):
                log.warning("%s is still skipped: %s.", file.path, entry["reason"])
            else:
                files.append(file)
        # Removed from the list only once landed: after a crash the retry is repeated.
        for file in (landed := self.land_files(files, Attempt(None, EPOCH))):
            del skipped[file.source]
            self.position.retried_files[file.source] = file.modified
        if landed:
            self.position.save()

    def changed_since(self, files: Files, since: datetime) -> dict[str, str]:
        """Return the files that were modified after rows of them had landed."""
        now = self.run.spark.createDataFrame(
            [(f.source, f.modified) for f in files], "_source_file string, modified bigint"
        )
        then = F.unix_millis("_source_modified_at").alias("then")
        landed = reduce(
            DataFrame.union,
            [self.landed_in(table, since).select("_source_file", then) for table in self.tables],
        )
        rows = landed.join(F.broadcast(now), "_source_file").where("then != modified")
        return {row[0]: CHANGED_SINCE for row in rows.select("_source_file").distinct().collect()}
