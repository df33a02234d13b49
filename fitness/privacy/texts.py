"""Finds identifiers in texts, by what is before them and by their form.

An integer is an identifier where a name before it says so (`user_id = 12`, `device: 7`), and with
seven digits or more wherever it stands alone. One that only the record knows, by its hash, must not
follow a colon: after a colon are mostly fields of other names, too many to hash them all.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from fitness.privacy.people import ADDRESS, NAME
from fitness.privacy.wanted import LEAST_DIGITS, Wanted, integer_kinds, kind_of, stems
from python_ingest.suppression import OWNED, USER

MANY = 50
LEAST_TEXT = 4  # characters of a mac address that is looked for wherever it stands alone
RECORD_SEPARATOR = b"\x1e"
# What follows a name in lower case: its end, and an operator, a space or as in user_12.json. Then a
# value, or several in brackets.
END_OF_NAME = rb"(?![a-z0-9_])(?:#\d++l?+)?+(?:\s+as\s+\w+\))?"
OPERATOR = rb"""(?:[\s"'`\\)\]]*+(?:=+>?|<=>|:|\bin\b|\bis\b|\binset\b)[\s"'`\\{]*+| (?![(\[]))"""
PART_OF_NAME = rb"[-_](?=\d)"
END_OF_INTEGER = rb"(?!\w|[.:-]\d)"
INTEGERS = rb"""([(\[]*-?\d+l?(?:[\s"'\\]*,[\s"'\\]*-?\d+l?)*)""" + END_OF_INTEGER
TEXTS = rb"""([(\[]+\s*['"][^)\]]*|[^\s"'`\\,;()\[\]{}]+)"""
# Rows of several columns, as in_slices() of incremental/macros/api.sql writes them.
ROWS = re.compile(
    rb"\(([\w.]+(?:, [\w.]+)+)\) in \(\s*select \* from values((?:\s+\([^()]*\),?)+)", re.IGNORECASE
)
END = rb"(?=[lL]?(?![\w-]|\.\d))"
LONG_WITHOUT_NAME = re.compile(rb"(?<![\w.:-])(?<!: )\d{7,19}" + END)
MAC = rb"%s(?<=[0-9a-f]{2}%s)(?<!\w[0-9a-f]{2}%s)[0-9a-f]{2}(?:%s[0-9a-f]{2}){4}(?!\w)"
MACS = [re.compile(MAC.replace(b"%s", mark)) for mark in (b":", b"-")]
MAC_ADDRESS = re.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}|[0-9a-f]{2}(-[0-9a-f]{2}){5}", re.IGNORECASE)
# What finds at least the lines that have one, as a pattern of Arrow's, which is much faster.
MAY_HAVE_LONG = r"(?:^ ?|[^\w.:\- ]|[^:] )\d{7}"
# What may be a name or a street, or has names in it, and the words in that.
PHRASE = re.compile(rb"""(?:\d+\w? )?[A-Za-z\x80-\xff][^",\\\n\x1e]+""")
WORD = re.compile(rb"[\w\x80-\xff'-]{2,}")
ESCAPES = re.compile(rb"(?:\\+u[0-9a-fA-F]{4})+")


class Hit(NamedTuple):
    """An identifier in a text, between two bytes."""

    begin: int
    end: int
    kind: str
    value: str


class TextSearch:
    """Searches texts for what is wanted."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._long = {t.encode() for t in wanted.texts(*integer_kinds()) if len(t) >= LEAST_DIGITS}
        self._tokens = [
            (kind, token(text.encode()))
            for kind, text in wanted.known
            if kind in wanted.kinds and kind not in integer_kinds()
            if kind not in OWNED or (len(text) >= LEAST_TEXT and not MAC_ADDRESS.fullmatch(text))
        ]

    def rows_with_hits(self, texts: Sequence[bytes]) -> dict[int, set[str]]:
        """Return the numbers of the texts that have hits, and of which kinds."""
        joined = RECORD_SEPARATOR.join(texts)
        if b"\\u" in joined:
            texts = [unescaped(text) for text in texts]
            joined = RECORD_SEPARATOR.join(texts)
        found = defaultdict(set)
        hits = self.hits(joined)
        begins = [*accumulate((len(text) + 1 for text in texts), initial=0)] if hits else []
        for hit in hits:
            found[bisect_right(begins, hit.begin) - 1].add(hit.kind)
        return found

    def hits(self, text: bytes) -> list[Hit]:
        """Return the identifiers in a text that were theirs at any time, in their order."""
        return sorted({*self._named(text), *self._rows(text), *self._alone(text)})

    def _named(self, text: bytes) -> Iterator[Hit]:
        """Return identifiers that follow a name of their kind."""
        lower = text.lower()
        for kind, name in names():
            if kind in integer_kinds():
                # First only which there are: they are mostly few, and do not depend on the case.
                found = {*re.findall(name + INTEGERS, lower)}
                wanted = [re.escape(each) for each in found if self._wanted_in(kind, each)]
                values = b"(" + b"|".join(wanted) + rb")" + END_OF_INTEGER if wanted else b""
            else:
                values = TEXTS
            for match in re.finditer(name + values, lower) if values else ():
                for value in self._wanted_in(kind, text[slice(*match.span(1))]):
                    yield Hit(*match.span(), kind, value)

    def _wanted_in(self, kind: str, values: bytes) -> list[str]:
        """Return the identifiers in what a pattern has found that are wanted."""
        return [value for value in values_in(kind, values) if self.wanted.spans(kind, value)]

    def _rows(self, text: bytes) -> Iterator[Hit]:
        """Return identifiers in rows of several columns: `(user_id, date) in (...)`."""
        for match in ROWS.finditer(text) if b"from values" in text else ():
            kinds = [kind_of(name.decode()) for name in match[1].split(b", ")]
            for row in re.findall(rb"\(([^()]*)\)", match[2]):
                for kind, cell in zip(kinds, row.split(b", "), strict=False):
                    if kind:
                        found = self._wanted_in(kind, cell)
                        yield from (Hit(*match.span(), kind, value) for value in found)

    def _alone(self, text: bytes) -> Iterator[Hit]:
        """Return identifiers that stand alone: long integers, mac addresses and other texts."""
        if len(self._long) > MANY:
            numbers = self._long & {*re.findall(rb"\d{7,19}", text)}
        else:
            numbers = {value for value in self._long if value in text}
        if self.wanted.record:
            numbers |= long_numbers(text)
        for value in numbers:
            for kind in integer_kinds():
                if self.wanted.spans(kind, value.decode()):
                    for match in re.finditer(value + rb"(?<![\w.-]" + value + b")" + END, text):
                        yield Hit(*match.span(), kind, value.decode())
        for pattern in MACS:
            for match in pattern.finditer(text.lower()):
                begin, end = match.start() - 2, match.end()
                for kind in {*OWNED} - integer_kinds():
                    if self.wanted.spans(kind, text[begin:end].decode()):
                        yield Hit(begin, end, kind, text[begin:end].decode())
        for kind, pattern in [*self._tokens, *self._hashed_names(text)]:
            for match in pattern.finditer(text):
                yield Hit(*match.span(), kind, match[0].decode())

    def _hashed_names(self, text: bytes) -> Iterator[tuple[str, re.Pattern[bytes]]]:
        """Return the names and streets in a text that only the record knows, as patterns."""
        if self.wanted.record and self.wanted.with_names:
            phrases = {phrase.strip() for phrase in PHRASE.findall(text)}
            for each in phrases | {word for phrase in phrases for word in WORD.findall(phrase)}:
                for kind in (NAME, ADDRESS):
                    if self.wanted.record.spans(kind, each.decode(errors="replace")):
                        yield kind, token(each)


@cache
def names() -> list[tuple[str, bytes]]:
    """Return patterns of what is before an identifier, in lower case: a name and an operator.

    Each has a kind, and begins with a word, which is fast to find.
    """
    found = []
    for stem, kind in stems().items():
        word = re.escape(stem.encode())
        end = rb"(?<![a-z0-9]" + word + rb")(?:_?(?:ids?|address(?:es)?))?"
        found.append(
            (kind, b"".join((word, end, b"(?:", END_OF_NAME, OPERATOR, b"|", PART_OF_NAME, b")")))
        )
    return found


def long_numbers(text: bytes) -> set[bytes]:
    """Return the integers of seven digits or more that stand alone and do not follow a colon."""
    lines = text.split(RECORD_SEPARATOR if RECORD_SEPARATOR in text else b"\n")
    lines = pa.array(lines, pa.large_binary())
    likely = b"\n".join(lines.filter(pc.match_substring_regex(lines, MAY_HAVE_LONG)).to_pylist())
    return {value for value in LONG_WITHOUT_NAME.findall(likely) if not value.startswith(b"0")}


def values_in(kind: str, values: bytes) -> list[str]:
    """Return the identifiers in what a pattern has found; several only in brackets."""
    is_list = values[:1] in (b"(", b"[")
    if kind in integer_kinds():
        found = re.findall(rb"-?\d+", values)
    else:
        found = [each.strip(b" '\"\\\r\n([") for each in values.split(b",")]
    return [each.decode(errors="replace") for each in (found if is_list else found[:1])]


def users_in(text: bytes) -> frozenset[str]:
    """Return the user ids that a text names."""
    return frozenset(
        value
        for kind, name in names()
        if kind == USER
        for values in re.findall(name + INTEGERS, text.lower())
        for value in values_in(kind, values)
    )


def token(text: bytes) -> re.Pattern[bytes]:
    """Return what finds a text that is no part of a longer word."""
    word, letter = re.escape(text), rb"[\w\x80-\xff]"
    before = rb"(?<!" + letter + word + rb")(?<!" + letter + rb"[:-]" + word + rb")"
    return re.compile(word + before + rb"(?!" + letter + rb"|[:-]" + letter + rb")")


def unescaped(text: bytes) -> bytes:
    """Return a text with letters instead of JSON's escapes for them, on any level."""
    return ESCAPES.sub(letters, text) if b"\\u" in text else text


def letters(escapes: re.Match[bytes]) -> bytes:
    """Return what escapes of JSON stand for; themselves if JSON needs one of them."""
    units = b"".join(re.findall(rb"u(.{4})", escapes[0])).decode()
    found = bytes.fromhex(units).decode("utf-16-be", errors="replace")
    return escapes[0] if re.search(r'["\\\x00-\x1f]', found) else found.encode()
