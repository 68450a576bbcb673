"""Values as Java's libraries give them, for the formats with schemas."""

from __future__ import annotations

from decimal import Decimal

from merganser.engine.java_numbers import double_text


def scalar_string(raw: object) -> str:
    """A scalar as Java prints it."""
    match raw:
        case bool():
            return "true" if raw else "false"
        case float():
            return double_text(raw)
        case _:
            return str(raw)


def decimal_bytes(value: Decimal, scale: int) -> bytes:
    """The unscaled number in the fewest bytes, as Java's BigInteger gives it."""
    sign, digits, exponent = value.as_tuple()
    unscaled = int("".join(map(str, digits))) * int(10 ** (scale + int(exponent)))
    unscaled = -unscaled if sign else unscaled
    length = (unscaled if unscaled >= 0 else unscaled + 1).bit_length() // 8 + 1
    return unscaled.to_bytes(length, "big", signed=True)
