"""The lines of a CSV file as records, by header name, with nothing lost."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

# ASCII and of no more digits than int reads.
INTEGER = re.compile(r"\s*([+-]?)0*([0-9]{1,20})\s*", re.ASCII)
NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
MOST_LINES_OF_A_RECORD = 100


@dataclass(frozen=True)
class Record:
    """A record of a CSV file.

    `fields` holds its values by header name, or is None if they cannot be named: the file has no
    header of the feed, or the record has more or fewer values than the header. `raw` is the text as
    received, without its line end.
    """

    fields: Mapping[str, str] | None
    raw: str

    @property
    def fields_json(self) -> str | None:
        """The fields as JSON with sorted names."""
        if self.fields is None:
            return None
        return json.dumps(self.fields, sort_keys=True, ensure_ascii=False)

    def unknown_fields_json(self, known: Sequence[str]) -> str | None:
        """Give the fields that are not `known`, as JSON with sorted names; None without any."""
        unknown = {name: v for name, v in (self.fields or {}).items() if name not in known}
        return json.dumps(unknown, sort_keys=True, ensure_ascii=False) if unknown else None


def csv_records(content: bytes, known: Sequence[str]) -> Iterator[Record]:
    """Give every record of a CSV file but its header, blank lines left out.

    `known` are the names of the feed. A first record that names none of them is no header: it and
    all others then come without fields.
    """
    records = split_records(content.decode("utf-8-sig", errors="replace"))
    header: list[str] | None = None
    for number, (values, raw) in enumerate(records):
        if number == 0:
            names = [value.strip().lower() for value in values or []]
            if set(names) & set(known) and len(set(names)) == len(names):
                header = names
                continue
        is_named = header is not None and values is not None and len(values) == len(header)
        # U+FFFD stands for bytes that are no UTF-8.
        if header is None or values is None or not is_named or "\ufffd" in raw:
            yield Record(None, raw)
        else:
            yield Record(dict(zip(header, values, strict=True)), raw)


def split_records(text: str) -> Iterator[tuple[list[str] | None, str]]:
    """Give the values and the raw text of every record that is not blank.

    The values are None where quotes do not close: then only that line is taken.
    """
    lines = list(io.StringIO(text, newline=""))
    at = 0
    while at < len(lines):
        values, taken = None, 1
        if '"' not in lines[at]:
            values = lines[at].rstrip("\r\n").split(",")
        else:
            reader = csv.reader(islice(lines, at, at + MOST_LINES_OF_A_RECORD), strict=True)
            try:
                values, taken = next(reader), reader.line_num
            except csv.Error:
                values, taken = None, 1
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


def text(value: str | None) -> str | None:
    """Give a text as it is."""
    return value
