"""Pieces of a response from a worker thread to the event loop, with back-pressure.

A query's rows come from a blocking iterator, and a slow reader must not make them pile up: at most
`GROUPS_MAX` groups wait, then the worker blocks, and with it the query. The chain is
socket → transport's high-water mark → `send` → `take` → a free slot → the row iterator.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator

from merganser.server.frames import Group

GROUPS_MAX = 4  # Enough to encode one group while another is sent; latency gains nothing by more.


class Handover:
    """Runs `produce` in a thread of its own and gives its groups to one reader in the loop.

    `cancel` makes `produce` end soon, from any thread and more than once. `produce` must not raise:
    its failures are part of the body.
    """

    def __init__(
        self, name: str, produce: Generator[Group, None, None], cancel: Callable[[], None]
    ) -> None:
        self._produce = produce
        self._cancel = cancel
        self._slots = threading.Semaphore(GROUPS_MAX)
        self._groups: deque[Group | None] = deque()
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting_groups(self) -> int:
        """How many groups are ready and not taken."""
        return len(self._groups)

    async def take(self) -> Group | None:
        """The next group; None at the end."""
        while not self._groups:
            self._arrived.clear()
            await self._arrived.wait()
        group = self._groups.popleft()
        self._slots.release()
        return group

    def complete(self) -> None:
        """Ends the query; what it gave before, and the end of the body, can still be taken."""
        self._cancel()

    def stop(self) -> None:
        """Ends the query and the thread; what was not taken is dropped. Safe to call again."""
        if not self._stopped:
            self._stopped = True
            self._slots.release()
            self._cancel()

    def _run(self) -> None:
        try:
            for group in self._produce:
                if not group:
                    continue
                self._slots.acquire()
                if self._stopped:
                    break
                self._give(group)
        finally:
            self._produce.close()
            self._give(None)

    def _give(self, group: Group | None) -> None:
        self._groups.append(group)
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            self._stopped = True  # The loop is gone, and the reader with it.
