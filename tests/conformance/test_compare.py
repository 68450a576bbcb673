"""The comparison rules: what passes, and above all what does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.conformance.cases import Json
from tests.conformance.compare import EXACT, Comparable, Rules, difference

D = Decimal
LOOSE = Rules(loose_doubles=True)
JSON_DOUBLES = Rules(loose_doubles=True, decimals_are_doubles=True)
REGISTRY = Rules(loose_doubles=True, empty_bytes_are_null=True)

PASSES: list[tuple[Json, Comparable, Rules]] = [
    (None, None, EXACT),
    (True, True, EXACT),
    ("a", "a", EXACT),
    ("1.20", D("1.20"), EXACT),
    ("AQI=", b"\x01\x02", EXACT),
    ("NaN", float("nan"), EXACT),
    ("-Infinity", float("-inf"), EXACT),
    (10, 10, EXACT),
    (D("10.0"), 10, EXACT),
    (D("10.7"), 10, EXACT),
    (D("1.0"), D("1.0"), EXACT),
    (D("0E-7"), D("0.0000000"), EXACT),
    (D("0.1"), 0.1, EXACT),
    (10, 10.0, EXACT),
    (D("9.9999999999E10"), 99999999999.0, EXACT),
    (D("0.3"), 0.30000000000000004, EXACT),
    (D("-0.0"), 0.0, EXACT),
    (D("0.1"), 0.1000009, LOOSE),
    (D("1.10"), D("1.1"), JSON_DOUBLES),
    ({"A": 1}, {"A": 1}, EXACT),
    ({"a": 1}, {"A": 1}, EXACT),
    ({"a": {"b": 1}}, {"A": {"B": 1}}, EXACT),
    ({"a": 1, "B": 2}, {"B": 2, "a": 1}, EXACT),
    ({"a": None}, {"a": None}, EXACT),
    ({"a": None}, {"A": None}, EXACT),
    ({"A": None}, {"B": None}, EXACT),
    ([1, None, "x"], [1, None, "x"], EXACT),
    ({"A": None}, {"A": b""}, REGISTRY),
]

FAILS: list[tuple[Json, Comparable, Rules]] = [
    (None, 0, EXACT),
    (None, "", EXACT),
    (None, {}, EXACT),
    (True, False, EXACT),
    (True, 1, EXACT),
    (True, "true", EXACT),
    (1, True, EXACT),
    (1, None, EXACT),
    (1, "1", EXACT),
    ("1", 1, EXACT),
    ("a", "A", EXACT),
    ("a", "a ", EXACT),
    ("a", None, EXACT),
    ("1.2", D("1.20"), EXACT),
    ("x", D("1"), EXACT),
    ("AQI=", b"\x01", EXACT),
    ("AQ", b"\x01", EXACT),
    ("NaN", 1.0, EXACT),
    (10, 11, EXACT),
    (D("10.7"), 11, EXACT),
    (D("1.0"), D("1.00"), EXACT),
    (10, D("10.0"), EXACT),
    (D("1.0"), D("1.1"), EXACT),
    (D("0.1"), 0.10000001, EXACT),
    (D("0"), 1e-300, EXACT),
    (D("0.1"), 0.1000011, LOOSE),
    (D("1.0"), D("1.00"), LOOSE),
    ({"A": 1}, {"A": 2}, EXACT),
    ({"A": 1}, {"a": 1}, EXACT),
    ({"A": 1}, {"A": 1, "B": 2}, EXACT),
    ({"A": 1, "B": None}, {"A": 1}, EXACT),
    ({"A": 1}, {"B": 1}, EXACT),
    ({"A": 1}, [1], EXACT),
    ({"A": 1}, None, EXACT),
    ([1, 2], [2, 1], EXACT),
    ([1], [1, 2], EXACT),
    ([1], 1, EXACT),
    ([], None, EXACT),
    ({"A": None}, {"A": b""}, EXACT),
    ({"A": {"B": None}}, {"A": {"B": b""}}, REGISTRY),
]


@pytest.mark.parametrize(("expected", "actual", "rules"), PASSES)
def test_passes(expected: Json, actual: Comparable, rules: Rules) -> None:
    assert difference(expected, actual, rules) is None


@pytest.mark.parametrize(("expected", "actual", "rules"), FAILS)
def test_fails(expected: Json, actual: Comparable, rules: Rules) -> None:
    assert difference(expected, actual, rules) is not None


def test_says_where_and_what() -> None:
    wrong = difference({"A": [{"B": D("1.0")}]}, {"A": [{"B": D("1.00")}]}, path="value")
    assert wrong == "value.A[0].B is 1.00 (scale 2), expected 1.0 (scale 1)"
