"""Reading dates by the patterns of `SimpleDateFormat`: lenient, text behind the date is ignored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from merganser.engine.functions.java_time import names
from merganser.engine.functions.java_time.moment import first_week
from merganser.engine.functions.java_time.zone import zone_of
from merganser.engine.functions.python_function import CallFailedError
from merganser.engine.functions.time_text import DAY_MS, days_from_civil

_PART = re.compile(r"([A-Za-z])\1*|'(?:[^']|'')*'|.", re.DOTALL)
_LETTERS = frozenset("GyYMLwWDdFEuaHkKhmsSzZX")
_OFFSET = re.compile(r"(?:GMT)?([+-])(\d{1,2}):?(\d\d)?", re.IGNORECASE)


@dataclass(slots=True)
class _Fields:
    """What a text has said so far, before it is added up."""

    numbers: dict[str, int] = field(default_factory=dict)
    offset_ms: int = 0


def parse_date_days(text: str, pattern: str, *, year_now: int) -> int:
    """The date of a text in days; `year_now` places years of two digits.

    Raises:
        CallFailedError: The text does not begin as the pattern says, or is not midnight (GMT).
    """
    parts = [found[0] for found in _PART.finditer(pattern)]
    fields, at = _Fields(), 0
    for index, part in enumerate(parts):
        letter = part[0]
        if letter.isascii() and letter.isalpha():
            if letter not in _LETTERS:
                raise CallFailedError
            following = parts[index + 1] if index + 1 < len(parts) else ""
            adjacent = following[:1].isascii() and following[:1].isalpha()
            at = _read(text, at, part, fields, adjacent=adjacent, year_now=year_now)
        else:
            at = _literal(text, at, part)
    days, ms = divmod(_total_ms(fields), DAY_MS)
    if ms:
        raise CallFailedError
    return days


def _literal(text: str, at: int, part: str) -> int:
    if part == "'":
        raise CallFailedError
    if part.startswith("'"):
        part = "'" if part == "''" else part[1:-1].replace("''", "'")
    for letter in part:
        if letter == " ":
            # A blank stands for any number of blanks, but at least one.
            if text[at : at + 1] not in (" ", "\t"):
                raise CallFailedError
            while text[at : at + 1] in (" ", "\t"):
                at += 1
            continue
        if text[at : at + 1] != letter:
            raise CallFailedError
        at += 1
    return at


def _read(text: str, at: int, part: str, fields: _Fields, *, adjacent: bool, year_now: int) -> int:
    letter, count = part[0], len(part)
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    if letter in "zZX":
        return _zone(text, at, fields)
    words = _words(letter, count)
    if words is not None:
        return _word(text, at, letter, words, fields)
    digits_max = count if adjacent else len(text)
    end = at
    if text[end : end + 1] == "-":
        end += 1
    start = end
    while end < len(text) and end - start < digits_max and text[end].isdigit():
        end += 1
    if end == start:
        raise CallFailedError
    number = int(text[at:end])
    if letter in "yY" and count <= 2 and end - at == 2:
        number = _short_year(number, year_now)
    fields.numbers[letter] = number
    return end


def _short_year(number: int, year_now: int) -> int:
    """The year with these last two digits from 80 years ago to 20 years ahead."""
    century = year_now - year_now % 100 + number
    if century > year_now + 19:
        return century - 100
    return century + 100 if century <= year_now - 80 else century


def _words(letter: str, count: int) -> tuple[tuple[str, ...], ...] | None:
    """The names that a letter stands for, or None if it stands for a number."""
    if letter in "ML" and count >= 3:
        return (names.MONTHS, names.SHORT_MONTHS)
    if letter == "E":
        return (names.DAYS, names.SHORT_DAYS)
    if letter == "a":
        return (names.HALVES,)
    return (names.ERAS["short"],) if letter == "G" else None


def _word(
    text: str, at: int, letter: str, words: tuple[tuple[str, ...], ...], fields: _Fields
) -> int:
    for group in words:
        for index, word in enumerate(group):
            if text[at : at + len(word)].lower() == word.lower():
                fields.numbers[letter] = index + (0 if letter in "Ga" else 1)
                return at + len(word)
    raise CallFailedError


def _zone(text: str, at: int, fields: _Fields) -> int:
    found = _OFFSET.match(text, at)
    if found is not None:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        fields.offset_ms = (-1 if found[1] == "-" else 1) * minutes * 60_000
        return found.end()
    word = re.compile("[A-Za-z]+").match(text, at)
    if word is None or word[0].upper() not in names.ZONES_BY_NAME:
        raise CallFailedError
    zone = zone_of(names.ZONES_BY_NAME[word[0].upper()])
    fields.offset_ms = zone.offset_s(_total_ms(fields) // 1000) * 1000
    return word.end()


def _total_ms(fields: _Fields) -> int:
    """All fields added up; what is too large rolls over."""
    given = fields.numbers
    year = given.get("y", 1970)
    if given.get("G") == 0:
        year = 1 - year
    month = given.get("M", given.get("L", 1)) - 1
    if "D" in given and not {"M", "L", "d"} & given.keys():
        days = days_from_civil(year, 1, 1) + given["D"] - 1
    elif "Y" in given and "w" in given:
        days = first_week(given["Y"]) + (given["w"] - 1) * 7 + given.get("u", 7) % 7
    else:
        days = days_from_civil(year + month // 12, month % 12 + 1, 1) + given.get("d", 1) - 1
        week_day = given.get("u", given.get("E"))
        if not 1 <= (week_day or 1) <= 7:
            raise CallFailedError
        if week_day is not None and "d" not in given:
            days += (week_day - 1 - (days + 3) % 7) % 7  # The first such day of the month.
    hour = given.get("H", given.get("k", 0) % 24)
    if not {"H", "k"} & given.keys() and {"K", "h"} & given.keys():
        hour = given.get("K", given.get("h", 0) % 12) + 12 * given.get("a", 0)
    clock = ((hour * 60 + given.get("m", 0)) * 60 + given.get("s", 0)) * 1000 + given.get("S", 0)
    return days * DAY_MS + clock - fields.offset_ms
