"""Decimals beyond DuckDB's 38 digits: plain text in DuckDB, `Decimal` in Python.

Source: Java's BigDecimal; parity/statements.md, section 7.
"""

from __future__ import annotations

import operator
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from merganser.engine import types
from merganser.engine.duck import DECIMAL_PRECISION_MAX
from merganser.engine.functions.python_function import CallFailedError, define
from merganser.engine.java_numbers import truncate_decimal
from merganser.engine.types import DecimalType, SqlType

_EXACT_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_EXACT = Context(prec=1000, Emax=10**6, Emin=-(10**6))


def is_wide(kind: SqlType) -> bool:
    """Whether a type is a DECIMAL that DuckDB has no type for; its values are plain text."""
    return isinstance(kind, DecimalType) and kind.precision > DECIMAL_PRECISION_MAX


def _significant_digits(number: Decimal) -> int:
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    return len(digits)


def _plain(number: Decimal, scale: int) -> str:
    """The number at a scale; raises where that would round."""
    with localcontext(_EXACT):
        fitted = number.quantize(Decimal(1).scaleb(-scale))
        if fitted != number:
            raise CallFailedError
        return f"{abs(fitted) if fitted.is_zero() else fitted:f}"


def _arithmetic(op: str, left: str, right: str, precision: int, scale: int) -> str:
    """`left op right` exactly; raises where the result would need rounding."""
    first, second = Decimal(left), Decimal(right)
    with localcontext(_EXACT):
        if op in _EXACT_OPERATORS:
            return _plain(_EXACT_OPERATORS[op](first, second), scale)
        if second.is_zero():
            raise CallFailedError
        if op == "/":
            quotient = first / second
            if quotient * second != first or _significant_digits(quotient) > precision:
                raise CallFailedError
            return _plain(quotient, scale)
        whole = (first / second).to_integral_value("ROUND_DOWN")
        if _significant_digits(whole) > precision:
            raise CallFailedError  # BigDecimal: "Division impossible".
        return _plain(first - whole * second, scale)


def _compare(left: str, right: str) -> int:
    first, second = Decimal(left), Decimal(right)
    return (first > second) - (first < second)


def _rounded(plain: str, precision: int, scale: int) -> str:
    """A decimal number at a scale, rounded half up; raises where it has too many digits."""
    with localcontext(_EXACT):
        fitted = Decimal(plain).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
        if abs(fitted) >= Decimal(10) ** (precision - scale):
            raise CallFailedError
        return f"{abs(fitted) if fitted.is_zero() else fitted:f}"


def _low_bits(plain: str, bits: int) -> int:
    """`BigDecimal.intValue` or `longValue`: cut off the fraction and the high bits."""
    return truncate_decimal(Decimal(plain), bits)


_TEXT, _INT = types.STRING, types.INTEGER
define("$decimal_arithmetic", (_TEXT, _TEXT, _TEXT, _INT, _INT), _TEXT, _arithmetic)
define("$decimal_compare", (_TEXT, _TEXT), _INT, _compare)
define("$decimal_low_bits", (_TEXT, _INT), types.BIGINT, _low_bits)
define("$decimal_round", (_TEXT, _INT, _INT), _TEXT, _rounded)


def common_decimal(left: DecimalType, right: DecimalType) -> DecimalType:
    """The narrowest DECIMAL that holds the values of both."""
    scale = max(left.scale, right.scale)
    whole_digits = max(left.precision - left.scale, right.precision - right.scale)
    return DecimalType(whole_digits + scale, scale)
