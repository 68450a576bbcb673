"""Functions of text. Positions and lengths count UTF-16 code units, as in Java."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.functions.function import (
    SCALARS,
    CallSite,
    Nulls,
    ScalarFunction,
    last,
    scalar,
)
from merganser.engine.functions.python_function import define, python
from merganser.engine.functions.utf16 import (
    ascii_or,
    bmp_or,
    from_units,
    is_whitespace,
    to_units,
)

# What Java's trim takes away; DuckDB has no escape for chr(0).
_BLANKS = "(chr(0) || E'" + "".join(f"\\x{code:02x}" for code in range(1, 33)) + "')"


def _initcap(text: str) -> str:
    """Lower case, but the first letter of each word; blanks in front are lost."""
    words: list[str] = []
    start = True
    for letter in text.lower():
        blank = is_whitespace(letter)
        if blank and not words:
            continue
        words.append(letter.upper() if start else letter)
        start = blank
    return "".join(words)


define("$lower", (types.STRING,), types.STRING, str.lower)
define("$upper", (types.STRING,), types.STRING, str.upper)
define("$replace", (types.STRING,) * 3, types.STRING, str.replace)
define("$length", (types.STRING,), types.INTEGER, lambda text: len(to_units(text)))

SCALARS.add(
    "LCASE",
    ScalarFunction(
        scalar("(STRING) -> STRING", ascii_or("lower({0})", '"$lower"({0})')),
        doc="The text in lower case.",
        category="STRING",
        examples={"LCASE('Hello')": "hello", "LCASE('ΑΣ')": "ας", "LCASE(NULL)": None},
    ),
)
SCALARS.add(
    "UCASE",
    ScalarFunction(
        scalar("(STRING) -> STRING", ascii_or("upper({0})", '"$upper"({0})')),
        doc="The text in upper case.",
        category="STRING",
        examples={"UCASE('Hello')": "HELLO", "UCASE('ß')": "SS", "UCASE(NULL)": None},
    ),
)
SCALARS.add(
    "INITCAP",
    ScalarFunction(
        python("$initcap", "(STRING) -> STRING", _initcap, raises=False),
        doc="The text with each word's first letter in upper case and all others in lower case.",
        category="STRING",
        examples={"INITCAP('the quick')": "The Quick", "INITCAP(NULL)": None},
    ),
)
SCALARS.add(
    "LEN",
    ScalarFunction(
        scalar("(STRING) -> INT", bmp_or("CAST(length({0}) AS INTEGER)", '"$length"({0})')),
        last(scalar("(BYTES) -> INT", "CAST(octet_length({0}) AS INTEGER)")),
        doc="Length of a text in UTF-16 units, or number of bytes.",
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
        scalar(
            "(STRING) -> STRING",
            # DuckDB's trim takes its time, and few texts need it.
            "CASE WHEN unicode({0}) > 32 AND unicode(right({0}, 1)) > 32 THEN {0} "
            f"ELSE trim({{0}}, {_BLANKS}) END",
        ),
        doc="The text without blanks and control characters at both ends.",
        category="STRING",
        examples={"TRIM('  a b ')": "a b", "TRIM(NULL)": None},
    ),
)
SCALARS.add(
    "MD5",
    ScalarFunction(
        scalar("(STRING) -> STRING", "md5({0})"),
        doc="Hex MD5 digest of the UTF-8 bytes of a text.",
        category="STRING",
        examples={"MD5('r1')": "7c92cf1eee8d99cc85f8355a3d6e4b86", "MD5(NULL)": None},
    ),
)


_EMPTY = "''"


def _concat_bytes(site: CallSite) -> str:
    parts = [f"coalesce({sql}, CAST('' AS BLOB))" for sql in site.sql]
    return "(" + " || ".join(parts) + ")"


def _concat_ws_bytes(separator: bytes | None, items: list[bytes | None]) -> bytes | None:
    if separator is None:
        return None
    return separator.join(item for item in items if item is not None)


SCALARS.add(
    "CONCAT",
    ScalarFunction(
        scalar(
            "(inputs STRING...) -> STRING",
            lambda site: f"concat({', '.join(site.sql or (_EMPTY,))})",
            nulls=Nulls.PASS,
        ),
        last(scalar("(inputs BYTES...) -> BYTES", _concat_bytes, nulls=Nulls.PASS)),
        doc="All texts, or all bytes, in a row; NULLs are left out.",
        category="STRING",
        examples={"CONCAT('a', NULL, 'b')": "ab", "CONCAT('a', 'b', 'c')": "abc", "CONCAT()": ""},
    ),
)
SCALARS.add(
    "CONCAT_WS",
    ScalarFunction(
        scalar("(STRING) -> STRING", "CAST(NULL AS VARCHAR)", fails="TRUE", nulls=Nulls.PASS),
        scalar("(STRING, STRING, STRING...) -> STRING", "concat_ws({args})", nulls=Nulls.PASS),
        last(
            python(
                "$concat_ws_bytes",
                "(BYTES, BYTES...) -> BYTES",
                _concat_ws_bytes,
                nulls=Nulls.PASS,
                raises=False,
            )
        ),
        doc="All texts, or all bytes, with a separator between them; NULLs are left out.",
        category="STRING",
        examples={
            "CONCAT_WS(', ', 'apple', NULL, 'date')": "apple, date",
            "CONCAT_WS(NULL, 'a', 'b')": None,
        },
    ),
)
SCALARS.add(
    "REPLACE",
    ScalarFunction(
        scalar(
            "(STRING, STRING, STRING) -> STRING",
            "CASE WHEN {1} = '' THEN \"$replace\"({0}, {1}, {2}) ELSE replace({0}, {1}, {2}) END",
        ),
        doc="The text with every occurrence of the second text replaced by the third.",
        category="STRING",
        examples={"REPLACE('foobar', 'o', 'x')": "fxxbar", "REPLACE('a', NULL, 'b')": None},
    ),
)


# ------------------------------------------------------------------ parts


def _part(length: int, position: int, count: int | None) -> slice:
    """The units of a SUBSTRING: 1-based, negative positions from the end."""
    start = max(length + position, 0) if position < 0 else max(position - 1, 0)
    if count is None:
        return slice(start, None)
    return slice(start, start + max(count, 0))


def _substring(text: str, position: int, count: int | None = None) -> str:
    units = to_units(text)
    return from_units(units[_part(len(units), position, count)])


def _substring_bytes(raw: bytes, position: int, count: int | None = None) -> bytes:
    return raw[_part(len(raw), position, count)]


define("$substring", (types.STRING, types.INTEGER), types.STRING, _substring)
define("$substring_length", (types.STRING, types.INTEGER, types.INTEGER), types.STRING, _substring)
_START = (
    "CASE WHEN {1} < 0 THEN greatest(length({0}) + {1} + 1, 1) WHEN {1} = 0 THEN 1 ELSE {1} END"
)
SCALARS.add(
    "SUBSTRING",
    ScalarFunction(
        scalar(
            "(str STRING, pos INT, length INT) -> STRING",
            bmp_or(
                f"substring({{0}}, {_START}, CASE WHEN {{2}} < 0 THEN 0 ELSE {{2}} END)",
                '"$substring_length"({0}, {1}, {2})',
            ),
        ),
        python(
            "$substring_bytes_length",
            "(bytes BYTES, pos INT, length INT) -> BYTES",
            _substring_bytes,
            raises=False,
        ),
        python(
            "$substring_bytes", "(bytes BYTES, pos INT) -> BYTES", _substring_bytes, raises=False
        ),
        scalar(
            "(str STRING, pos INT) -> STRING",
            bmp_or(f"substring({{0}}, {_START})", '"$substring"({0}, {1})'),
        ),
        doc="The part of a text or of bytes from a position on (1-based, negative from the end).",
        category="STRING",
        examples={
            "SUBSTRING('stream', 2)": "tream",
            "SUBSTRING('stream', -3, 2)": "ea",
            "SUBSTRING('stream', 0, 2)": "st",
            "SUBSTRING('stream', 9)": "",
            "SUBSTRING('a😀b', 4)": "b",
            "SUBSTRING(CAST(NULL AS STRING), 1)": None,
        },
    ),
)


def _padding(left: str | bytes, length: int, pad: str | bytes) -> str | bytes | None:
    """What has to be added to reach a length; None where there is no such text."""
    if length < 0 or not pad:
        return None
    missing = max(length - len(left), 0)
    return (pad * (missing // len(pad) + 1))[:missing]


def _lpad(text: str, length: int, pad: str) -> str | None:
    units, fill = to_units(text), _padding(to_units(text), length, to_units(pad))
    return from_units(str(fill) + units[:length]) if fill is not None else None


def _rpad(text: str, length: int, pad: str) -> str | None:
    units, fill = to_units(text), _padding(to_units(text), length, to_units(pad))
    return from_units(units[:length] + str(fill)) if fill is not None else None


def _lpad_bytes(raw: bytes, length: int, pad: bytes) -> bytes | None:
    fill = _padding(raw, length, pad)
    return fill + raw[:length] if isinstance(fill, bytes) else None


def _rpad_bytes(raw: bytes, length: int, pad: bytes) -> bytes | None:
    fill = _padding(raw, length, pad)
    return raw[:length] + fill if isinstance(fill, bytes) else None


_PAD_TYPES = (types.STRING, types.INTEGER, types.STRING)
define("$lpad", _PAD_TYPES, types.STRING, _lpad)
define("$rpad", _PAD_TYPES, types.STRING, _rpad)


def _pad_sql(name: str) -> str:
    return (
        "CASE WHEN {1} < 0 OR {2} = '' THEN NULL "
        "WHEN strlen({0}) = length({0}) AND strlen({2}) = length({2}) "
        f'THEN {name}({{0}}, {{1}}, {{2}}) ELSE "${name}"({{0}}, {{1}}, {{2}}) END'
    )


_PAD_EXAMPLES: dict[str, tuple[str, str]] = {"LPAD": ("-=-fo", "fo"), "RPAD": ("fo-=-", "fo")}
for _name, _bytes in (("LPAD", _lpad_bytes), ("RPAD", _rpad_bytes)):
    _side = "front" if _name == "LPAD" else "the end"
    SCALARS.add(
        _name,
        ScalarFunction(
            scalar("(STRING, INT, STRING) -> STRING", _pad_sql(_name.lower())),
            python(f"${_name.lower()}_bytes", "(BYTES, INT, BYTES) -> BYTES", _bytes, raises=False),
            doc=f"A text or bytes cut or filled up in {_side} to a length.",
            category="STRING",
            examples={
                f"{_name}('fo', 5, '-=')": _PAD_EXAMPLES[_name][0],
                f"{_name}('foo', 2, 'x')": _PAD_EXAMPLES[_name][1],
                f"{_name}('foo', 5, '')": None,
                f"{_name}('foo', -1, 'x')": None,
                f"{_name}(CAST(NULL AS STRING), 5, 'x')": None,
            },
        ),
    )
