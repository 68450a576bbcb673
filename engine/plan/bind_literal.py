"""The type and value of a number as written, and texts that mean a point in time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
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


_TIMESTAMP = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,3}))?)?)?)?)?"
    r")?)?(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp_text_ms(text: str) -> int | None:
    """Epoch ms of an ISO text, parts from the right missing (`2020-05`); None if it is not one.

    An optional `Z`, `+0200` or `-03:30` follows; without it the zone is UTC.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    part = {name: int(found[name] or default) for name, default in _PART_DEFAULTS.items()}
    try:
        moment = datetime(**part, tzinfo=UTC)  # type: ignore[arg-type] # names are its own.
    except ValueError:
        return None
    ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    ms += int((found["fraction"] or "0").ljust(3, "0"))
    zone = found["zone"]
    if zone and zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        ms -= sign * (int(zone[1:3]) * 60 + int(zone[-2:])) * 60_000
    return ms


_PART_DEFAULTS = {"year": 1970, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
