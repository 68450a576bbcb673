"""One moment taken apart: the number behind each letter of a pattern."""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine.functions.java_time.zone import Zone
from merganser.engine.functions.time_text import DAY_MS, civil_from_days, days_from_civil

_MS_NANOS = 1_000_000
_SUNDAY = 7


@dataclass(frozen=True, slots=True)
class Moment:
    """A local date and time of day in a zone."""

    days: int
    ms: int
    zone: Zone
    epoch_s: int

    @classmethod
    def of(cls, epoch_ms: int, zone: Zone) -> Moment:
        """The moment of an instant in a zone."""
        epoch_s = epoch_ms // 1000
        days, ms = divmod(epoch_ms + zone.offset_s(epoch_s) * 1000, DAY_MS)
        return cls(days, ms, zone, epoch_s)

    @property
    def offset_s(self) -> int:
        """Seconds ahead of UTC."""
        return self.zone.offset_s(self.epoch_s)

    def number(self, letter: str) -> int:
        """The value of a numeric letter."""
        year, month, day = civil_from_days(self.days)
        match letter:
            case "u":
                return year
            case "y":
                return year if year > 0 else 1 - year
            case "D":
                return self.days - days_from_civil(year, 1, 1) + 1
            case "M" | "L":
                return month
            case "Q" | "q":
                return (month + 2) // 3
            case "d":
                return day
            case "F":
                return (day - 1) % 7 + 1
            case "g":
                return self.days + 40_587
            case "w":
                return self._week()[1]
            case "Y":
                return self._week()[0]
            case _:
                return self._small(letter, day)

    def _small(self, letter: str, day: int) -> int:
        hour = self.ms // 3_600_000
        match letter:
            case "h":
                return hour % 12 or 12
            case "K":
                return hour % 12
            case "k":
                return hour or 24
            case "H":
                return hour
            case "m":
                return self.ms // 60_000 % 60
            case "s":
                return self.ms // 1000 % 60
            case "A":
                return self.ms
            case "n":
                return self.ms % 1000 * _MS_NANOS
            case "N":
                return self.ms * _MS_NANOS
            case "e" | "c":
                return self.week_day % _SUNDAY + 1
            case "W":
                return (day - 1 + _column(self.days - day + 1)) // 7 + 1
            case _:
                raise AssertionError(letter)

    @property
    def week_day(self) -> int:
        """Monday 1 to Sunday 7."""
        return (self.days + 3) % 7 + 1

    def _week(self) -> tuple[int, int]:
        """Week-based year and week; weeks begin on Sunday, the first holds January 1."""
        year, _, _ = civil_from_days(self.days)
        if self.days >= first_week(year + 1):
            return year + 1, 1
        return year, (self.days - first_week(year)) // 7 + 1


def _column(days: int) -> int:
    """Sunday 0 to Saturday 6."""
    return (days + 4) % 7


def first_week(year: int) -> int:
    """The day on which the first week of a year begins."""
    new_year = days_from_civil(year, 1, 1)
    return new_year - _column(new_year)
