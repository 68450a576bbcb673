"""Comparisons are two-valued; text, times, NaN and maps compare as in Java."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

from merganser.errors import TypeMismatchError
from tests.expressions.evaluation import Column, bind, evaluate, passes, value_of

OPERATORS = ("=", "<>", "<", "<=", ">", ">=")


@pytest.mark.parametrize("op", OPERATORS)
def test_null_compares_as_false(op: str) -> None:
    for left, right in ((None, 1), (1, None), (None, None)):
        found = evaluate(f"A {op} B", A=("INT", left), B=("INT", right))
        assert (found.value, found.failed) == (False, False)
        assert value_of(f"NOT (A {op} B)", A=("INT", left), B=("INT", right)) is True
        assert passes(f"NOT (A {op} B)", A=("INT", left), B=("INT", right))
        assert not passes(f"A {op} B", A=("INT", left), B=("INT", right))


def test_distinct_sees_null() -> None:
    for left, right, distinct in (
        (None, 1, True),
        (None, None, False),
        (1, 1, False),
        (1, 2, True),
    ):
        columns: dict[str, Column] = {"A": ("INT", left), "B": ("INT", right)}
        assert value_of("A IS DISTINCT FROM B", **columns) is distinct
        assert value_of("A IS NOT DISTINCT FROM B", **columns) is not distinct


def test_nan_is_neither_equal_nor_different() -> None:
    for op in OPERATORS:
        for left, right in ((math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan)):
            columns: dict[str, Column] = {"A": ("DOUBLE", left), "B": ("DOUBLE", right)}
            assert value_of(f"A {op} B", **columns) is False
    assert passes("A > 1", A=("DOUBLE", math.inf))
    assert not passes("A > 1", A=("DOUBLE", math.nan))


def test_decimals_compare_exactly() -> None:
    large = Decimal(9007199254740993)
    assert value_of("A = B", A=("DECIMAL(20, 0)", large), B=("DOUBLE", 9007199254740992.0)) is False
    assert value_of("A = 1.5", A=("DECIMAL(5, 3)", Decimal("1.500"))) is True
    assert value_of("A = 0.1E0", A=("DECIMAL(5, 3)", Decimal("0.1"))) is True
    assert (
        value_of("A < B", A=("DECIMAL(38, 20)", 1), B=("DECIMAL(31, 0)", Decimal(10**30))) is True
    )


def test_text_compares_by_utf16_units() -> None:
    columns: dict[str, Column] = {"A": ("STRING", "\uffee"), "B": ("STRING", "😀")}
    assert value_of("A < B", **columns) is False
    assert value_of("A > B", **columns) is True
    assert value_of("A < 'b'", A=("STRING", "a")) is True


def test_text_next_to_a_time_is_read_as_one() -> None:
    day, moment = dt.date(2020, 2, 29), dt.datetime(2020, 2, 29)  # noqa: DTZ001 — without a zone.
    assert value_of("A = '2020-02-29'", A=("DATE", day)) is True
    assert value_of("A > '2020'", A=("TIMESTAMP", moment)) is True
    assert value_of("A = '01:00'", A=("TIME", dt.time(1))) is True
    assert value_of("A = B", A=("TIMESTAMP", moment), B=("DATE", day)) is True


def test_text_that_is_no_time_fails_only_next_to_a_value() -> None:
    assert evaluate("A > '1:00'", A=("TIME", dt.time(1))).failed
    assert evaluate("A > '1:00'", A=("TIME", None)).value is False


def test_event_time_compares_with_a_timestamp_text() -> None:
    assert value_of("ROWTIME = '1970-01-01T00:00:01'") is True
    assert value_of("ROWTIME BETWEEN '1970' AND '1970-01-01T00:00:02+0000'") is True


def test_collections_compare_deeply() -> None:
    one, other = "MAP('a' := 1, 'b' := A)", "MAP('b' := A, 'a' := 1)"
    assert value_of(f"{one} = {other}", A=("INT", None)) is True
    assert value_of("ARRAY[A, 1] = ARRAY[B, 1]", A=("INT", None), B=("INT", None)) is True
    assert value_of("STRUCT(X := A) <> STRUCT(X := 2)", A=("INT", 1)) is True


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("A IN (1, 2)", 2, True),
        ("A IN (1, NULL)", None, False),
        ("A NOT IN (1)", None, True),
        ("A IN ('1', '2')", 2, True),
        ("A IN (1, '2147483648')", 1, True),
        ("A IN (1.0, 2)", 1, True),
        ("A BETWEEN 1 AND 3", 3, True),
        ("A NOT BETWEEN 1 AND 3", None, True),
        ("A IS NULL", None, True),
        ("A IS NOT NULL", None, False),
    ],
)
def test_predicates_of_an_int(text: str, value: object, expected: bool) -> None:
    assert value_of(text, A=("INT", value)) is expected
    assert passes(text, A=("INT", value)) is expected


@pytest.mark.parametrize(
    ("kind", "value", "items", "expected"),
    [
        ("STRING", "10", "(true, 10, '10.1')", True),
        ("STRING", "true", "(true, 10)", True),
        ("BOOLEAN", True, "('yes', 'no')", True),
        ("DECIMAL(6, 2)", Decimal("10.50"), "('10.5')", True),
        ("ARRAY<INT>", [1, 2], "(ARRAY['1', '2'])", True),
        ("ARRAY<INT>", [1, None], "(ARRAY[1, NULL])", True),
        ("DATE", dt.date(2020, 2, 29), "('2020-02-29')", True),
    ],
)
def test_items_of_in_become_the_operands_type(
    kind: str, value: object, items: str, expected: bool
) -> None:
    assert value_of(f"A IN {items}", A=(kind, value)) is expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("abc", "a%", True),
        ("abc", "a_c", True),
        ("abc", "A%", False),
        ("a\nb", "a%b", False),
        ("a\u2028b", "a_b", False),
        ("a\nb", "a\nb", True),
        ("a\nbc", "a\nb%", True),
        ("😀", "_", True),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        ("a%c", "a\\%c", False),
        ("", "%", True),
    ],
)
def test_like(text: str, pattern: str, expected: bool) -> None:
    quoted = pattern.replace("'", "''")
    assert value_of(f"A LIKE '{quoted}'", A=("STRING", text)) is expected
    assert value_of("A LIKE B", A=("STRING", text), B=("STRING", pattern)) is expected
    assert value_of("A NOT LIKE B", A=("STRING", text), B=("STRING", pattern)) is not expected


def test_like_with_escape() -> None:
    assert value_of("A LIKE 'a!%%' ESCAPE '!'", A=("STRING", "a%b")) is True
    assert value_of("A LIKE 'a!%%' ESCAPE '!'", A=("STRING", "ab")) is False
    assert value_of("A LIKE B ESCAPE '!'", A=("STRING", "x%"), B=("STRING", "x!%")) is True
    assert evaluate("A LIKE 'a!' ESCAPE '!'", A=("STRING", "a")).failed
    assert evaluate("A LIKE B ESCAPE '!'", A=("STRING", "a"), B=("STRING", "a!")).failed


def test_like_of_null_fails() -> None:
    found = evaluate("A LIKE 'a%'", A=("STRING", None))
    assert (found.value, found.failed) == (None, True)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (("STRING", "true"), ("BOOLEAN", True), False),
        (("ARRAY<INT>", [1]), ("MAP<STRING, INT>", {"a": 1}), False),
        (("BYTES", b"1"), ("STRING", "1"), None),
        (("BYTES", b"1"), ("STRING", None), False),
        (("DECIMAL(4, 2)", Decimal("1.50")), ("STRING", "1.5"), True),
        (("DECIMAL(4, 2)", Decimal("1.50")), ("STRING", "x"), None),
        (("ARRAY<INT>", None), ("STRUCT<X INT>", None), False),
    ],
)
def test_under_not_unlike_types_are_not_refused(
    left: Column, right: Column, equal: bool | None
) -> None:
    columns: dict[str, Column] = {"A": left, "B": right}
    assert value_of("NOT (A = B)", **columns) is (None if equal is None else not equal)
    both_null = left[1] is None and right[1] is None
    assert value_of("A IS NOT DISTINCT FROM B", **columns) is (both_null or equal)
    for text in ("A = B", "A IS DISTINCT FROM B", "NOT (A < B)"):
        with pytest.raises(TypeMismatchError, match="cannot compare"):
            bind(text, A=left[0], B=right[0])


@pytest.mark.parametrize("right", ["INT", "DATE"])
def test_under_not_some_pairs_are_refused_all_the_same(right: str) -> None:
    with pytest.raises(TypeMismatchError, match="cannot compare"):
        bind("NOT (A = B)", A="BYTES", B=right)
