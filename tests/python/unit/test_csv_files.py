"""CSV files as records: by header name, whole, with nothing lost."""

import math

import pytest

from python_ingest.parse.csv_files import CsvRecord, csv_records, integer, number

KNOWN = ("mac_address", "gym", "login", "logout")
HEADER = b"mac_address,gym,login,logout\n"


def records(content: bytes) -> list[CsvRecord]:
    return list(csv_records(content, KNOWN))


def fields(content: bytes) -> list[dict[str, str] | None]:
    return [dict(r.fields) if r.fields is not None else None for r in records(content)]


def test_values_are_named_by_the_header_in_any_order_and_case() -> None:
    assert fields(b" GYM ,login,extra\n1,5,x\n") == [{"gym": "1", "login": "5", "extra": "x"}]


@pytest.mark.parametrize("content", [b"", b"\n\n", HEADER, b"\xef\xbb\xbf" + HEADER])
def test_a_file_without_records_has_none(content: bytes) -> None:
    assert records(content) == []


def test_a_byte_order_mark_is_not_part_of_the_header() -> None:
    assert fields(b"\xef\xbb\xbfgym,login\r\n1,5\r\n") == [{"gym": "1", "login": "5"}]


def test_blank_lines_and_line_ends_are_not_part_of_the_records() -> None:
    found = records(HEADER + b"\r\naa,1,5,\r\n   \nbb,2,6,7")
    assert [record.raw for record in found] == ["aa,1,5,", "bb,2,6,7"]


def test_a_quoted_value_holds_commas_quotes_and_line_breaks() -> None:
    [record] = records(HEADER + b'"a,""b""\nc",1,5,\n')
    assert record.fields is not None
    assert record.fields["mac_address"] == 'a,"b"\nc'
    assert record.raw == '"a,""b""\nc",1,5,'


def test_an_open_quote_makes_only_its_own_line_malformed() -> None:
    content = HEADER + b'"aa,1,5,\nbb,2,6,7\n'
    assert [record.raw for record in records(content)] == ['"aa,1,5,', "bb,2,6,7"]
    assert fields(content)[0] is None
    assert fields(content)[1] is not None


@pytest.mark.parametrize("line", [b"aa,1,5", b"aa,1,5,,", b"aa"])
def test_a_line_with_more_or_fewer_values_than_the_header_has_no_fields(line: bytes) -> None:
    assert records(HEADER + line) == [CsvRecord(None, line.decode())]


@pytest.mark.parametrize("first", [b"a,b,c,d", b"gym,gym,login,x"])
def test_without_a_header_of_the_feed_every_line_is_kept_without_fields(first: bytes) -> None:
    found = records(first + b"\naa,1,5,\n")
    assert all(record.fields is None for record in found)
    assert "aa,1,5," in [record.raw for record in found]


def test_bytes_that_are_not_utf8_make_only_their_own_line_malformed() -> None:
    assert [f is None for f in fields(HEADER + b"a\xff,1,5,\nbb,2,6,7\n")] == [True, False]


def test_fields_as_json_are_sorted_by_name() -> None:
    [record] = records(b"login,gym\n5,\xc3\xa9\n")
    assert record.fields_json() == '{"gym": "é", "login": "5"}'
    assert CsvRecord(None, "x").fields_json() is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 5000, None),
        ("0" * 5000 + "7", 7),
        ("\x1c5", None),
        *[("5", 5), (" -7 ", -7), ("+9", 9)],
        *[(str(2**63 - 1), 2**63 - 1), (str(-(2**63)), -(2**63)), (str(2**63), None)],
        *[(None, None), ("", None), ("1.0", None), ("1e3", None), ("0x1", None)],
        *[("1_000", None), ("\u0661", None)],
    ],
)
def test_an_integer_has_only_digits_and_64_bits(text: str | None, value: int | None) -> None:
    assert integer(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 5000, math.inf),
        ("\x1c5", None),
        *[("5", 5.0), (" 5.25 ", 5.25), (".5", 0.5), ("5.", 5.0), ("-1e3", -1000.0)],
        *[(None, None), ("", None), ("nan", None), ("inf", None), ("1,5", None), ("1_0", None)],
    ],
)
def test_a_number_is_decimal(text: str | None, value: float | None) -> None:
    assert number(text) == value
