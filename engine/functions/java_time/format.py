"""Writing moments by patterns, as `DateTimeFormatter.format` does."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.functions.java_time import names
from merganser.engine.functions.java_time.moment import Moment
from merganser.engine.functions.java_time.pattern import Element, Field, Section, Text
from merganser.engine.functions.java_time.zone import offset_name
from merganser.engine.functions.python_function import CallFailedError

_YEAR_PAD = 4
_OFFSET_FORMS = {1: "+HHmm", 2: "+HHMM", 3: "+HH:MM", 4: "+HHMMss", 5: "+HH:MM:ss"}


def format_moment(elements: Sequence[Element], moment: Moment, allowed: frozenset[str]) -> str:
    """The text of a moment.

    Raises:
        CallFailedError: The pattern asks for something that is not allowed (the time of a date).
    """
    parts: list[str] = []
    for element in elements:
        match element:
            case Text(text):
                parts.append(text)
            case Section(inner):
                try:
                    parts.append(format_moment(inner, moment, allowed))
                except CallFailedError:
                    continue
            case Field(letter, count):
                if letter not in allowed:
                    raise CallFailedError
                parts.append(_field(letter, count, moment))
    return "".join(parts)


def _field(letter: str, count: int, moment: Moment) -> str:
    if letter in "VvzOXxZ":
        return _zone(letter, count, moment)
    if letter == "S":
        nanos = moment.ms % 1000 * 1_000_000
        return f"{nanos:09}"[:count]
    if letter in "GaB" or (letter in "MLQqEec" and count >= 3) or letter == "E":
        return _word(letter, count, moment)
    number = moment.number(letter)
    if letter in "uyY":
        if count == 2:
            return f"{abs(number) % 100:02}"
        return _signed(number, count, sign=count >= _YEAR_PAD)
    return str(number).zfill(count)


def _signed(number: int, width: int, *, sign: bool) -> str:
    """A year, padded; one of more digits than the pad gets a plus sign from width 4 on."""
    digits = str(abs(number)).zfill(width)
    if number < 0:
        return "-" + digits
    return "+" + digits if sign and len(digits) > width else digits


def _word(letter: str, count: int, moment: Moment) -> str:
    narrow, full = count == 5, count == 4
    match letter:
        case "G":
            style = "narrow" if narrow else "full" if full else "short"
            return names.ERAS[style][moment.number("u") > 0]
        case "a":
            return names.HALVES[moment.number("H") >= 12]
        case "B":
            return names.day_period(moment.ms, narrow=narrow)
        case "M" | "L":
            word = names.MONTHS[moment.number("M") - 1]
        case "Q" | "q":
            quarter = moment.number("Q")
            return (
                str(quarter) if narrow else names.QUARTERS[quarter - 1] if full else f"Q{quarter}"
            )
        case _:
            word = names.DAYS[moment.week_day - 1]
    return word[0] if narrow else word if full else word[:3]


def _zone(letter: str, count: int, moment: Moment) -> str:
    match letter:
        case "V":
            return moment.zone.id
        case "z" | "v":
            return moment.zone.name(moment.epoch_s, full=count == 4)
        case "O":
            return offset_name(moment.offset_s, full=count == 4)
        case "Z" if count == 4:
            return offset_name(moment.offset_s, full=True)
        case "Z":
            form = "+HH:MM:ss" if count == 5 else "+HHMM"
            return offset_text(moment.offset_s, form, "Z" if count == 5 else "+0000")
        case _:
            zero = "Z" if letter == "X" else {1: "+00", 2: "+0000", 4: "+0000"}.get(count, "+00:00")
            return offset_text(moment.offset_s, _OFFSET_FORMS[count], zero)


def offset_text(offset_s: int, form: str, zero: str) -> str:
    """An offset in a form such as `+HH:MM`; small letters are left out where they are 0."""
    if offset_s == 0:
        return zero
    minutes, second = divmod(abs(offset_s), 60)
    hour, minute = divmod(minutes, 60)
    colon = ":" if ":" in form else ""
    text = f"{'-' if offset_s < 0 else '+'}{hour:02}"
    if "MM" in form or minute or (second and "ss" in form):
        text += f"{colon}{minute:02}"
    if "ss" in form and second:
        text += f"{colon}{second:02}"
    return text
