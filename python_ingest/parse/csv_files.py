"""The records of CSV files, by header name, with nothing lost."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

# ASCII, and no more digits than int() accepts.
INTEGER = re.compile(r"\s*([+-]?)0*([0-9]{1,20})\s*", re.ASCII)
NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
MAX_LINES_PER_RECORD = 100


@dataclass(frozen=True)
class CsvRecord:
    """A record of a CSV file.

    `fields` has its values by header name; None if the file has no header of the feed, or the
    record has more or fewer values than the header. `raw` is the text without its line end.
    """

    fields: Mapping[str, str] | None
    raw: str

    def fields_json(self, without: Sequence[str] = ()) -> str | None:
        """Return the fields except some, as JSON with sorted names; None if there are none."""
        left = {name: value for name, value in (self.fields or {}).items() if name not in without}
        return json.dumps(left, sort_keys=True, ensure_ascii=False) if left else None


def csv_records(content: bytes, known: Sequence[str]) -> Iterator[CsvRecord]:
    """Return every record of a CSV file, without its header and blank lines.

    `known` are the names of the feed. A first record that names none of them is not a header: then
    all records, the first too, are without fields.
    """
    header: list[str] | None = None
    records = split_records(content.decode("utf-8-sig", errors="replace"))
    for number, (values, raw) in enumerate(records):
        names = [value.strip().lower() for value in values or []]
        if number == 0 and {*names} & {*known} and len({*names}) == len(names):
            header = names
        # U+FFFD stands for bytes that are not UTF-8.
        elif header and values and len(values) == len(header) and "\ufffd" not in raw:
            yield CsvRecord(dict(zip(header, values, strict=True)), raw)
        else:
            yield CsvRecord(None, raw)


def split_records(text: str) -> Iterator[tuple[list[str] | None, str]]:
    """Return the values and the raw text of every record that is not blank.

    The values are None where quotes do not close: then only that line is taken.
    """
    lines = list(io.StringIO(text, newline=""))
    at = 0
    while at < len(lines):
        values, taken = None, 1
        if '"' not in lines[at]:
            values = lines[at].rstrip("\r\n").split(",")
        else:
            reader = csv.reader(islice(lines, at, at + MAX_LINES_PER_RECORD), strict=True)
            with suppress(csv.Error):
                values, taken = next(reader), reader.line_num
        raw = "".join(lines[at : at + taken]).rstrip("\r\n")
        at += taken
        if raw.strip():
            yield values, raw


def integer(text: str | None) -> int | None:
    """Read a 64-bit integer; None if it is not one."""
    found = INTEGER.fullmatch(text or "")
    if found is None:
        return None
    value = int(found[1] + found[2])
    return value if -(2**63) <= value < 2**63 else None


def number(text: str | None) -> float | None:
    """Read a decimal number; None if it is not one."""
    return float(text) if text is not None and NUMBER.fullmatch(text) else None


READERS: Mapping[str, Callable[[str | None], object]] = {
    "bigint": integer,
    "double": number,
    "string": lambda text: text,
}
