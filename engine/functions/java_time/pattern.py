"""The patterns of `DateTimeFormatter`, read into elements.

Letters and how often each may stand: Java 17, DateTimeFormatterBuilder.appendPattern.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from merganser.engine.functions.python_function import CallFailedError

_PART = re.compile(r"([A-Za-z])\1*|'(?:[^']|'')*'|.", re.DOTALL)

_COUNTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys("GMLQqEeS", ()),
    **dict.fromkeys("uyYAnNg", ()),
    **dict.fromkeys("dhHkKmswW", (1, 2)),
    "D": (1, 2, 3),
    "F": (1,),
    "c": (1, 3, 4, 5),
    "a": (1,),
    "B": (1, 4, 5),
    "V": (2,),
    "v": (1, 4),
    "z": (1, 2, 3, 4),
    "O": (1, 4),
    "X": (1, 2, 3, 4, 5),
    "x": (1, 2, 3, 4, 5),
    "Z": (1, 2, 3, 4, 5),
}
_TEXT_COUNT_MAX = 5
_VALUE_COUNT_MAX = 19
_FRACTION_COUNT_MAX = 9

DATE_LETTERS = frozenset("GuyYDMLdQqwWEecFg")
TIME_LETTERS = frozenset("aBhKkHmsSAnN")
ZONE_LETTERS = frozenset("VvzOXxZ")


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stand for themselves."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A letter, repeated."""

    letter: str
    count: int


@dataclass(frozen=True, slots=True)
class Section:
    """`[…]`: left out where it has nothing to say, may be missing when read."""

    elements: tuple[Element, ...]


Element = Text | Field | Section


@functools.lru_cache(maxsize=256)
def parse_pattern(pattern: str) -> tuple[Element, ...]:
    """The elements of a pattern.

    Raises:
        CallFailedError: It is none.
    """
    stack: list[list[Element]] = [[]]
    for found in _PART.finditer(pattern):
        part = found[0]
        if part == "[":
            stack.append([])
        elif part == "]":
            if len(stack) == 1:
                raise CallFailedError
            section = Section(tuple(stack.pop()))
            stack[-1].append(section)
        else:
            stack[-1].append(_element(part))
    while len(stack) > 1:  # Java closes open sections at the end.
        section = Section(tuple(stack.pop()))
        stack[-1].append(section)
    return tuple(stack[0])


def _element(part: str) -> Element:
    letter = part[0]
    if letter == "'":
        if len(part) == 1:
            raise CallFailedError  # An open quote.
        return Text("'" if part == "''" else part[1:-1].replace("''", "'"))
    if letter in "{}#":
        raise CallFailedError
    if not (letter.isascii() and letter.isalpha()):
        return Text(part)
    count = len(part)
    allowed = _COUNTS.get(letter)
    if allowed is None or (allowed and count not in allowed):
        raise CallFailedError
    if not allowed and count > _count_max(letter):
        raise CallFailedError
    return Field(letter, count)


def _count_max(letter: str) -> int:
    if letter == "S":
        return _FRACTION_COUNT_MAX
    return _TEXT_COUNT_MAX if letter in "GMLQqEe" else _VALUE_COUNT_MAX


def letters(elements: tuple[Element, ...]) -> frozenset[str]:
    """All letters in a pattern."""
    found: set[str] = set()
    for element in elements:
        if isinstance(element, Field):
            found.add(element.letter)
        elif isinstance(element, Section):
            found |= letters(element.elements)
    return frozenset(found)
