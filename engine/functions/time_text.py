"""Texts of dates and times in ISO form, read and written as ksqlDB's casts do.

Times are ms of day, dates days since 1970-01-01, timestamps ms since then, in UTC; years may lie
outside Python's range. Source: parity/statements.md, section 8; parity/semantics.md, section 12.
"""

from __future__ import annotations

import re

DAY_MS = 86_400_000
_ERA_DAYS = 146_097  # A cycle of 400 years.
_YEAR_ONE_DAYS = 719_468  # Days from 0000-03-01 to 1970-01-01.

_TIME = r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?)?"
_TIMESTAMP = re.compile(
    rf"(?P<date>\d{{4}}(?:-\d\d(?:-\d\d(?:T{_TIME})?)?)?)(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_MIDNIGHT = re.compile(r".*T24(?::00(?::00(?:\.0+)?)?)?")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_LOCAL_TIME = re.compile(
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{0,9}))?)?", re.ASCII
)


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date in the proleptic Gregorian calendar."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _ERA_DAYS + day_of_era - _YEAR_ONE_DAYS


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    era, day_of_era = divmod(days + _YEAR_ONE_DAYS, _ERA_DAYS)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = (shifted + 2) % 12 + 1
    return (
        era * 400 + year_of_era + (month <= 2),
        month,
        day_of_year - (153 * shifted + 2) // 5 + 1,
    )


def month_length(year: int, month: int) -> int:
    """Days in a month."""
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def date_text_days(text: str) -> int | None:
    """Days of `yyyy[-MM[-dd]]`; None if it is no date."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) if part else 1 for part in found.groups())
    if not (1 <= month <= 12 and 1 <= day <= month_length(year, month)):
        return None
    return days_from_civil(year, month, day)


def _clock_ms(found: re.Match[str]) -> int | None:
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        return None
    ms = int((found["fraction"] or "").ljust(3, "0")[:3])
    return ((hour * 60 + minute) * 60 + second) * 1000 + ms


def time_text_ms(text: str) -> int | None:
    """Ms of day of `HH:mm[:ss[.SSS…]]`; None if it is no time."""
    found = _LOCAL_TIME.fullmatch(text)
    return _clock_ms(found) if found is not None else None


def timestamp_text_ms(text: str) -> int | None:
    """Epoch ms of an ISO text, parts from the right missing (`2020-05`); None if it is not one.

    An optional `Z`, `+0200` or `-03:30` follows; without it the zone is UTC. Hour 24, with nothing
    after it, is the next day's midnight.

    >>> timestamp_text_ms("1970-01-01T24"), timestamp_text_ms("1970-01-01T24:01")
    (86400000, None)
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    days = date_text_days(found["date"].partition("T")[0])
    clock = DAY_MS if _MIDNIGHT.fullmatch(found["date"]) else _clock_ms(found)
    if days is None or clock is None:
        return None
    ms = days * DAY_MS + clock
    zone = found["zone"]
    if zone and zone != "Z":
        offset_minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        ms -= (-1 if zone[0] == "-" else 1) * offset_minutes * 60_000
    return ms


def date_text(days: int) -> str:
    """`yyyy-MM-dd` with a proleptic year, as Java's `LocalDate` writes it."""
    year, month, day = civil_from_days(days)
    return f"{_year_text(year)}-{month:02}-{day:02}"


def _year_text(year: int) -> str:
    if year > 9999:
        return f"+{year}"
    return f"{year:04}" if year >= 0 else f"-{-year:04}"


def timestamp_text(ms: int) -> str:
    """`yyyy-MM-dd'T'HH:mm:ss.SSS`, the year being that of its era."""
    days, clock = divmod(ms, DAY_MS)
    year, month, day = civil_from_days(days)
    seconds, millis = divmod(clock, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    era_year = year if year > 0 else 1 - year
    return (
        f"{_year_text(era_year)}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}"
    )
