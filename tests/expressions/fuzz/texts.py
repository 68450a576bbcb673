"""Conversions from and to text, and what Java's strings do by UTF-16 units."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from decimal import Decimal, InvalidOperation

from tests.expressions.fuzz import numbers
from tests.expressions.fuzz.model import Failed, Value, element

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?")
_STAMP = re.compile(
    r"([0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)"
    r"(?:(?<=-[0-9]{2}-[0-9]{2})T([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


def units(text: str) -> bytes:
    """The UTF-16 units of a text; they order as Java orders it."""
    return text.encode("utf-16-be")


def of_units(raw: bytes) -> str:
    """The text of UTF-16 units; half a surrogate pair becomes `?`, as Java encodes it."""
    text = raw.decode("utf-16-be", "surrogatepass")
    return re.sub("[\ud800-\udfff]", "?", text)


def text_of(value: Value, kind: str) -> str:
    """A value as CAST writes it."""
    if value is None:
        return "null"
    if kind == "BOOLEAN":
        return "true" if value else "false"
    if kind == "DOUBLE":
        return numbers.java_text(value)
    if kind.startswith("DECIMAL"):
        return f"{value:f}"
    if kind.startswith("ARRAY"):
        return "[" + ", ".join(text_of(item, element(kind)) for item in value) + "]"
    if kind == "TIMESTAMP":
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}"
    if kind == "TIME":
        text = f"{value.hour:02}:{value.minute:02}"
        return f"{text}:{value.second:02}" if value.second else text
    return str(value)


def parsed(text: str, kind: str) -> Value:
    """A text as CAST reads it; raises Failed where it cannot."""
    if kind == "BOOLEAN":
        word = text.strip().lower()
        return bool(word) and ("true".startswith(word) or "yes".startswith(word))
    if kind in numbers.BITS:
        if not _INTEGER.fullmatch(text.strip()):
            raise Failed
        number = int(text)
        if numbers.wrapped(number, kind) != number:
            raise Failed
        return number
    if kind == "DOUBLE":
        if not re.fullmatch(_NUMBER.pattern + "[dDfF]?", text.strip()):
            raise Failed
        return float(text.strip().rstrip("dDfF"))
    if kind.startswith("DECIMAL"):
        try:
            if not _NUMBER.fullmatch(text.strip()):
                raise Failed
            return numbers.to_decimal(Decimal(text.strip()), kind)
        except InvalidOperation:
            raise Failed from None
    try:
        return _times(text, kind)
    except (ValueError, OverflowError):
        raise Failed from None


def _times(text: str, kind: str) -> Value:
    if kind == "BYTES":
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise Failed from None
    shape = {"DATE": _DATE, "TIME": _TIME, "TIMESTAMP": _STAMP}[kind]
    found = shape.fullmatch(text)
    if found is None:
        raise Failed
    parts = found.groups()
    if kind == "DATE":
        return dt.date(int(parts[0]), int(parts[1] or 1), int(parts[2] or 1))
    if kind == "TIME":
        return dt.time(int(parts[0]), int(parts[1]), int(parts[2] or 0), _micros(parts[3]))
    day = parsed(parts[0], "DATE")
    clock = dt.time(int(parts[1] or 0), int(parts[2] or 0), int(parts[3] or 0), _micros(parts[4]))
    moment = dt.datetime.combine(day, clock)
    if parts[5] and parts[5] != "Z":
        minutes = int(parts[5][1:3]) * 60 + int(parts[5][-2:])
        moment -= dt.timedelta(minutes=-minutes if parts[5][0] == "-" else minutes)
    return moment


def _micros(fraction: str | None) -> int:
    """Ms of a fraction of a second, what is behind them cut off, in µs."""
    return int((fraction or "").ljust(3, "0")[:3]) * 1000
