"""Arithmetic: integers that wrap, decimals that refuse to round, IEEE doubles, NULL that fails."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.expressions.evaluation import Result, bind, evaluate, evaluate_all, value_of

INT_MAX, BIGINT_MAX = 2**31 - 1, 2**63 - 1


def _wrapped(number: int, bits: int) -> int:
    low = number & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def _java(op: str, left: int, right: int, bits: int) -> int | None:
    """`left op right` as Java calculates it; None where it throws."""
    if op in "/%" and right == 0:
        return None
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1) if right else 0
    exact = {
        "+": left + right,
        "-": left - right,
        "*": left * right,
        "/": quotient,
        "%": left - quotient * right,
    }[op]
    return _wrapped(exact, bits)


@pytest.mark.parametrize("op", list("+-*/%"))
@pytest.mark.parametrize(("kind", "bits"), [("INT", 32), ("BIGINT", 64)])
def test_integers_wrap_as_in_java(op: str, kind: str, bits: int) -> None:
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    edges = [least, least + 1, -7, -1, 0, 1, 2, 7, most - 1, most]
    for left in edges:
        for right in edges:
            found = evaluate(f"A {op} B", A=(kind, left), B=(kind, right))
            expected = _java(op, left, right, bits)
            assert found.value == expected, f"{left} {op} {right}"
            assert found.failed is (expected is None)


_LEAVES = st.sampled_from(["A", "B", "C", "2147483647", "-3", "7"])


def _trees(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner)
    return st.one_of(
        pairs.map(lambda part: f"({part[0]} {part[1]} {part[2]})"), inner.map(lambda x: f"(- {x})")
    )


@given(
    st.recursive(_LEAVES, _trees, max_leaves=6), st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 3)
)
@settings(max_examples=60, deadline=None, database=None, derandomize=True)
def test_trees_of_integers_wrap_at_every_step(text: str, values: tuple[int, int, int]) -> None:
    a, b, c = values
    exact = eval(text, {"A": a, "B": b, "C": c})  # noqa: S307 — our own text.
    # Wrapping is a homomorphism of rings, so the exact result tells that of every step.
    assert value_of(text, A=("INT", a), B=("INT", b), C=("INT", c)) == _wrapped(exact, 32)


@pytest.mark.parametrize("text", ["A + B", "B - A", "A * B", "A / B", "B % A", "-(A + B)"])
@pytest.mark.parametrize("kind", ["INT", "BIGINT", "DOUBLE", "DECIMAL(4, 2)"])
def test_null_operand_fails(text: str, kind: str) -> None:
    for null, other in (("A", "B"), ("B", "A")):
        columns = {null: (kind, None), other: (kind, 1)}
        assert evaluate(text, **columns) == Result(
            None, True, bind(text, A=kind, B=kind).result_type
        )


def test_mixed_integers_are_calculated_in_the_wider() -> None:
    assert value_of("A + B", A=("INT", INT_MAX), B=("BIGINT", 1)) == 2**31
    assert value_of("A * A + B", A=("INT", INT_MAX), B=("BIGINT", 1)) == 2


def test_doubles_are_those_of_ieee() -> None:
    assert value_of("A / B", A=("DOUBLE", 1), B=("DOUBLE", 0)) == math.inf
    assert value_of("A / B", A=("DOUBLE", -1), B=("DOUBLE", 0)) == -math.inf
    assert math.isnan(float(str(value_of("A / B", A=("DOUBLE", 0), B=("DOUBLE", 0)))))
    assert value_of("A % B", A=("DOUBLE", -7.5), B=("DOUBLE", 2)) == -1.5
    assert not evaluate("A / B", A=("DOUBLE", 1), B=("DOUBLE", 0)).failed


@pytest.mark.parametrize(
    ("text", "left", "right", "kind", "value"),
    [
        ("A + B", ("DECIMAL(3, 1)", "99.9"), ("DECIMAL(3, 1)", "99.9"), "DECIMAL(4, 1)", "199.8"),
        (
            "A - B",
            ("DECIMAL(3, 1)", "1.0"),
            ("DECIMAL(5, 5)", "0.11111"),
            "DECIMAL(8, 5)",
            "0.88889",
        ),
        (
            "A * B",
            ("DECIMAL(10, 0)", 999999999),
            ("DECIMAL(10, 0)", 999999999),
            "DECIMAL(21, 0)",
            "999999998000000001",
        ),
        (
            "A / B",
            ("DECIMAL(3, 1)", "-99.9"),
            ("DECIMAL(3, 1)", "1"),
            "DECIMAL(9, 6)",
            "-99.900000",
        ),
        ("A / B", ("DECIMAL(3, 1)", "1"), ("DECIMAL(3, 1)", "3"), "DECIMAL(9, 6)", None),
        ("A / B", ("DECIMAL(3, 1)", "1"), ("DECIMAL(3, 1)", "0"), "DECIMAL(9, 6)", None),
        ("A % B", ("DECIMAL(3, 1)", "-99.9"), ("DECIMAL(3, 1)", "1"), "DECIMAL(3, 1)", "-0.9"),
        ("A % B", ("DECIMAL(10, 0)", 9999999999), ("DECIMAL(3, 1)", "99.9"), "DECIMAL(3, 1)", None),
        (
            "A % B",
            ("DECIMAL(10, 0)", 9999999999),
            ("DECIMAL(10, 5)", "99999.99999"),
            "DECIMAL(10, 5)",
            "0.00000",
        ),
        ("A + B", ("INT", 1), ("DECIMAL(4, 2)", "1.50"), "DECIMAL(13, 2)", "2.50"),
        (
            "A * B",
            ("DECIMAL(4, 2)", "-99.99"),
            ("BIGINT", BIGINT_MAX),
            "DECIMAL(24, 2)",
            "-922244969965109032941.93",
        ),
        (
            "A + B",
            ("DECIMAL(38, 10)", "9999999999999999999999999999.9999999999"),
            ("DECIMAL(38, 10)", "0.0000000001"),
            "DECIMAL(39, 10)",
            "10000000000000000000000000000.0000000000",
        ),
        (
            "A / B",
            ("DECIMAL(38, 10)", "1"),
            ("DECIMAL(38, 10)", "8"),
            "DECIMAL(87, 49)",
            "0.1250000000000000000000000000000000000000000000000",
        ),
        ("A * A * A", ("DECIMAL(4, 2)", "1.50"), ("INT", 0), "DECIMAL(14, 6)", "3.375000"),
    ],
)
def test_decimals_are_exact_or_fail(
    text: str, left: tuple[str, object], right: tuple[str, object], kind: str, value: str | None
) -> None:
    columns = {name: (each, _decimal(given)) for name, (each, given) in (("A", left), ("B", right))}
    found = evaluate(text, **columns)
    assert found.type.sql() == kind
    assert str(found.value) == str(value)
    assert found.failed is (value is None)


def _decimal(given: object) -> object:
    return Decimal(given) if isinstance(given, str) else given


def test_decimal_with_double_is_a_double() -> None:
    found = evaluate("A + B", A=("DECIMAL(4, 2)", Decimal("1.50")), B=("DOUBLE", 0.5))
    assert (found.value, found.type.sql()) == (2.0, "DOUBLE")


def test_text_is_joined_and_null_is_the_text_null() -> None:
    assert value_of("A + B", A=("STRING", "a"), B=("STRING", "b")) == "ab"
    assert evaluate("A + B", A=("STRING", "a"), B=("STRING", None)).value == "anull"
    assert not evaluate("A + B", A=("STRING", None), B=("STRING", None)).failed


def test_volatile_functions_may_stand_in_integer_arithmetic() -> None:
    assert value_of("CAST(RANDOM() AS INT) * 0 + A", A=("INT", 5)) == 5
    assert value_of("UNIX_TIMESTAMP(FROM_UNIXTIME(CAST(RANDOM() AS BIGINT))) * 0") == 0


def test_an_operand_that_fails_fails_the_whole() -> None:
    assert evaluate("(A / B) + 1.5", A=("INT", 1), B=("INT", 0)).failed
    assert evaluate("'x' + CAST(A / B AS STRING)", A=("INT", 1), B=("INT", 0)).value == "xnull"


def test_expressions_that_share_parts_do_not_fail_one_another() -> None:
    least = -(2**31)
    found = evaluate_all(["-A", "-(-A)", "-A - B", "-A - B - B"], A=("INT", least), B=("INT", 1))
    assert found == [
        (least, False),
        (least, False),
        (2**31 - 1, False),
        (2**31 - 2, False),
    ]
