"""Regular expressions, with Java's patterns.

Literal ones that RE2 reads alike run in DuckDB, all others in Python.
"""

from __future__ import annotations

from collections.abc import Callable

from merganser.engine.duck import literal
from merganser.engine.functions.function import SCALARS, CallSite, Overload, ScalarFunction
from merganser.engine.functions.java_regex import compile_pattern, expand
from merganser.engine.functions.python_function import python, sql_or_python
from merganser.engine.functions.re2 import Re2, to_re2, to_re2_replacement

_Maker = Callable[[CallSite, str], str | None]


def _extract(pattern: str, text: str, group: int = 0) -> str | None:
    compiled = compile_pattern(pattern)
    found = compiled.search(text)
    if found is None or not 0 <= group <= compiled.groups:
        return None
    value: str | None = found.group(group)
    return value


def _extract_all(pattern: str, text: str, group: int = 0) -> list[str | None] | None:
    compiled = compile_pattern(pattern)
    if not 0 <= group <= compiled.groups:
        return None
    return [found.group(group) for found in compiled.finditer(text)]


def _replace(text: str, pattern: str, replacement: str) -> str:
    parts: list[str] = []
    end = 0
    for found in compile_pattern(pattern).finditer(text):
        parts.append(text[end : found.start()])
        parts.append(expand(found, replacement))
        end = found.end()
    return "".join(parts) + text[end:]


def _split(text: str, pattern: str) -> list[str]:
    """Guava's Splitter; a pattern that matches nothing goes the way of `String.split`."""
    compiled = compile_pattern(pattern)
    parts: list[str] = []
    end = 0
    if compiled.search("") is None:
        for found in compiled.finditer(text):
            parts.append(text[end : found.start()])
            end = found.end()
        return [*parts, text[end:]]
    for found in compiled.finditer(text):
        if found.end() == 0 or (found.start() == found.end() == len(text)):
            continue
        parts.append(text[end : found.start()])
        end = found.end()
    parts.append(text[end:])
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


# ------------------------------------------------------------------ in SQL, where RE2 is alike


def _group(site: CallSite, re2: Re2) -> int | None:
    """The literal group that is wanted, or None if Python has to look."""
    number = site.literals[2] if len(site.sql) > 2 else 0
    if not isinstance(number, int) or not 0 <= number <= re2.group_count:
        return None
    return number if number == 0 or re2.groups_always_match else None


def _extract_sql(site: CallSite, _slow: str) -> str | None:
    re2 = to_re2(site.literals[0])
    group = _group(site, re2) if re2 is not None else None
    if re2 is None or group is None:
        return None
    arguments = f"{site.sql[1]}, {literal(re2.pattern)}"
    return f"CASE WHEN regexp_matches({arguments}) THEN regexp_extract({arguments}, {group}) END"


def _extract_all_sql(site: CallSite, _slow: str) -> str | None:
    re2 = to_re2(site.literals[0])
    group = _group(site, re2) if re2 is not None else None
    if re2 is None or group is None or re2.matches_empty:
        return None
    return f"regexp_extract_all({site.sql[1]}, {literal(re2.pattern)}, {group})"


def _replace_sql(site: CallSite, _slow: str) -> str | None:
    re2 = to_re2(site.literals[1])
    if re2 is None or re2.matches_empty:
        return None
    replacement = to_re2_replacement(site.literals[2], re2.group_count)
    if replacement is None:
        return None
    arguments = f"{site.sql[0]}, {literal(re2.pattern)}, {literal(replacement)}"
    return f"regexp_replace({arguments}, 'g')"


def _split_sql(site: CallSite, _slow: str) -> str | None:
    re2 = to_re2(site.literals[1])
    if re2 is None or re2.matches_empty:
        return None
    return f"string_split_regex({site.sql[0]}, {literal(re2.pattern)})"


def _regexp(name: str, signature: str, row: Callable[..., object], make: _Maker) -> Overload:
    return sql_or_python(python(name, signature, row), make)


SCALARS.add(
    "REGEXP_EXTRACT",
    ScalarFunction(
        _regexp("$regexp_extract", "(STRING, STRING) -> STRING", _extract, _extract_sql),
        _regexp("$regexp_extract_group", "(STRING, STRING, INT) -> STRING", _extract, _extract_sql),
        doc="The first match of a pattern in a text, or of one of its groups. Pattern first.",
        category="REGULAR EXPRESSION",
        examples={
            "REGEXP_EXTRACT('.*', 'test string')": "test string",
            "REGEXP_EXTRACT('(.*) (.*)', 'test string', 2)": "string",
            "REGEXP_EXTRACT('x', 'abc')": None,
            "REGEXP_EXTRACT(NULL, 'abc')": None,
            "REGEXP_EXTRACT('(', 'abc')": None,
        },
    ),
)
SCALARS.add(
    "REGEXP_EXTRACT_ALL",
    ScalarFunction(
        _regexp(
            "$regexp_extract_all",
            "(STRING, STRING) -> ARRAY<STRING>",
            _extract_all,
            _extract_all_sql,
        ),
        _regexp(
            "$regexp_extract_all_group",
            "(STRING, STRING, INT) -> ARRAY<STRING>",
            _extract_all,
            _extract_all_sql,
        ),
        doc="All matches of a pattern in a text, or of one of its groups. Pattern first.",
        category="REGULAR EXPRESSION",
        examples={
            "REGEXP_EXTRACT_ALL('ab*', 'abbacab')": ["abb", "a", "ab"],
            "REGEXP_EXTRACT_ALL('x', 'abc')": [],
            "REGEXP_EXTRACT_ALL('x', NULL)": None,
        },
    ),
)
SCALARS.add(
    "REGEXP_REPLACE",
    ScalarFunction(
        _regexp("$regexp_replace", "(STRING, STRING, STRING) -> STRING", _replace, _replace_sql),
        doc="The text with every match of a pattern replaced; `$1` is a group.",
        category="REGULAR EXPRESSION",
        examples={
            "REGEXP_REPLACE('foobar', 'fo(o)', '$1-')": "o-bar",
            "REGEXP_REPLACE('foo', NULL, 'x')": None,
            "REGEXP_REPLACE('foo', 'o', '$9')": None,
        },
    ),
)
SCALARS.add(
    "REGEXP_SPLIT_TO_ARRAY",
    ScalarFunction(
        _regexp("$regexp_split", "(STRING, STRING) -> ARRAY<STRING>", _split, _split_sql),
        doc="The parts of a text between the matches of a pattern.",
        category="REGULAR EXPRESSION",
        examples={
            "REGEXP_SPLIT_TO_ARRAY('a.b..c', '\\.')": ["a", "b", "", "c"],
            "REGEXP_SPLIT_TO_ARRAY('aBcD', '(?=[A-Z])')": ["a", "Bc", "D"],
            "REGEXP_SPLIT_TO_ARRAY(NULL, 'x')": None,
        },
    ),
)
