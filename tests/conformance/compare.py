"""The comparison rules: what passes for an expected JSON value.

Driven by the type of the *expected* value. Lenient where the cases were recorded leniently (an
integer passes for a number whose integer part it is, names fall back to upper case, a missing field
passes for null) and strict where they were strict (field count, scale of decimals, headers,
windows).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from tests.conformance.cases import Json

Comparable = (
    None | bool | int | float | Decimal | str | bytes | list["Comparable"] | dict[str, "Comparable"]
)
"""A decoded value: a DOUBLE is a `float`, a DECIMAL a `Decimal` of its scale."""

DOUBLE_RELATIVE = 2e-15  # Transcendental functions differ from Java's in the last digit.
DOUBLE_ABSOLUTE = 0.000001  # What the registry formats' doubles may differ by.


@dataclass(frozen=True, slots=True)
class Rules:
    """What depends on format and case.

    Attributes:
        loose_doubles: Doubles may differ by DOUBLE_ABSOLUTE (registry formats, and cases that set
            `use.exact.numeric.comparison` to false); else by the last digit only.
        decimals_are_doubles: Such a case's JSON has no decimals, only doubles.
        empty_bytes_are_null: At the top level of a record (registry formats).
    """

    loose_doubles: bool = False
    decimals_are_doubles: bool = False
    empty_bytes_are_null: bool = False


EXACT = Rules()


def difference(
    expected: Json, actual: Comparable, rules: Rules = EXACT, path: str = ""
) -> str | None:
    """What is wrong with `actual`, in one line, or None if it passes for `expected`."""
    match expected:
        case dict():
            return _object_difference(expected, actual, rules, path)
        case list():
            return _array_difference(expected, actual, rules, path)
        case None:
            passes = actual is None or _is_empty_column(actual, rules, path)
        case bool():
            passes = isinstance(actual, bool) and actual == expected
        case str():
            passes = _string_passes(expected, actual)
        case _:
            passes = _number_passes(expected, actual, rules)
    return None if passes else _differs(expected, actual, path)


def _is_empty_column(actual: Comparable, rules: Rules, path: str) -> bool:
    """Empty bytes that are a whole column, where those count as null."""
    inside = path.removeprefix("key.").removeprefix("value.")
    return rules.empty_bytes_are_null and actual == b"" and not set(inside) & set(".[")


def _differs(expected: Json, actual: Comparable, path: str) -> str:
    return f"{path or 'it'} is {shown(actual)}, expected {shown(expected)}"


def _object_difference(
    expected: Mapping[str, Json], actual: Comparable, rules: Rules, path: str
) -> str | None:
    if not isinstance(actual, dict):
        return _differs(dict(expected), actual, path)
    if len(actual) != len(expected):
        return (
            f"{path or 'it'} has {len(actual)} fields ({', '.join(actual)}), "
            f"expected {len(expected)} ({', '.join(expected)})"
        )
    for name, wanted in expected.items():
        place = f"{path}.{name}" if path else name
        found = name if actual.get(name) is not None else name.upper()
        wrong = difference(wanted, actual.get(found), rules, place)
        if wrong is not None:
            missing = name not in actual and found not in actual
            return f"{place} is missing among {', '.join(actual)}" if missing else wrong
    return None


def _array_difference(
    expected: Sequence[Json], actual: Comparable, rules: Rules, path: str
) -> str | None:
    if not isinstance(actual, list):
        return _differs(list(expected), actual, path)
    if len(actual) != len(expected):
        return f"{path or 'it'} has {len(actual)} elements, expected {len(expected)}"
    for index, (wanted, got) in enumerate(zip(expected, actual, strict=True)):
        wrong = difference(wanted, got, rules, f"{path}[{index}]")
        if wrong is not None:
            return wrong
    return None


def _string_passes(expected: str, actual: Comparable) -> bool:
    match actual:
        case str():
            return actual == expected
        case Decimal():
            wanted = _as_decimal(expected)
            return wanted is not None and _same_scale(wanted, actual)
        case float():
            return not math.isfinite(actual) and expected == java_special(actual)
        case bytes():
            return _from_base64(expected) == actual
        case _:
            return False


def _as_decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _number_passes(expected: int | Decimal, actual: Comparable, rules: Rules) -> bool:
    match actual:
        case bool():
            return False
        case int():
            return int(expected) == actual
        case float():
            return _double_passes(float(expected), actual, rules)
        case Decimal():
            if rules.decimals_are_doubles:
                return _double_passes(float(expected), float(actual), rules)
            return _same_scale(Decimal(expected), actual)
        case _:
            return False


def _double_passes(expected: float, actual: float, rules: Rules) -> bool:
    if rules.loose_doubles:
        return abs(expected - actual) < DOUBLE_ABSOLUTE
    return math.isclose(expected, actual, rel_tol=DOUBLE_RELATIVE, abs_tol=0.0)


def _same_scale(expected: Decimal, actual: Decimal) -> bool:
    return expected == actual and expected.as_tuple().exponent == actual.as_tuple().exponent


def java_special(number: float) -> str:
    """NaN and the infinities as Java spells them."""
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def shown(value: Json | Comparable, length_max: int = 120) -> str:
    """A value as one short text, with its kind where that is what differs."""
    match value:
        case str():
            text = f"“{value}”"
        case Decimal():
            text = f"{value} (scale {-int(value.as_tuple().exponent)})"
        case None:
            text = "null"
        case dict():
            inner = ", ".join(f"{name}: {shown(item)}" for name, item in value.items())
            text = "{" + inner + "}"
        case list():
            text = "[" + ", ".join(shown(item) for item in value) + "]"
        case _:
            text = str(value)
    return text if len(text) <= length_max else text[: length_max - 1] + "…"
