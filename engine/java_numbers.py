"""Numbers as Java reads and writes them, which is how ksqlDB's text formats spell them.

Source: Java's `Integer.parseInt`, `Long.parseLong`, `Double.parseDouble`, `Double.toString` and
`BigDecimal`; parity/semantics.md, section 12, items 9, 11, 12 and 14.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation, localcontext

from merganser.engine.types import DecimalType

INT_BITS = 32
LONG_BITS = 64

_INTEGER = re.compile(r"[+-]?\d+")  # `\d` takes any Unicode digit, as Character.digit does.
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?")
_HEX_DOUBLE = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+[fFdD]?"
)
_NAMED_DOUBLE = re.compile(r"([+-]?)(NaN|Infinity)")
_BLANKS = "".join(map(chr, range(0x21)))  # What String.trim removes.
_SCALE_LIMIT = 2**31
_PLAIN_EXPONENT_MIN = -6  # Below it BigDecimal.toString turns to scientific notation.
_DOUBLE_PLAIN_MIN, _DOUBLE_PLAIN_MAX = 1e-3, 1e7  # Double.toString is plain in [min, max).


def parse_integer(text: str, bits: int) -> int | None:
    """`Integer.parseInt` or `Long.parseLong`; None where they throw."""
    if _INTEGER.fullmatch(text) is None:
        return None
    try:
        value = int(text)
    except ValueError:  # Python bounds the digits; no such number fits anyway.
        return None
    limit = 1 << (bits - 1)
    return value if -limit <= value < limit else None


def wrap_integer(value: int, bits: int) -> int:
    """The low-order bits as a signed number, as Java narrows."""
    low = value & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def truncate_decimal(value: Decimal, bits: int) -> int:
    """`BigDecimal.intValue` or `longValue`: the fraction cut off, then the low-order bits."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent > bits:
        return 0  # A multiple of 10 ** bits has no low-order bits left.
    if exponent + len(digits) <= 0:
        return 0
    return wrap_integer(int(value), bits)


def parse_double(text: str) -> float | None:
    """`Double.parseDouble`; None where it throws."""
    trimmed = text.strip(_BLANKS)
    if (named := _NAMED_DOUBLE.fullmatch(trimmed)) is not None:
        return float(trimmed)
    if _DOUBLE.fullmatch(trimmed) is not None:
        return float(trimmed.rstrip("fFdD"))
    if _HEX_DOUBLE.fullmatch(trimmed) is not None:
        try:
            return float.fromhex(trimmed.rstrip("fFdD"))
        except OverflowError:
            return -math.inf if trimmed.startswith("-") else math.inf
    assert named is None
    return None


def parse_decimal(text: str) -> Decimal | None:
    """`new BigDecimal(text)`; None where it throws. There is no negative zero."""
    if _DECIMAL.fullmatch(text) is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or not -_SCALE_LIMIT < exponent < _SCALE_LIMIT:
        return None
    return abs(value) if value.is_zero() else value


def fit_decimal(value: Decimal, decimal_type: DecimalType) -> Decimal | None:
    """The value with the type's scale; None if digits would be lost on either side."""
    if value.adjusted() >= decimal_type.precision - decimal_type.scale and not value.is_zero():
        return None
    with localcontext(prec=decimal_type.precision + 1, Emax=10**9, Emin=-(10**9)) as context:
        context.clear_flags()
        try:
            fitted = value.quantize(Decimal(1).scaleb(-decimal_type.scale))
        except InvalidOperation:
            return None
    return fitted if fitted == value else None


def decimal_text(value: Decimal) -> str:
    """`BigDecimal.toString`: `1.50`, `1E+3`, `1E-7`."""
    return str(abs(value) if value.is_zero() else value)


def double_text(value: float) -> str:
    """`Double.toString`: `1.0`, `1.0E10`, `NaN`, `Infinity`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _DOUBLE_PLAIN_MIN <= abs(value) < _DOUBLE_PLAIN_MAX:
        return repr(value)
    short = repr(abs(value))
    if "." not in short:
        # Java writes two digits at least, and takes the nearest of those: 4.9E-324, not 5.0E-324.
        two_digits = f"{abs(value):.1e}"
        if float(two_digits) == abs(value):
            short = two_digits
    mantissa, _, exponent = short.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if exponent:
        digits, power = whole + fraction, int(exponent)
    elif whole == "0":
        digits = fraction.lstrip("0")
        power = len(digits) - len(fraction) - 1
    else:
        digits, power = whole + fraction, len(whole) - 1
    return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:].rstrip('0') or '0'}E{power}"
