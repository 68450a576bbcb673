"""Time zones by Java's ids: regions, `UTC`, `GMT+01:00`, `+0530`."""

from __future__ import annotations

import functools
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from merganser.engine.functions.java_time.names import ZONE_NAMES
from merganser.engine.functions.python_function import CallFailedError

_OFFSET = re.compile(r"\d{1,2}|\d\d:\d\d(?::\d\d)?|\d{4}|\d{6}", re.ASCII)
_PREFIXED = re.compile(r"(UTC|GMT|UT)([+-].+)?")
_UNKNOWN_TO_JAVA = frozenset({"EST", "MST", "HST", "Factory", "localtime", "posixrules"})
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 — a local time, without a zone.
_LIMIT_S = 253_402_214_400  # Python's calendar ends with the year 9999.
_FIRST_S = -62_135_510_400
_OFFSET_MAX_S = 18 * 3600


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone under its id; `fixed_s` is its offset if it has only one."""

    id: str
    fixed_s: int | None
    region: tzinfo | None = None

    def offset_s(self, epoch_s: int) -> int:
        """Seconds to add to UTC at an instant."""
        return self._at(epoch_s)[0]

    def is_summer(self, epoch_s: int) -> bool:
        """Whether daylight saving time is in force at an instant."""
        return self._at(epoch_s)[1]

    def _at(self, epoch_s: int) -> tuple[int, bool]:
        if self.fixed_s is not None or self.region is None:
            return self.fixed_s or 0, False
        inside = min(max(epoch_s, _FIRST_S), _LIMIT_S)
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=inside)).astimezone(
            self.region
        )
        offset, summer = moment.utcoffset(), moment.dst()
        return int(offset.total_seconds()) if offset else 0, bool(summer)

    def epoch_s(self, local_s: int) -> int:
        """The instant of a local time; in a gap it moves on, of two the earlier counts."""
        if self.fixed_s is not None or self.region is None:
            return local_s - (self.fixed_s or 0)
        inside = min(max(local_s, _FIRST_S), _LIMIT_S)
        offset = (_EPOCH + timedelta(seconds=inside)).replace(tzinfo=self.region).utcoffset()
        return local_s - (int(offset.total_seconds()) if offset else 0)

    def name(self, epoch_s: int, *, full: bool) -> str:
        """What the zone is called at an instant, such as `PST`."""
        known = ZONE_NAMES.get(self.id)
        if known is not None:
            return known[2 * self.is_summer(epoch_s) + full]
        if self.region is None:
            return self.id
        inside = min(max(epoch_s, _FIRST_S), _LIMIT_S)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=inside)
        short = moment.astimezone(self.region).tzname() or ""
        return short if short.isalpha() else offset_name(self.offset_s(epoch_s), full=True)


@functools.lru_cache(maxsize=256)
def zone_of(text: str) -> Zone:
    """The zone of an id.

    Raises:
        CallFailedError: `ZoneId.of(text)` would throw.
    """
    if text == "Z":
        return Zone("Z", 0)
    if text[:1] in ("+", "-"):
        offset = _offset(text)
        return Zone("Z" if offset == 0 else offset_id(offset), offset)
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed is not None:
        offset = _offset(prefixed[2]) if prefixed[2] else 0
        return Zone(prefixed[1] + (offset_id(offset) if offset else ""), offset)
    if text in _UNKNOWN_TO_JAVA or text not in _regions():
        raise CallFailedError
    return Zone(text, None, zoneinfo.ZoneInfo(text))


@functools.cache
def _regions() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def region_at(text: str, at: int) -> str | None:
    """The longest region id at a place of a text."""
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] in "/_+-"):
        end += 1
    while end > at:
        if text[at:end] in _regions() and text[at:end] not in _UNKNOWN_TO_JAVA:
            return text[at:end]
        end -= 1
    return None


def _offset(text: str) -> int:
    """Seconds of `+h`, `+hh`, `+hh:mm`, `+hhmm` and the like."""
    if text[:1] not in ("+", "-") or _OFFSET.fullmatch(text[1:]) is None:
        raise CallFailedError
    digits = text[1:].replace(":", "").zfill(2).ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    total = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > _OFFSET_MAX_S:
        raise CallFailedError
    return -total if text[0] == "-" else total


def offset_id(offset_s: int) -> str:
    """`+05:30`, with seconds if there are any."""
    sign = "-" if offset_s < 0 else "+"
    minutes, second = divmod(abs(offset_s), 60)
    hour, minute = divmod(minutes, 60)
    return f"{sign}{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def offset_name(offset_s: int, *, full: bool) -> str:
    """`GMT+5:30` or, in full, `GMT+05:30`."""
    if offset_s == 0:
        return "GMT"
    sign = "-" if offset_s < 0 else "+"
    minutes, second = divmod(abs(offset_s), 60)
    hour, minute = divmod(minutes, 60)
    tail = f":{second:02}" if second else ""
    if full:
        return f"GMT{sign}{hour:02}:{minute:02}{tail}"
    return f"GMT{sign}{hour}" + (f":{minute:02}{tail}" if minute or second else "")
