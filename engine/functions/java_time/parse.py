"""Reading texts by patterns, as a case-insensitive, otherwise strict `DateTimeFormatter` does.

Numbers beside each other share their digits as in Java: a field of open width leaves enough for
the fields of fixed width behind it (`yyyyMMdd`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from merganser.engine.functions.java_time import names
from merganser.engine.functions.java_time.pattern import Element, Field, Section, Text
from merganser.engine.functions.java_time.zone import region_at, zone_of
from merganser.engine.functions.python_function import CallFailedError

_OPEN_WIDTH = 19
_OFFSETS = {
    # Letter and count: what follows the hours, and the text of no offset.
    1: r"([+-])(\d\d)(\d\d)?",
    2: r"([+-])(\d\d)(\d\d)",
    3: r"([+-])(\d\d):(\d\d)",
    4: r"([+-])(\d\d)(\d\d)(\d\d)?",
    5: r"([+-])(\d\d):(\d\d)(?::(\d\d))?",
}
_WORDS: dict[str, tuple[str, ...]] = {
    "M": names.SHORT_MONTHS,
    "L": names.SHORT_MONTHS,
    "E": names.SHORT_DAYS,
    "e": names.SHORT_DAYS,
    "c": names.SHORT_DAYS,
    "Q": ("Q1", "Q2", "Q3", "Q4"),
    "q": ("Q1", "Q2", "Q3", "Q4"),
    "G": names.ERAS["short"],
    "a": names.HALVES,
}


@dataclass(slots=True)
class Parsed:
    """What a text says: numbers by letter, and a zone's id.

    Names are numbers from 1, but G and a from 0. S is nanoseconds.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    zone: str | None = None
    offset_s: int | None = None

    def put(self, letter: str, number: int) -> None:
        """Adds a number; two different ones for one letter are a contradiction."""
        if self.numbers.setdefault(letter, number) != number:
            raise CallFailedError


def parse_text(elements: Sequence[Element], text: str) -> Parsed:
    """What a text says by a pattern.

    Raises:
        CallFailedError: The text does not follow the pattern to its end.
    """
    parsed = Parsed()
    end = _Reader(text, parsed).read(elements, 0)
    if end != len(text):
        raise CallFailedError
    return parsed


