"""What is known of calls that raised: counts, reasons, and the records that they were for.

A function counts for itself, so that nobody has to look for failed rows where there are none.
DuckDB runs a statement in the thread that asked for it, so failures of aggregates, which cannot be
found again later, are kept by thread until the epoch takes them.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from merganser.engine.functions.function import CallFailure

KEPT_MAX = 1000  # Of a thread that nobody asks (a pull query's), or of an epoch of nothing else.
FRAMES_MAX = 3
REASON_LENGTH_MAX = 500

CALL_ERRORS = (Exception, SystemExit)
"""What a function may raise without ending the query. Nothing that it does may."""

_HERE = str(PurePath(__file__).parent)


@dataclass(slots=True)
class Failures:
    """The failures of one function."""

    count: int = 0


def reason_of(error: BaseException) -> str:
    """A short trace: the error and the innermost places in the user's own code."""
    found = type(error).__name__
    if text := _text(error):
        found += f": {text}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_HERE)
    ]
    places = [
        f"at {PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in reversed(frames[-FRAMES_MAX:])
    ]
    return "\n".join([found[:REASON_LENGTH_MAX], *places])


def _text(error: BaseException) -> str:
    """What an error says, whatever that is: even that is the user's code."""
    try:
        return str(error).encode("utf-8", "replace").decode()
    except CALL_ERRORS:
        return ""


@dataclass(slots=True)
class RowFailures:
    """Failures of the rows of one aggregate call, kept by thread."""

    _local: threading.local = field(default_factory=threading.local)

    def note(self, error: BaseException, partition: int | None, offset: int | None) -> None:
        """Keeps one."""
        kept: deque[CallFailure] | None = getattr(self._local, "kept", None)
        if kept is None:
            kept = self._local.kept = deque(maxlen=KEPT_MAX)
        kept.append(CallFailure(reason_of(error), partition, offset))

    def take(self) -> Sequence[CallFailure]:
        """Those of the calling thread since the last time."""
        kept: deque[CallFailure] | None = getattr(self._local, "kept", None)
        if not kept:
            return ()
        taken = tuple(kept)
        kept.clear()
        return taken
