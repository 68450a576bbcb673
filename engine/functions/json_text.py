"""JSON text as Jackson reads and writes it: numbers keep their digits, what follows is ignored.

A value is a dict (of a name that occurs twice the last counts), list, str, bool, None or `Number`.
Source: parity/functions.md, section 7; parity/semantics.md, section 12, items 10 and 25.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from merganser.engine.functions.python_function import CallFailedError

_BLANK = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `text` is its spelling in plain Java."""

    text: str
    whole: bool


Json = None | bool | str | list["Json"] | dict[str, "Json"] | Number


def _whole(digits: str) -> Number:
    return Number(str(int(digits)) if len(digits) < 1000 else digits, whole=True)


def _fraction(digits: str) -> Number:
    """A BigDecimal: the scale stays, exponents are respelled."""
    try:
        return Number(str(Decimal(digits)), whole=False)
    except InvalidOperation as error:
        raise ValueError(digits) from error


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_float=_fraction, parse_int=_whole, parse_constant=_constant)


def skip_blanks(text: str, at: int) -> int:
    """The place of the next character that is no blank."""
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def read_at(text: str, at: int) -> tuple[Json, int]:
    """The value that begins at a place, and the place behind it.

    Raises:
        CallFailedError: None begins there.
    """
    try:
        value, end = _DECODER.raw_decode(text, skip_blanks(text, at))
    except (ValueError, RecursionError) as error:
        raise CallFailedError from error
    return value, end


def read(text: str) -> Json:
    """The first value in a text.

    Raises:
        CallFailedError: There is none.
    """
    value, end = read_at(text, 0)
    if isinstance(value, Number) and end < len(text) and text[end] not in _BLANK:
        raise CallFailedError  # `01`, `1x`
    return value


def read_elements(text: str) -> Iterator[Json]:
    """The elements of an array one by one; raises only when it comes to the bad one.

    Raises:
        CallFailedError: The text is no array, or not one up to here.
    """
    at = skip_blanks(text, 0)
    if text[at : at + 1] != "[":
        raise CallFailedError
    at = skip_blanks(text, at + 1)
    if text[at : at + 1] == "]":
        return
    while True:
        value, at = read_at(text, at)
        yield value
        at = skip_blanks(text, at)
        if text[at : at + 1] == "]":
            return
        if text[at : at + 1] != ",":
            raise CallFailedError
        at += 1


_ESCAPES = {code: f"\\u{code:04X}" for code in range(32)} | {
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\b"): "\\b",
    ord("\f"): "\\f",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


def write(value: Json) -> str:
    """The value as JSON without blanks."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.translate(_ESCAPES) + '"'
        case Number():
            return value.text
        case list():
            return "[" + ",".join(map(write, value)) + "]"
        case dict():
            return "{" + ",".join(f"{write(k)}:{write(v)}" for k, v in value.items()) + "}"


def as_text(value: Json) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else write(value)
