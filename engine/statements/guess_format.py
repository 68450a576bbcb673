"""Guessing in which format the keys or values of a topic are written.

All formats are candidates at first; one that cannot read a record is out for good, and the first of
the others shows the records. Keys may be windowed: then 8 bytes of the window's start follow the
key, in sessions 8 of the end and 8 of the start.
Source: parity/rest-api.md, PRINT; parity/semantics.md, windowed sink key bytes.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

NULL_TEXT = "<null>"
NO_DATA = "not known yet"
NONE_FITS = "none of the formats that are known here; it may be text in another encoding than UTF-8"
WINDOW_TIME_MAX_MS = 253_402_300_799_999  # The end of the year 9999: larger numbers are no times.

_SPACE_OR_STRING = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')

Show = Callable[[bytes], str | None]
"""Text of a payload, or None if it is not in the format."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A format that may be it."""

    name: str
    show: Show


class FormatGuess:
    """The candidates that are left. Narrowed by records, in order."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._candidates = tuple(candidates)
        self._started = False

    def narrow(self, payloads: Sequence[bytes | None]) -> bool:
        """Drops candidates that cannot read these; tells whether the guess is another now."""
        there = [payload for payload in payloads if payload is not None]
        if not there:
            return False
        left = tuple(
            candidate
            for candidate in self._candidates
            if all(candidate.show(payload) is not None for payload in there)
        )
        changed = not self._started or left != self._candidates
        self._candidates, self._started = left, True
        return changed

    @property
    def text(self) -> str:
        """The guess, as the user reads it."""
        if not self._started:
            return NO_DATA
        return " or ".join(candidate.name for candidate in self._candidates) or NONE_FITS

    def shown(self, payload: bytes | None) -> str:
        """A payload by the first candidate that is left; if there is none, as text or bytes."""
        if payload is None:
            return NULL_TEXT
        show = self._candidates[0].show if self._candidates else _string
        text = show(payload)
        return text if text is not None else "".join(f"\\x{byte:02X}" for byte in payload)


def value_guess() -> FormatGuess:
    """A guess for values."""
    return FormatGuess(_PLAIN)


def key_guess() -> FormatGuess:
    """A guess for keys: each format also inside a window."""
    return FormatGuess(
        windowed
        for plain in _PLAIN
        for windowed in (
            Candidate(f"SESSION({plain.name})", _session(plain.show)),
            Candidate(f"HOPPING({plain.name})", _time_window(plain.show)),
            Candidate(f"TUMBLING({plain.name})", _time_window(plain.show)),
            plain,
        )
    )


def _json(payload: bytes) -> str | None:
    try:
        text = payload.decode()
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _SPACE_OR_STRING.sub(lambda match: match.group(1) or "", text)


def _number(layout: str) -> Show:
    size = struct.calcsize(layout)

    def show(payload: bytes) -> str | None:
        if len(payload) != size:
            return None
        return str(struct.unpack(layout, payload)[0])

    return show


def _string(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def _window_times(payload: bytes, count: int) -> tuple[bytes, tuple[int, ...]] | None:
    """The key and its window's times, if the last bytes can be times."""
    size = 8 * count
    if len(payload) <= size:
        return None
    times = struct.unpack(f">{count}q", payload[-size:])
    if any(not 0 <= time <= WINDOW_TIME_MAX_MS for time in times):
        return None
    return payload[:-size], times


def _time_window(inner: Show) -> Show:
    def show(payload: bytes) -> str | None:
        found = _window_times(payload, 1)
        text = inner(found[0]) if found else None
        return f"[{text}@{found[1][0]}/-]" if found and text is not None else None

    return show


def _session(inner: Show) -> Show:
    def show(payload: bytes) -> str | None:
        found = _window_times(payload, 2)
        if found is None:
            return None
        key, (end, start) = found
        text = inner(key) if start <= end else None
        return f"[{text}@{start}/{end}]" if text is not None else None

    return show


_PLAIN = (
    Candidate("JSON", _json),
    Candidate("KAFKA_INT", _number(">i")),
    Candidate("KAFKA_BIGINT", _number(">q")),
    Candidate("KAFKA_DOUBLE", _number(">d")),
    Candidate("KAFKA_STRING", _string),
)
