"""Common patterns in DuckDB's own words, for rows where both mean the same.

Rows that DuckDB cannot do go to Python: years outside 1000 to 9999, texts that do not have exactly
the digits of the pattern, dates that have to be clamped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from merganser.engine.duck import literal
from merganser.engine.functions.java_time.pattern import Element, Field, Text, parse_pattern
from merganser.engine.functions.python_function import CallFailedError

_FORMAT_DATE = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MM": "%m",
    "M": "%-m",
    "MMM": "%b",
    "MMMM": "%B",
    "dd": "%d",
    "d": "%-d",
    "DDD": "%j",
    "E": "%a",
    "EEE": "%a",
    "EEEE": "%A",
}
_FORMAT_TIME = {
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "h": "%-I",
    "mm": "%M",
    "m": "%-M",
    "ss": "%S",
    "s": "%-S",
    "SSS": "%g",
    "SSSSSS": "%f",
    "a": "%p",
}
_FORMAT_UTC = {"X": "Z", "XX": "Z", "XXX": "Z", "x": "+00", "xx": "+0000", "xxx": "+00:00"}
_PARSE = {
    "yyyy": ("%Y", "[0-9]{4}"),
    "uuuu": ("%Y", "[0-9]{4}"),
    "MM": ("%m", "[0-9]{2}"),
    "dd": ("%d", "[0-9]{2}"),
    "HH": ("%H", "[0-9]{2}"),
    "mm": ("%M", "[0-9]{2}"),
    "ss": ("%S", "[0-9]{2}"),
    "SSS": ("%g", "[0-9]{3}"),
    "X": ("Z", "Z"),
    "XX": ("Z", "Z"),
    "XXX": ("Z", "Z"),
}
_DATE_FIELDS = ({"yyyy", "uuuu"}, {"MM"}, {"dd"})


def _elements(pattern: object) -> Sequence[Element]:
    """The elements of a literal pattern; none if there is no such pattern."""
    if not isinstance(pattern, str):
        return ()
    try:
        return parse_pattern(pattern)
    except CallFailedError:
        return ()


def format_sql(sql: str, pattern: object, *, date: bool, time: bool) -> str | None:
    """A TIMESTAMP in UTC by a literal pattern, NULL for other years than 1000 to 9999.

    None if the pattern has something that DuckDB writes otherwise. `date` and `time` tell which
    letters the value has.
    """
    known: Mapping[str, str] = {
        **(_FORMAT_DATE if date else {}),
        **(_FORMAT_TIME if time else {}),
        **(_FORMAT_UTC if date and time else {}),
    }
    parts: list[str] = []
    for element in _elements(pattern):
        match element:
            case Text(text):
                parts.append(text.replace("%", "%%"))
            case Field(letter, count) if letter * count in known:
                parts.append(known[letter * count])
            case _:
                return None
    if not parts:
        return None
    written = f"strftime({sql}, {literal(''.join(parts))})"
    return f"CASE WHEN year({sql}) BETWEEN 1000 AND 9999 THEN {written} END"


def parse_sql(sql: str, pattern: object) -> str | None:
    """The TIMESTAMP that a text with exactly the digits of a literal pattern gives, else NULL.

    None if the pattern lacks a part of the date or has something that DuckDB reads otherwise.
    """
    found = _reading(pattern)
    if found is None or any(not (names & found[2]) for names in _DATE_FIELDS):
        return None
    form, shape, _ = found
    read = f"try_strptime({sql}, {literal(form)})"
    return f"CASE WHEN regexp_full_match({sql}, {literal(shape)}) THEN {read} END"


def parse_time_sql(sql: str, pattern: object) -> str | None:
    """The TIME that a text with exactly the digits of a literal pattern gives, else NULL.

    None if the pattern lacks hours or minutes, or has more than a time.
    """
    found = _reading(pattern)
    if found is None or not {"HH", "mm"} <= found[2] <= {"HH", "mm", "ss", "SSS"}:
        return None
    form, shape, _ = found
    read = f"try_strptime('2000-01-01 ' || {sql}, {literal('%Y-%m-%d ' + form)})"
    return f"CASE WHEN regexp_full_match({sql}, {literal(shape)}) THEN CAST({read} AS TIME) END"


def _reading(pattern: object) -> tuple[str, str, set[str]] | None:
    """A literal pattern for DuckDB, the shape of its texts, and its fields; None for odd ones."""
    formats: list[str] = []
    shapes: list[str] = []
    seen: set[str] = set()
    for element in _elements(pattern):
        match element:
            case Text(text) if text.isascii() and not any(c.isalnum() or c.isspace() for c in text):
                formats.append(text.replace("%", "%%"))
                shapes.append(re.escape(text))
            case Text("T" | " " as text):
                formats.append(text)
                shapes.append(text)
            case Field(letter, count) if letter * count in _PARSE and letter * count not in seen:
                name = letter * count
                seen.add(name)
                formats.append(_PARSE[name][0])
                shapes.append(_PARSE[name][1])
            case _:
                return None
    return ("".join(formats), "".join(shapes), seen) if seen else None