class _Reader:
    """Reads one text."""

    def __init__(self, text: str, parsed: Parsed) -> None:
        self._text = text
        self._parsed = parsed

    def read(self, elements: Sequence[Element], at: int) -> int:
        """Reads elements from a place on; gives the place behind them."""
        for index, element in enumerate(elements):
            match element:
                case Text(expected):
                    end = at + len(expected)
                    if self._text[at:end].lower() != expected.lower():
                        raise CallFailedError
                    at = end
                case Section(inner):
                    at = self._optional(inner, at)
                case Field():
                    at = self._field(element, at, _fixed_digits_behind(elements, index))
        return at

    def _optional(self, elements: tuple[Element, ...], at: int) -> int:
        numbers = dict(self._parsed.numbers)
        try:
            return self.read(elements, at)
        except CallFailedError:
            self._parsed.numbers = numbers
            return at

    def _field(self, element: Field, at: int, behind: int) -> int:
        letter, count = element.letter, element.count
        if letter in "VvzOXxZ":
            return self._zone(letter, count, at)
        if letter == "B":
            raise CallFailedError
        if letter in "GaE" or (letter in "MLQqec" and count >= 3):
            return self._word(letter, at)
        if letter == "S":
            return self._fraction(count, at)
        return self._number(letter, count, at, behind)

    def _fraction(self, count: int, at: int) -> int:
        digits = self._text[at : at + count]
        if len(digits) < count or not (digits.isascii() and digits.isdigit()):
            raise CallFailedError
        self._parsed.put("S", int(digits.ljust(9, "0")))
        return at + count

    def _number(self, letter: str, count: int, at: int, behind: int) -> int:
        """Digits between a least and a largest width, with a sign where the letter takes one."""
        text = self._text
        sign = text[at : at + 1] if text[at : at + 1] in ("+", "-") else ""
        padded = letter in "uyY" and count >= 4
        signed = (letter in "uyY" and count != 2) or (count == 1 and letter not in "AnNg")
        if (sign == "+" and not padded) or (sign == "-" and not signed):
            raise CallFailedError
        start = at + len(sign)
        width_min, width_max = width(letter, count)
        end = start
        while end < len(text) and end - start < width_max + behind and _is_digit(text[end]):
            end += 1
        if behind:
            end = start + max(width_min, end - start - behind)
        digits = text[start:end]
        if len(digits) < width_min or not all(map(_is_digit, digits)) or not digits:
            raise CallFailedError
        if padded and (len(digits) <= count if sign == "+" else not sign and len(digits) > count):
            raise CallFailedError
        number = int(digits)
        if letter in "uyY" and count == 2:
            number += 2000
        if sign == "-":
            if number == 0:
                raise CallFailedError
            number = -number
        self._parsed.put(letter, number)
        return end

    def _word(self, letter: str, at: int) -> int:
        first = 0 if letter in "Ga" else 1
        for index, word in enumerate(_WORDS[letter]):
            if self._text[at : at + len(word)].lower() == word.lower():
                self._parsed.put("E" if letter in "Eec" else letter, index + first)
                return at + len(word)
        raise CallFailedError

    def _zone(self, letter: str, count: int, at: int) -> int:
        text = self._text
        if letter in "XxZ" and not (letter == "Z" and count == 4):
            return self._offset(letter, count, at)
        if letter in "OZ":
            found = re.compile(r"GMT(?:[+-]\d{1,2}(?::\d\d){0,2})?", re.IGNORECASE).match(text, at)
            if found is None:
                raise CallFailedError
            self._parsed.zone = found[0].upper()
            return found.end()
        prefix = re.compile(r"(?:UTC|GMT|UT)?[+-]\d\d?(?::?\d\d){0,2}|Z(?![A-Za-z])").match(
            text, at
        )
        region = prefix[0] if prefix else region_at(text, at)
        short = re.compile("[A-Za-z]+").match(text, at)
        if letter in "zv" and short is not None and len(short[0]) >= len(region or ""):
            named = names.ZONES_BY_NAME.get(short[0].upper())
            if named is not None:
                self._parsed.zone = named
                return short.end()
        if region is None:
            raise CallFailedError
        self._parsed.zone = zone_of(region).id
        return at + len(region)

    def _offset(self, letter: str, count: int, at: int) -> int:
        with_z = letter == "X" or (letter == "Z" and count == 5)
        if with_z and self._text[at : at + 1].upper() == "Z":
            self._parsed.offset_s = 0
            return at + 1
        form = _OFFSETS[2 if letter == "Z" and count < 4 else count]
        found = re.compile(form, re.ASCII).match(self._text, at)
        if found is None:
            raise CallFailedError
        hour, minute, *rest = (int(part or 0) for part in found.groups()[1:])
        total = hour * 3600 + minute * 60 + sum(rest)
        if hour > 18 or minute > 59:
            raise CallFailedError
        self._parsed.offset_s = -total if found[1] == "-" else total
        return found.end()


def _is_digit(letter: str) -> bool:
    return "0" <= letter <= "9"


def width(letter: str, count: int) -> tuple[int, int]:
    """How many digits a numeric letter takes at least and at most."""
    if letter in "uyY":
        return (2, 2) if count == 2 else (count, _OPEN_WIDTH)
    if letter == "D" and count > 1:
        return count, 3
    if letter in "AnNg":
        return count, _OPEN_WIDTH
    if letter in "ewWc":
        return count, 2
    return (1, _OPEN_WIDTH) if count == 1 else (count, count)


def _fixed_digits_behind(elements: Sequence[Element], index: int) -> int:
    """The digits of the fields of fixed width right behind a field of open width."""
    here = elements[index]
    if not _is_numeric(here) or _is_fixed(here):
        return 0
    total = 0
    for element in elements[index + 1 :]:
        if not _is_numeric(element) or not _is_fixed(element):
            break
        assert isinstance(element, Field)
        total += element.count
    return total


def _is_numeric(element: Element) -> bool:
    if not isinstance(element, Field) or element.letter in "GaBEVvzOXxZ":
        return False
    return not (element.letter in "MLQqec" and element.count >= 3)


def _is_fixed(element: Element) -> bool:
    if not isinstance(element, Field):
        return False
    least, most = (
        (element.count, element.count)
        if element.letter == "S"
        else width(element.letter, element.count)
    )
    return least == most
