"""Places where a test can end the process or raise, to see that nothing is lost.

In production a place costs one look at a global that is None.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """Where a fault can be put."""

    EPOCH_COMPUTED = "epoch-computed"
    LOG_COMMITTED = "log-committed"
    STATE_COMMITTED = "state-committed"


_injected: Callable[[Point], None] | None = None


def hit(point: Point) -> None:
    """Runs the injected fault, if there is one."""
    if _injected is not None:
        _injected(point)


def inject(fault: Callable[[Point], None] | None) -> None:
    """Puts a fault in place (None: takes it away). For tests."""
    global _injected  # noqa: PLW0603 — one hook for the whole process, by design.
    _injected = fault
