"""From what a text says to a date, a time of day or an instant, as Java's smart resolver does."""

from __future__ import annotations

from collections.abc import Callable

from merganser.engine.functions.java_time.moment import first_week
from merganser.engine.functions.java_time.parse import Parsed
from merganser.engine.functions.java_time.zone import Zone, zone_of
from merganser.engine.functions.python_function import CallFailedError
from merganser.engine.functions.time_text import DAY_MS, days_from_civil, month_length

_RANGES = {
    "M": (1, 12),
    "L": (1, 12),
    "d": (1, 31),
    "D": (1, 366),
    "Q": (1, 4),
    "q": (1, 4),
    "H": (0, 24),
    "k": (0, 24),
    "K": (0, 11),
    "h": (0, 12),
    "m": (0, 59),
    "s": (0, 59),
    "A": (0, DAY_MS - 1),
    "n": (0, 999_999_999),
    "N": (0, DAY_MS * 1_000_000 - 1),
    "w": (1, 53),
    "W": (0, 6),
    "e": (1, 7),
    "c": (1, 7),
    "F": (1, 7),
    "y": (1, 999_999_999),
    "u": (-999_999_999, 999_999_999),
}
_EPOCH_YEAR = 1970


def _number(parsed: Parsed, *letters: str) -> int | None:
    """The value of the first of some letters that a text gave."""
    for letter in letters:
        number = parsed.numbers.get(letter)
        if number is not None:
            least, most = _RANGES.get(letter, (number, number))
            if not least <= number <= most:
                raise CallFailedError
            return number
    return None


def resolve_days(parsed: Parsed) -> int:
    """The date in days; what is missing is that of 1970-01-01.

    Raises:
        CallFailedError: The parts contradict each other or name no date.
    """
    for letter in parsed.numbers:
        _number(parsed, letter)
    year = _year(parsed)
    day_of_year = _number(parsed, "D")
    if day_of_year is not None:
        if year is None and day_of_year == 366:
            raise CallFailedError
        known = year if year is not None else _EPOCH_YEAR
        days = days_from_civil(known, 1, 1) + day_of_year - 1
        if days >= days_from_civil(known + 1, 1, 1):
            raise CallFailedError
    elif "Y" in parsed.numbers and year is None:
        days = _week_days(parsed)
    else:
        days = _civil_days(parsed, year)
    week_day = parsed.numbers.get("E")
    if week_day is not None and (days + 3) % 7 + 1 != week_day:
        raise CallFailedError
    return days


def _year(parsed: Parsed) -> int | None:
    year = _number(parsed, "u")
    of_era = _number(parsed, "y")
    if of_era is not None:
        era = parsed.numbers.get("G")
        resolved = 1 - of_era if era == 0 else of_era
        if year is not None and year != resolved:
            raise CallFailedError
        return resolved
    return year


def _civil_days(parsed: Parsed, year: int | None) -> int:
    month, day = _number(parsed, "M", "L") or 1, _number(parsed, "d") or 1
    known = year if year is not None else _EPOCH_YEAR
    if day > month_length(known, month):
        if year is None:
            raise CallFailedError
        day = month_length(known, month)  # The smart resolver clamps.
    return days_from_civil(known, month, day)


def _week_days(parsed: Parsed) -> int:
    week, day = _number(parsed, "w"), _number(parsed, "e", "c")
    if week is None:
        raise CallFailedError
    if day is None:
        day = (parsed.numbers.get("E", 7) % 7) + 1
    return first_week(parsed.numbers["Y"]) + (week - 1) * 7 + day - 1


def resolve_ms(parsed: Parsed, *, strict: bool = False) -> int:
    """The time of day in ms; 24:00 is 0:00 of the same day. `strict`: the hour must be known.

    Raises:
        CallFailedError: The parts name no time of day.
    """
    for letter in parsed.numbers:
        _number(parsed, letter)
    of_day: tuple[tuple[str, Callable[[int], int]], ...] = (
        ("A", lambda number: number),
        ("N", lambda number: number // 1_000_000),
    )
    for letter, convert in of_day:
        number = _number(parsed, letter)
        if number is not None:
            return convert(number)
    hour = _hour(parsed)
    if hour is None and strict:
        raise CallFailedError
    minute, second = _number(parsed, "m") or 0, _number(parsed, "s") or 0
    nanos = _number(parsed, "S", "n") or 0
    if hour == 24:
        if minute or second or nanos:
            raise CallFailedError
        hour = 0
    return (((hour or 0) * 60 + minute) * 60 + second) * 1000 + nanos // 1_000_000


def _hour(parsed: Parsed) -> int | None:
    hour, clock = _number(parsed, "H"), _number(parsed, "k")
    if hour is not None:
        return hour
    if clock is not None:
        return clock % 24
    half = parsed.numbers.get("a")
    small, small_clock = _number(parsed, "K"), _number(parsed, "h")
    if small is None and small_clock is not None:
        small = small_clock % 12
    if small is None or half is None:
        return None
    return half * 12 + small


def resolve_epoch_ms(parsed: Parsed, default: Zone) -> int:
    """The instant; a zone in the text wins over the default."""
    local_ms = resolve_days(parsed) * DAY_MS + resolve_ms(parsed)
    if parsed.offset_s is not None:
        return local_ms - parsed.offset_s * 1000
    zone = zone_of(parsed.zone) if parsed.zone is not None else default
    seconds, ms = divmod(local_ms, 1000)
    return zone.epoch_s(seconds) * 1000 + ms
