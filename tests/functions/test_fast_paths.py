"""Calls with literal patterns run in DuckDB where it can; they give what Python gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merganser.engine import types
from merganser.engine.duck import arrow_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.functions.python_function import (
    ROW_ERRORS,
    CallFailedError,
    PythonFunction,
    Row,
    python_functions,
)
from merganser.engine.functions.re2 import to_re2, to_re2_replacement
from merganser.engine.types import ArrayType, SqlType
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
            "DATETOSTRING(UNIX_DATE(CAST(FROM_UNIXTIME(A) AS DATE)), {P})",
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
        ("HH:mm", "24:20"),
        ("HH:mm:ss.SSS", "23:59:59.999"),
        ("HH:mm:ss", "23:59:60"),
        ("HH:mm:ss", "23:59"),
        ("HHmm", "2359"),
        ("mm:ss", "59:59"),
        ("HH:mm yyyy", "10:20 2020"),
        ("uuuu-MM-dd", "2020-02-29"),
        ("yyyy-MM-dd yyyy", "2020-02-29 2021"),
        ("yyyy-MM-dd X", "2020-02-29 Z"),
        ("yyyy-MM-dd X", "2020-02-29 +05"),
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
    calls += [f"{name}(A, {{P}})" for name in ("STRINGTODATE", "PARSE_DATE", "PARSE_TIME")]
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


_URL_CALLS = ("FRAGMENT", "HOST", "PATH", "PORT", "PROTOCOL", "QUERY")
_URL_PARTS = (
    ("http", "HTTPS", "a+b.c", "1x", ""),
    ("://", ":", "//", ":///", ":/"),
    ("a.example", "example", "1.2.3.4", "[::1]", "u@h", "-a.b", "a_b", "é.de", "", "A-b.c-d"),
    ("", ":80", ":", ":99999999999", ":x", ":080"),
    ("", "/", "/p%20q/x", "/%C3%A9", "/%zz", "/[", "/a b", "//x", "/%2", "/%7f", "/é"),
    ("", "?", "?k=v", "?k=v%20w&e=&f", "?a?b=c", "?k=1&k=2", "?%26=1&&", "?k", "?%FF"),
    ("", "#", "#top", "#a#b", "#a?b", "#%41"),
)


@given(st.tuples(*(st.sampled_from(parts) for parts in _URL_PARTS)))
@settings(max_examples=150, deadline=None, database=None, derandomize=True)
def test_urls_are_taken_apart_as_in_python(parts: tuple[str, ...]) -> None:
    text = "".join(parts)
    calls = [f"URL_EXTRACT_{part}(A)" for part in _URL_CALLS]
    names = ("k", "f", "", "&", "a?b", "zz")
    calls += [f"URL_EXTRACT_PARAMETER(A, {_quoted(name)})" for name in names]
    fast = [value for value, _ in evaluate_all(calls, A=("STRING", text))]
    rows: list[Callable[[], object]] = [
        lambda part=part: python_functions()[f"$url_extract_{part.lower()}"].row(text)  # type: ignore[misc]
        for part in _URL_CALLS
    ]
    rows += [
        lambda name=name: python_functions()["$url_extract_parameter"].row(text, name)  # type: ignore[misc]
        for name in names
    ]
    assert fast == [_or_none(row) for row in rows], text


def _or_none(row: Callable[[], object]) -> object:
    try:
        return row()
    except ROW_ERRORS:
        return None


_ANGLES = st.one_of(
    st.floats(-200, 200), st.sampled_from([0.0, 90.0, -90.0, 180.0, -180.0, 90.5, math.inf])
)


@given(st.tuples(_ANGLES, _ANGLES, _ANGLES, _ANGLES))
@settings(max_examples=60, deadline=None, database=None, derandomize=True)
def test_distances_agree(angles: tuple[float, ...]) -> None:
    columns: dict[str, Column] = {
        name: ("DOUBLE", angle) for name, angle in zip("ABCD", angles, strict=True)
    }
    for unit in ("km", "miles", "x"):
        (fast, failed), (slow, fails) = evaluate_all(
            [f"GEO_DISTANCE(A, B, C, D, '{unit}')", "GEO_DISTANCE(A, B, C, D, U)"],
            **columns,
            U=("STRING", unit),
        )
        assert failed == fails
        assert fast == slow or math.isclose(fast, slow, rel_tol=1e-14)  # type: ignore[arg-type]


# ------------------------------------------------------------------ once for equal arguments


def _function(row: Row, *kinds: SqlType) -> PythonFunction:
    return PythonFunction("$f", kinds, types.STRING, row, pass_nulls=True, raises=True)


def test_python_is_called_once_for_equal_arguments() -> None:
    seen: list[object] = []

    def row(text: str | None, pattern: str) -> str:
        seen.append(text)
        if text == "bad":
            raise CallFailedError
        return f"{text}{pattern}"

    texts = ["a", None, "bad", "a", "b", "b", "a", None, "bad"]
    columns = [pa.chunked_array([texts]), pa.chunked_array([["!"] * len(texts)])]
    function = _function(row, types.STRING, types.STRING)
    expected = ["a!", "None!", None, "a!", "b!", "b!", "a!", "None!", None]
    assert function.values(*columns).to_pylist() == expected
    assert len(seen) == len(set(texts))
    assert function.failed(*columns).to_pylist() == [text == "bad" for text in texts]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (types.DOUBLE, [0.0, -0.0, math.nan, 0.0, None, -0.0]),
        (types.BIGINT, [1, 2, None, 1, 1, 2]),
        (ArrayType(types.STRING), [["a"], ["a"], [], None, [None], ["a", "b"]]),
        (ArrayType(types.DOUBLE), [[0.0], [-0.0], [0.0], None, [], [-0.0]]),
        (types.BYTES, [b"", b"a", b"", None, b"a", b"b"]),
        (types.STRING, []),
        (ArrayType(types.STRING), [[], [], []]),
        (ArrayType(types.STRING), [["a", "b"], ["a", "b"], ["b", None]]),
    ],
)
def test_equal_means_indistinguishable(kind: SqlType, column: list[object]) -> None:
    function = _function(repr, kind)
    given_column = pa.chunked_array([pa.array(column, arrow_type(kind))])
    assert function.values(given_column).to_pylist() == [repr(value) for value in column]
