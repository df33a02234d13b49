"""Landed files one by one: whether each can be taken, and the lines and records in them."""

import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

Parser = Callable[[Sequence[str]], DataFrame]

# Characters that stand for others in a path of Hadoop.
PATTERN = set("{}[]*?\\")
CHANGED = "changed while it was read"
CHANGED_SINCE = "changed after it had landed: put what is new into a file of another name"


@dataclass(frozen=True)
class LandedFile:
    """A file as a stream found it.

    `source` is its address as in `_source_file`; `modified` is in milliseconds since 1970, `length`
    in bytes.
    """

    path: Path
    source: str
    modified: int
    length: int

    def problem(self, landing: Path) -> str | None:
        """Say why the file cannot be taken as it is now, or give None."""
        try:
            now = self.path.stat()
        except OSError as error:
            return f"cannot be opened: {error.strerror}"
        if not self.path.resolve().is_relative_to(landing.resolve()):
            return f"leads outside the landing folder {landing}, to {self.path.resolve()}"
        if not stat.S_ISREG(now.st_mode):
            return "is no regular file"
        if ":" in self.path.name:
            return "has a colon in its name, which Hadoop cannot read: rename it"
        if not os.access(self.path, os.R_OK):
            return "no right to read it"
        if (now.st_mtime_ns // 1_000_000, now.st_size) != (self.modified, self.length):
            return CHANGED
        return None


def look_at(path: Path, source: str) -> LandedFile:
    """Describe a file as it is now; raises OSError if it is gone."""
    now = path.stat()
    return LandedFile(path, source, now.st_mtime_ns // 1_000_000, now.st_size)


def lines_of(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Read the lines of files that are not blank, as received, with their lineage."""
    # A byte order mark at the beginning of a file is no part of its first line.
    unmarked = F.expr("trim(leading '\ufeff' from value)")
    return (
        read(spark, "text", paths)
        .withColumn("_raw", unmarked)
        # Spark looks at every character for the end of what it trims, but for the beginning at few.
        .where(F.expr("trim(leading ' \t\r\v\f' from _raw)") != "")
        .select("_raw", "_source_file", "_source_modified_at")
    )


def contents_of(spark: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Read whole files: content, and their lineage."""
    return read(spark, "binaryFile", paths).select("content", "_source_file", "_source_modified_at")


def read(spark: SparkSession, file_format: str, paths: Sequence[str]) -> DataFrame:
    """Read files that may have any characters in their names, with their lineage."""
    # With one name among them that looks like a pattern, Spark reads all the others twice.
    like_patterns = [path for path in paths if PATTERN & set(path)]
    others = [path for path in paths if not PATTERN & set(path)]
    frames = [
        spark.read.format(file_format)
        .option("__globPaths__", "false")
        .load(some)
        .select(
            "*",
            F.col("_metadata.file_path").alias("_source_file"),
            F.col("_metadata.file_modification_time").alias("_source_modified_at"),
        )
        for some in (others, like_patterns)
        if some
    ]
    return reduce(DataFrame.union, frames)


def unreadable(spark: SparkSession, files: Sequence[LandedFile], parse: Parser) -> dict[str, str]:
    """Find the files that cannot be read, by halves, after reading them together has failed.

    Gives the reasons by source. Raises what Spark raises if it no longer works at all.
    """
    try:
        parse([str(file.path) for file in files]).write.format("noop").mode("overwrite").save()
        return {}
    except Exception as error:
        spark.range(1).collect()
        if len(files) == 1:
            return {files[0].source: f"cannot be read ({innermost(error)})"}
        half = len(files) // 2
        return unreadable(spark, files[:half], parse) | unreadable(spark, files[half:], parse)


def innermost(error: Exception) -> str:
    """Give the name of the innermost error, Java's or Python's.

    The name only: messages may quote what the file holds.
    """
    names = re.findall(r"(?m)^(?:Caused by: |: )?([\w.$]+(?:Error|Exception|File))\b", str(error))
    return names[-1].rsplit(".", 1)[-1] if names else type(error).__name__
