"""The type and value of a number as written."""

from __future__ import annotations

from decimal import Decimal

from merganser.engine import types
from merganser.engine.expression import Expression, Literal
from merganser.engine.types import DecimalType
from merganser.errors import Span, TypeMismatchError

_INTEGER_BITS, _BIGINT_BITS = 32, 64


def number_literal(text: str, span: Span | None) -> Literal:
    """`12` is INTEGER or BIGINT by its size, `1.5` a DECIMAL of just its digits, `1e3` a DOUBLE.

    Raises:
        TypeMismatchError: The number is too large for any type.
    """
    if "e" in text.lower():
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise TypeMismatchError(f"number {text} is too large for a DOUBLE", span=span)
        return Literal(number, types.DOUBLE)
    if "." in text:
        return decimal_literal(Decimal(text))
    whole = int(text)
    if _fits(whole, _INTEGER_BITS):
        return Literal(whole, types.INTEGER)
    if _fits(whole, _BIGINT_BITS):
        return Literal(whole, types.BIGINT)
    raise TypeMismatchError(f"number {text} is too large for a BIGINT", span=span)


def decimal_literal(number: Decimal) -> Literal:
    """A DECIMAL literal; one between -1 and 1 has one digit before the point."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    scale = max(-exponent, 0)
    whole_digits = max(len(digits) + exponent, 1)
    return Literal(number, DecimalType(whole_digits + scale, scale))


def _fits(number: int, bits: int) -> bool:
    return -(1 << bits - 1) <= number < 1 << bits - 1


def shown(expression: Expression) -> str:
    """An expression and its type, for messages."""
    if expression.result_type == types.NULL:
        return "NULL"
    return f"{expression} ({expression.result_type})"
