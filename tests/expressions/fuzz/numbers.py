"""Arithmetic and conversions of numbers, as Java does them."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, localcontext

from tests.expressions.fuzz.model import Failed, Value, decimal_shape

_EXACT = Context(prec=500, Emax=10**6, Emin=-(10**6))
BITS = {"INT": 32, "BIGINT": 64}


def wrapped(number: int, kind: str) -> int:
    """An integer cut to its type's low bits."""
    half = 1 << BITS[kind] - 1
    return (number + half) % (2 * half) - half


def integer(op: str, left: int, right: int, kind: str) -> int:
    """`left op right`; division cuts, and raises for zero."""
    if op in "/%" and right == 0:
        raise Failed
    if op == "+":
        return wrapped(left + right, kind)
    if op == "-":
        return wrapped(left - right, kind)
    if op == "*":
        return wrapped(left * right, kind)
    quotient = abs(left) // abs(right)
    if (left < 0) != (right < 0):
        quotient = -quotient
    return wrapped(quotient if op == "/" else left - quotient * right, kind)


def double(op: str, left: float, right: float) -> float:
    """`left op right` by IEEE 754."""
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    if op == "*":
        return left * right
    if op == "/":
        if right != 0:
            return left / right
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1, right)
    if math.isnan(left) or math.isnan(right) or math.isinf(left) or right == 0:
        return math.nan
    return math.fmod(left, right)


def decimal_kind(op: str, left: str, right: str) -> str:
    """The type of `left op right` of two DECIMALs."""
    (p1, s1), (p2, s2) = decimal_shape(left), decimal_shape(right)
    if op in "+-":
        scale = max(s1, s2)
        precision = scale + max(p1 - s1, p2 - s2) + 1
    elif op == "*":
        scale, precision = s1 + s2, p1 + p2 + 1
    elif op == "/":
        scale = max(6, s1 + p2 + 1)
        precision = p1 - s1 + s2 + scale
    else:
        scale = max(s1, s2)
        precision = min(p1 - s1, p2 - s2) + scale
    return f"DECIMAL({precision},{scale})"


def decimal(op: str, left: Decimal, right: Decimal, kind: str) -> Decimal:
    """`left op right`; raises where it would have to be rounded."""
    precision, scale = decimal_shape(kind)
    with localcontext(_EXACT):
        if op in "/%" and right == 0:
            raise Failed
        if op == "+":
            result = left + right
        elif op == "-":
            result = left - right
        elif op == "*":
            result = left * right
        elif op == "/":
            result = left / right
            if result * right != left or _digits(result) > precision:
                raise Failed
        else:
            whole = (left / right).to_integral_value(ROUND_DOWN)
            if _digits(whole) > precision:
                raise Failed
            result = left - whole * right
        fitted = result.quantize(Decimal(1).scaleb(-scale))
        if fitted != result:
            raise Failed
        return abs(fitted) if fitted == 0 else fitted  # BigDecimal has no negative zero.


def _digits(number: Decimal) -> int:
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))


def to_decimal(number: Decimal, kind: str) -> Decimal:
    """At the type's scale, half away from zero; raises where it has too many digits."""
    precision, scale = decimal_shape(kind)
    with localcontext(_EXACT):
        fitted = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    if abs(fitted) >= Decimal(10) ** (precision - scale):
        raise Failed
    return fitted


def to_integer(number: Value, kind: str) -> int:
    """A number cut to an integer: a DOUBLE saturates, others keep their low bits."""
    if isinstance(number, float):
        if math.isnan(number):
            return 0
        half = 1 << BITS[kind] - 1
        return (
            int(max(min(number, half - 1), -half))
            if math.isfinite(number)
            else (half - 1 if number > 0 else -half)
        )
    return wrapped(int(number), kind)


def exact(number: Value) -> Decimal:
    """A number as BigDecimal.valueOf has it: a DOUBLE by its shortest text."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def java_text(number: float) -> str:
    """A DOUBLE as Java writes it."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    sign = "-" if math.copysign(1, number) < 0 else ""
    if number == 0:
        return sign + "0.0"
    digits = "".join(map(str, Decimal(repr(abs(number))).as_tuple().digits)).rstrip("0") or "0"
    power = Decimal(repr(abs(number))).adjusted()
    if -3 <= power < 7:
        if power < 0:
            return f"{sign}0.{'0' * (-power - 1)}{digits}"
        whole = digits[: power + 1].ljust(power + 1, "0")
        return f"{sign}{whole}.{digits[power + 1 :] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"
