"""The columns of tables and of Parquet files, as a search reads them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fitness.privacy.wanted import kind_of, other_names, time_names
from python_ingest.feeds import read_feeds

SAMPLE = 1000  # rows of a column that tell whether its texts repeat
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Doubles = np.ndarray[Any, np.dtype[np.float64]]


def searched(schema: pa.Schema) -> Iterator[str]:
    """Return the columns that may hold an identifier, or an event time."""
    times = {*time_names(), *(feed.event_time for feed in read_feeds())}
    for column in schema:
        is_number = pa.types.is_integer(column.type) and column.name not in other_names()
        if is_number or column.name in times or has_text(column):
            yield column.name


def has_text(column: pa.Field) -> bool:
    """Return whether a column or a part of it is a text, or is named as an identifier."""
    described = f"{column.name}: {column.type}"
    names = re.findall(r"[\w.]+(?=: )", described)
    return bool(re.search("string|binary", described)) or any(map(kind_of, names))


def leaves(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    """Return the columns by name, structs by their parts, and lists with texts as JSON."""
    for column, values in zip(batch.schema, batch.columns, strict=True):
        yield from leaves_of(column, values)


def leaves_of(column: pa.Field, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """Return a column, or its parts."""
    if pa.types.is_dictionary(column.type):
        yield column.name, values.dictionary_decode()
    elif pa.types.is_struct(column.type):
        for part, own in zip(column.type, values.flatten(), strict=True):
            yield from leaves_of(part.with_name(f"{column.name}.{part.name}"), own)
    elif not pa.types.is_nested(column.type):
        yield column.name, values
    elif has_text(column):
        lists = values.to_pylist(maps_as_pydicts="lossy")
        yield column.name, pa.array([json.dumps(each, default=str) for each in lists], pa.string())


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type is that of texts or of bytes."""
    tests = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    binary = pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view
    return any(test(kind) for test in (*tests, *binary))


def coded(column: pa.Array) -> tuple[Any, list[bytes]]:
    """Return the texts of a column, and for each row which of them it has.

    They are the different ones if they repeat.
    """
    column = column.cast(pa.large_binary()).fill_null(b"")
    sample = column[:SAMPLE]
    if len(pc.unique(sample)) > len(sample) / 2:
        return np.arange(len(column)), column.to_pylist()
    encoded = column.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def mask_of(flags: pa.Array) -> Mask:
    """Return flags as a mask; what is NULL is not set."""
    mask: Mask = pc.fill_null(flags, False).to_numpy(zero_copy_only=False)
    return mask


def doubles(column: pa.Array) -> Doubles:
    """Return numbers as doubles; not a number for NULL."""
    cast = column.cast(pa.float64(), safe=False)
    found: Doubles = cast.to_numpy(zero_copy_only=False)
    return found
