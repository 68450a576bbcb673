"""The board on a terminal, as a table that changes in place, or elsewhere as lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live

from merganser.cli.demo.board import HOUR_MS, Board


class View(Protocol):
    """Shows the board; at the end of its context, for the last time."""

    def show(self, event_time_ms: int) -> None:
        """Shows how things stand at a moment of event time."""
        ...


@contextmanager
def view_of(board: Board, console: Console) -> Iterator[View]:
    """Gives the view that fits the console."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            table = _Changing(board, live)
            yield table
            table.show(table.event_time_ms)
    else:
        lines = _Lines(board, console)
        yield lines
        lines.show_rest()


class _Changing:
    """A table that is drawn anew in the same place."""

    def __init__(self, board: Board, live: Live) -> None:
        self._board = board
        self._live = live
        self.event_time_ms = 0

    def show(self, event_time_ms: int) -> None:
        self.event_time_ms = event_time_ms
        self._live.update(self._board.table(event_time_ms), refresh=True)


class _Lines:
    """A line for each window that has come to its end."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console
        self._ended_ms = 0

    def show(self, event_time_ms: int) -> None:
        # A window's last update may still be on its way when the next window has begun. After an
        # hour of event time it has come, or the replay is faster than this computer can follow.
        self._show_ended(event_time_ms - HOUR_MS)

    def show_rest(self) -> None:
        last = max((hour.start_ms + HOUR_MS for hour in self._board.hours()), default=0)
        self._show_ended(last)

    def _show_ended(self, until_ms: int) -> None:
        for hour in self._board.hours():
            if self._ended_ms < hour.start_ms + HOUR_MS <= until_ms:
                self._console.print(hour.line(), soft_wrap=True)
        self._ended_ms = max(self._ended_ms, until_ms)
