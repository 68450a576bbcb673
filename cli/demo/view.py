"""The board on a terminal, as a table that changes in place, or elsewhere as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live

from merganser.cli.demo.board import Board, Hour


class View(Protocol):
    """Shows the board; at the end of its context, for the last time."""

    def show(self, event_time_ms: int, given: int) -> None:
        """Shows how things stand at a moment of event time, when so many records are out."""
        ...


@contextmanager
def view_of(board: Board, console: Console) -> Iterator[View]:
    """Gives the view that fits the console."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            table = _Changing(board, live)
            yield table
            table.show_last()
    else:
        lines = _Lines(board, console)
        yield lines
        lines.show_rest()


class _Changing:
    """A table that is drawn anew in the same place."""

    def __init__(self, board: Board, live: Live) -> None:
        self._board = board
        self._live = live
        self._event_time_ms = 0

    def show(self, event_time_ms: int, _given: int) -> None:
        self._event_time_ms = event_time_ms
        self.show_last()

    def show_last(self) -> None:
        self._live.update(self._board.table(self._event_time_ms), refresh=True)


class _Lines:
    """A line for each window, once it has ended and all its flights are counted.

    The query is some way behind the records. Since it takes them in order, it has told of all that
    happened up to a moment when it has counted as many flights as were given out by then.
    """

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console
        self._moments: deque[tuple[int, int]] = deque()
        self._printed: dict[tuple[int, str], str] = {}

    def show(self, event_time_ms: int, given: int) -> None:
        self._moments.append((event_time_ms, given))
        counted = self._board.flights
        reached_ms = 0
        while self._moments and self._moments[0][1] <= counted:
            reached_ms = self._moments.popleft()[0]
        self._print(hour for hour in self._board.hours() if hour.end_ms <= reached_ms)

    def show_rest(self) -> None:
        self._print(self._board.hours())

    def _print(self, hours: Iterable[Hour]) -> None:
        for hour in hours:
            line = hour.line()
            if self._printed.get((hour.start_ms, hour.airport)) != line:
                self._printed[hour.start_ms, hour.airport] = line
                self._console.print(line, soft_wrap=True)
