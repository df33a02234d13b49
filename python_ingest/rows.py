"""How received lines become columns of the bronze tables.

A field that does not parse is NULL and its row still lands; `_is_malformed` says that a line is not
of its feed's format at all. What follows from either is decided in silver.
"""

import gzip
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter

import pyarrow as pa

from python_ingest.csv_records import csv_records, integer, number, text
from python_ingest.json_records import (
    ENVELOPE,
    PAYLOAD_TYPES,
    PAYLOADS,
    JsonRecord,
    Reader,
    json_record,
)
from python_ingest.landing import CSV_HEADERS

Columns = dict[str, Sequence[object] | pa.Array]

LINEAGE = ("_source_file", "_source_modified_at")
ROWS_AT_ONCE = 10_000
CSV_READERS: Mapping[str, Mapping[str, Callable[[str | None], object]]] = {
    "registered_users_bz": {
        "user_id": integer,
        "device_id": integer,
        "mac_address": text,
        "registration_timestamp": number,
    },
    "gym_logins_bz": {
        "mac_address": text,
        "gym": integer,
        "login": number,
        "logout": number,
    },
}


def rows_of_lines(lines: pa.RecordBatch) -> Iterator[tuple[str, Columns]]:
    """Give the rows of lines of the multiplexed feed, table by table.

    `lines` has `_raw`, as bytes, and its lineage.
    """
    by_table: dict[str, tuple[list[int], list[JsonRecord]]] = defaultdict(lambda: ([], []))
    for place, line in enumerate(lines.column("_raw").to_pylist()):
        record = json_record(line)
        places, records = by_table[record.feed]
        places.append(place)
        records.append(record)
    for table, (places, records) in by_table.items():
        # Most batches hold one table's lines.
        own = lines if len(places) == lines.num_rows else lines.take(pa.array(places))
        empty = PAYLOAD_TYPES[table]()
        columns: Columns = columns_of(ENVELOPE, [record.envelope for record in records])
        columns |= columns_of(PAYLOADS[table], [record.payload or empty for record in records])
        columns["_is_malformed"] = [record.payload is None for record in records]
        columns["_rescued_data"] = [record.rescued for record in records]
        columns["_raw"] = as_text(own.column("_raw"))
        columns |= {name: own.column(name) for name in LINEAGE}
        yield table, columns


def columns_of(readers: Mapping[str, tuple[str, Reader]], records: Sequence[object]) -> Columns:
    """Give columns, each the attribute of the records that it is read from."""
    return {column: [*map(attrgetter(field), records)] for column, (field, _) in readers.items()}


def rows_of_files(files: pa.RecordBatch, table: str) -> Iterator[tuple[str, Columns]]:
    """Give the rows of whole CSV files of a table; `files` has `content` and its lineage."""
    known, readers = CSV_HEADERS[table], CSV_READERS[table]
    for file in files.to_pylist():
        all_records = csv_records(unzipped(file["content"]), known)
        while records := [*islice(all_records, ROWS_AT_ONCE)]:
            fields = [record.fields or {} for record in records]
            columns: Columns = {
                name: [reader(values.get(name)) for values in fields]
                for name, reader in readers.items()
            }
            columns["_fields"] = [record.fields_json for record in records]
            columns["_is_malformed"] = [record.fields is None for record in records]
            columns["_rescued_data"] = [record.unknown_fields_json(known) for record in records]
            columns["_raw"] = [record.raw for record in records]
            columns |= {name: [file[name]] * len(records) for name in LINEAGE}
            yield table, columns


def as_text(lines: pa.Array) -> pa.Array:
    """Give bytes as text, with U+FFFD for what is not UTF-8."""
    try:
        return lines.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([line.decode(errors="replace") for line in lines.to_pylist()], pa.string())


def unzipped(content: bytes) -> bytes:
    """Give what a file holds, out of gzip if it begins as gzip does."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
