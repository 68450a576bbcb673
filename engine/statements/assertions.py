"""Waiting for what an ASSERT statement claims."""

from __future__ import annotations

import threading
from collections.abc import Callable

from merganser.errors import AssertionFailedError, Span

RETRY_MS = 50


def wait_until_true(
    finding: Callable[[], str | None], wait_ms: int, span: Span | None = None
) -> None:
    """Asks again and again what speaks against a claim, until nothing does.

    Raises:
        AssertionFailedError: Something still does after so many milliseconds.
    """
    pause = threading.Event()
    against: str | None = None
    for left_ms in range(wait_ms, -RETRY_MS, -RETRY_MS):
        against = finding()
        if against is None:
            return
        if left_ms > 0:
            pause.wait(min(RETRY_MS, left_ms) / 1000)
    raise AssertionFailedError(against or "it does not hold", span=span)
