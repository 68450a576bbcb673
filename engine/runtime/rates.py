"""How fast a query is, over the last minute."""

from __future__ import annotations

import threading
from collections import deque

WINDOW_MS = 60_000


class Meter:
    """Counts of a minute. Noted by one thread, read by any."""

    def __init__(self) -> None:
        self._notes: deque[tuple[int, int, int]] = deque()
        self._lock = threading.Lock()

    def note(self, now_ms: int, records_in: int, records_out: int) -> None:
        """Notes what was read and written at a moment."""
        with self._lock:
            self._notes.append((now_ms, records_in, records_out))
            self._forget(now_ms)

    def per_second(self, now_ms: int) -> tuple[float, float]:
        """Records read and written a second, over the last minute."""
        with self._lock:
            self._forget(now_ms)
            seconds = WINDOW_MS / 1000
            read = sum(note[1] for note in self._notes)
            written = sum(note[2] for note in self._notes)
        return read / seconds, written / seconds

    def _forget(self, now_ms: int) -> None:
        while self._notes and self._notes[0][0] <= now_ms - WINDOW_MS:
            self._notes.popleft()
