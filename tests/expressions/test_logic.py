"""AND, OR, NOT and CASE go from left to right; a NULL condition fails."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.expressions.evaluation import Column, evaluate, passes, value_of

_TRUTHS = (True, False, None)


def _java(op: str, left: bool | None, right: bool | None) -> bool | None:
    """Java's short-circuit operators; None where unboxing a null throws."""
    if left is None:
        return None
    if left is (op == "OR"):
        return left
    return right


@pytest.mark.parametrize("op", ["AND", "OR"])
def test_and_or_stop_where_java_does(op: str) -> None:
    for left, right in itertools.product(_TRUTHS, _TRUTHS):
        columns: dict[str, Column] = {"A": ("BOOLEAN", left), "B": ("BOOLEAN", right)}
        found = evaluate(f"A {op} B", **columns)
        expected = _java(op, left, right)
        assert (found.value, found.failed) == (expected, expected is None), f"{left} {op} {right}"
        assert passes(f"A {op} B", **columns) is (expected is True)


def test_not_of_null_fails() -> None:
    found = evaluate("NOT A", A=("BOOLEAN", None))
    assert (found.value, found.failed) == (None, True)
    assert value_of("NOT A", A=("BOOLEAN", False)) is True


def test_right_side_may_fail_where_it_is_not_reached() -> None:
    found = evaluate("A = 0 OR 1 / A > 0", A=("INT", 0))
    assert (found.value, found.failed) == (True, False)
    assert evaluate("1 / A > 0 OR A = 0", A=("INT", 0)).failed
    assert not passes("1 / A > 0 OR A = 0", A=("INT", 0))
    assert passes("A = 0 OR 1 / A > 0", A=("INT", 0))


_ATOMS = st.sampled_from(
    [
        "A",
        "B",
        "N > 1",
        "N = M",
        "1 / N > 0",
        "N IS NULL",
        "S LIKE 'a%'",
        "N IN (1, 2)",
        "N + M > 0",
    ]
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        inner.map(lambda text: f"(NOT {text})"),
        st.tuples(inner, inner).map(lambda p: f"(CASE WHEN {p[0]} THEN {p[1]} ELSE FALSE END)"),
    )


@given(
    st.recursive(_ATOMS, _combined, max_leaves=5),
    st.tuples(*[st.sampled_from(_TRUTHS)] * 2),
    st.tuples(*[st.sampled_from([None, 0, 1, 2])] * 2),
    st.sampled_from([None, "abc", "x"]),
)
@settings(max_examples=60, deadline=None, database=None, derandomize=True)
def test_a_row_passes_where_the_predicate_is_true(
    text: str,
    truths: tuple[bool | None, bool | None],
    numbers: tuple[int | None, int | None],
    word: str | None,
) -> None:
    columns: dict[str, Column] = {
        "A": ("BOOLEAN", truths[0]),
        "B": ("BOOLEAN", truths[1]),
        "N": ("INT", numbers[0]),
        "M": ("INT", numbers[1]),
        "S": ("STRING", word),
    }
    found = evaluate(text, **columns)
    assert passes(text, **columns) is (found.value is True)
    assert not (found.failed and found.value is True and "CASE" not in text)


@pytest.mark.parametrize(
    ("text", "value", "expected", "failed"),
    [
        ("CASE WHEN A > 1 THEN 'big' WHEN A = 1 THEN 'one' ELSE 'small' END", 1, "one", False),
        ("CASE WHEN A > 1 THEN 'big' END", 1, None, False),
        ("CASE WHEN A = 0 THEN 0 ELSE 1 / A END", 0, 0, False),
        ("CASE WHEN A = 1 THEN 0 ELSE 1 / A END", 0, None, True),
        ("CASE WHEN 1 / A > 0 THEN 1 ELSE 2 END", 0, None, True),
        ("CASE WHEN A = 1 THEN NULL ELSE 5 END", 1, None, False),
        ("CASE WHEN A > 1 THEN 1 ELSE 2 END", None, 2, False),
    ],
)
def test_case_is_lazy(text: str, value: object, expected: object, failed: bool) -> None:
    found = evaluate(text, A=("INT", value))
    assert (found.value, found.failed) == (expected, failed)
