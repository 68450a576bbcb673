"""Functions of text. Positions and lengths count UTF-16 code units, as in Java."""

from __future__ import annotations

from merganser.engine.duck import literal
from merganser.engine.functions.function import SCALARS, ScalarFunction, scalar

_BLANKS = "".join(map(chr, range(1, 33)))  # DuckDB cuts a literal at chr(0).

# A text of ASCII has as many characters as bytes; others may hold characters of two UTF-16 units.
_LENGTH = (
    "CASE WHEN strlen({0}) = length({0}) THEN CAST(length({0}) AS INTEGER) "
    "ELSE CAST(length({0}) + length(regexp_replace({0}, '[^\\x{10000}-\\x{10FFFF}]', '', 'g')) "
    "AS INTEGER) END"
)

SCALARS.add(
    "LCASE",
    ScalarFunction(
        scalar("(STRING) -> STRING", "lower({0})"),
        doc="The text in lower case.",
        category="STRING",
        examples={"LCASE('Hello')": "hello", "LCASE(NULL)": None},
    ),
)
SCALARS.add(
    "UCASE",
    ScalarFunction(
        scalar("(STRING) -> STRING", "upper({0})"),
        doc="The text in upper case.",
        category="STRING",
        examples={"UCASE('Hello')": "HELLO", "UCASE(NULL)": None},
    ),
)
SCALARS.add(
    "LEN",
    ScalarFunction(
        scalar("(STRING) -> INT", _LENGTH),
        scalar("(BYTES) -> INT", "CAST(octet_length({0}) AS INTEGER)"),
        doc="Length of a text in UTF-16 units, or of bytes.",
        category="STRING",
        examples={
            "LEN('foo')": 3,
            "LEN('a😀b')": 4,
            "LEN('é')": 1,
            "LEN(TO_BYTES('0a0b', 'hex'))": 2,
            "LEN(CAST(NULL AS STRING))": None,
        },
    ),
)
SCALARS.add(
    "TRIM",
    ScalarFunction(
        scalar("(STRING) -> STRING", f"trim({{0}}, {literal(_BLANKS)})"),
        doc="The text without blanks and control characters at both ends.",
        category="STRING",
        examples={"TRIM('  a b ')": "a b", "TRIM(NULL)": None},
    ),
)
SCALARS.add(
    "CONCAT",
    ScalarFunction(
        scalar("(STRING...) -> STRING", lambda site: f"concat('', {', '.join(site.sql)})"),
        doc="All texts in a row; NULLs are left out.",
        category="STRING",
        examples={"CONCAT('a', NULL, 'b')": "ab", "CONCAT('a', 'b', 'c')": "abc"},
    ),
)
SCALARS.add(
    "REPLACE",
    ScalarFunction(
        scalar("(STRING, STRING, STRING) -> STRING", "replace({0}, {1}, {2})"),
        doc="The text with every occurrence of the second text replaced by the third.",
        category="STRING",
        examples={"REPLACE('foobar', 'o', 'x')": "fxxbar", "REPLACE('a', NULL, 'b')": None},
    ),
)
