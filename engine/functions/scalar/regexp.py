"""Regular expressions, with Java's patterns. The bodies run in Python."""

from __future__ import annotations

from merganser.engine.functions.function import SCALARS, ScalarFunction
from merganser.engine.functions.java_regex import compile_pattern, expand
from merganser.engine.functions.python_function import python


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


SCALARS.add(
    "REGEXP_EXTRACT",
    ScalarFunction(
        python("$regexp_extract", "(STRING, STRING) -> STRING", _extract),
        python("$regexp_extract_group", "(STRING, STRING, INT) -> STRING", _extract),
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
        python("$regexp_extract_all", "(STRING, STRING) -> ARRAY<STRING>", _extract_all),
        python("$regexp_extract_all_group", "(STRING, STRING, INT) -> ARRAY<STRING>", _extract_all),
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
        python("$regexp_replace", "(STRING, STRING, STRING) -> STRING", _replace),
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
        python("$regexp_split", "(STRING, STRING) -> ARRAY<STRING>", _split),
        doc="The parts of a text between the matches of a pattern.",
        category="REGULAR EXPRESSION",
        examples={
            "REGEXP_SPLIT_TO_ARRAY('a.b..c', '\\.')": ["a", "b", "", "c"],
            "REGEXP_SPLIT_TO_ARRAY('aBcD', '(?=[A-Z])')": ["a", "Bc", "D"],
            "REGEXP_SPLIT_TO_ARRAY(NULL, 'x')": None,
        },
    ),
)
