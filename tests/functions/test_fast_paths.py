"""Calls with literal patterns run in DuckDB where it can; they give what Python gives."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.functions.re2 import to_re2, to_re2_replacement
from tests.expressions.evaluation import Column, bind, evaluate_all

_ALPHABET = "ab1 .-_\n\r\u2028é世😀$"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _agree(calls: list[str], literals: dict[str, str], **columns: Column) -> None:
    """Calls with literals for `{P}` … give the same as with columns of the same values."""
    written = {name: _quoted(value) for name, value in literals.items()}
    names = {name: name for name in literals}
    given_as: dict[str, Column] = {name: ("STRING", value) for name, value in literals.items()}
    fast = evaluate_all([call.format(**written) for call in calls], **columns)
    slow = evaluate_all([call.format(**names) for call in calls], **columns, **given_as)
    for call, one, other in zip(calls, fast, slow, strict=True):
        assert one == other, f"{call} with {literals} of {columns}"


_PATTERNS = [
    "a",
    "[ab]+",
    "[^a]",
    "(a)(b)",
    "(a|b)1",
    "(a)?b",
    "\\d+",
    "\\D+",
    "\\w+|\\s",
    ".",
    "a.b",
    "a{2,3}",
    "a+?b",
    "^a",
    "a$",
    "\\bab\\b",
    "(?i)A",
    "a++",
    "(a)\\1",
    "[a&&[^b]]",
    "\\.",
    "x*",
    "(",
    "\\p{L}+",
    "[é世]",
]


@pytest.mark.parametrize("pattern", _PATTERNS)
def test_regular_expressions_agree(pattern: str) -> None:
    @given(st.text(_ALPHABET, max_size=8))
    @settings(max_examples=5, deadline=None, database=None, derandomize=True)
    def holds(text: str) -> None:
        column: Column = ("STRING", text)
        calls = [
            "REGEXP_EXTRACT({P}, A)",
            "REGEXP_EXTRACT({P}, A, 1)",
            "REGEXP_EXTRACT_ALL({P}, A)",
            "REGEXP_REPLACE(A, {P}, {R})",
            "REGEXP_SPLIT_TO_ARRAY(A, {P})",
        ]
        _agree(calls, {"P": pattern, "R": "<$0>"}, A=column)

    holds()


def test_what_re2_reads_otherwise_stays_in_python() -> None:
    assert [pattern for pattern in _PATTERNS if to_re2(pattern) is None] == [
        "a$",
        "\\bab\\b",
        "(?i)A",
        "a++",
        "(a)\\1",
        "[a&&[^b]]",
        "(",
        "\\p{L}+",
    ]


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        ("$1-", "\\1-"),
        ("\\$1", "$1"),
        ("a\\\\", "a\\\\"),
        ("$2", None),
        ("$12", None),
        ("\\", None),
    ],
)
def test_replacements_are_translated(replacement: str, expected: str | None) -> None:
    assert to_re2_replacement(replacement, 1) == expected


@pytest.mark.parametrize(
    "path", ["$.a", "$.b.c", "$.b", "$.n", "$.z", "$.d", "$.s", "$[0]", "a", "$"]
)
@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"b":{"c":"x\\n"},"n":null,"d":2.50,"s":"é\\u0041"}',
        '{"a":1,"a":2}',
        '{"a":"b","b":{"a":1}}',
        '{"a":1}x',
        "[1]",
        "{bad",
        "",
        '{"a":-0,"d":1E3}',
        '{"b":"c"}',
    ],
)
def test_json_look_ups_agree(text: str, path: str) -> None:
    _agree(["EXTRACTJSONFIELD(A, {P})"], {"P": path}, A=("STRING", text))


_TIME_PATTERNS = [
    "yyyy-MM-dd HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyyMMdd",
    "dd/MM/yy hh:mm a",
    "d.M.yyyy H:m:s",
    "EEE, d MMM yyyy",
    "EEEE, MMMM dd DDD",
    "uuuu-MM-dd'T'HH:mm:ssXXX",
    "HH:mm",
    "yyyy-MM",
    "100%' of 'yyyy",
    "YYYY-ww",
    "'open",
]


@pytest.mark.parametrize("pattern", _TIME_PATTERNS)
def test_formatting_agrees(pattern: str) -> None:
    @given(st.integers(-70_000_000_000_000, 260_000_000_000_000))
    @settings(max_examples=4, deadline=None, database=None, derandomize=True)
    def holds(ms: int) -> None:
        column: Column = ("BIGINT", ms)
        calls = [
            "FORMAT_TIMESTAMP(FROM_UNIXTIME(A), {P})",
            "FORMAT_TIMESTAMP(FROM_UNIXTIME(A), {P}, 'UTC')",
            "TIMESTAMPTOSTRING(A, {P})",
            "FORMAT_DATE(CAST(FROM_UNIXTIME(A) AS DATE), {P})",
            "FORMAT_TIME(CAST(FROM_UNIXTIME(A) AS TIME), {P})",
        ]
        _agree(calls, {"P": pattern}, A=column)

    holds()


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2020-02-29 10:11:12"),
        ("yyyy-MM-dd HH:mm:ss", "2021-02-30 10:11:12"),
        ("yyyy-MM-dd HH:mm:ss", "2021-02-28 24:00:00"),
        ("yyyy-MM-dd HH:mm:ss", "2021-02-28 23:59:60"),
        ("yyyy-MM-dd HH:mm:ss", "2021-2-28 1:2:3"),
        ("yyyy-MM-dd", "0001-01-01"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2020-02-29T10:11:12.345Z"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2020-02-29T10:11:12.345+0100"),
        ("yyyyMMdd", "20200229"),
        ("yyyyMMdd", "20201329"),
        ("MM-dd", "02-28"),
        ("HH:mm", "10:20"),
        ("yyyy-MM-dd", "2020-02-29x"),
    ],
)
def test_parsing_agrees(pattern: str, text: str) -> None:
    column: Column = ("STRING", text)
    calls = [
        f"{name}(A, {{P}}{zone})"
        for name in ("PARSE_TIMESTAMP", "STRINGTOTIMESTAMP")
        for zone in ("", ", 'UTC'", ", 'Europe/Paris'")
    ]
    _agree(calls, {"P": pattern}, A=column)


def test_ordinary_calls_do_not_come_to_python() -> None:
    for text in (
        "PARSE_TIMESTAMP(A, 'yyyy-MM-dd HH:mm:ss')",
        "FORMAT_TIMESTAMP(B, 'yyyy-MM-dd')",
        "REGEXP_EXTRACT('(a+)b', A, 1)",
        "EXTRACTJSONFIELD(A, '$.a.b')",
    ):
        sql = compile_expression(bind(text, A="STRING", B="TIMESTAMP")).sql
        assert sql.startswith(("coalesce(", "CASE WHEN")), sql


@pytest.mark.parametrize("scale", [-12, -3, -1, 0, 1, 2, 4])
@pytest.mark.parametrize("kind", ["DECIMAL(7, 3)", "DECIMAL(30, 2)", "DECIMAL(38, 10)"])
def test_rounding_agrees(kind: str, scale: int) -> None:
    for text in ("1234.565", "-1234.565", "0.5", "-0.5", "9999.99", "0", "1500", "-1500"):
        number = Decimal(text).quantize(Decimal("0.01"))
        columns: dict[str, Column] = {"A": (kind, number)}
        fast = evaluate_all([f"ROUND(A, {scale})", f"TRUNC(A, {scale})"], **columns)
        slow = evaluate_all(["ROUND(A, B)", "TRUNC(A, B)"], **columns, B=("INT", scale))
        assert fast == slow, f"{text} at {scale}"
