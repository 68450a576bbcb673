"""Showing what statements give: the shell's way, in ksqlDB's layout or as its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from merganser.cli.render.cells import CellLayout, cell_layout, header_lines, row_lines
from merganser.cli.render.entities import TABLES, Entity, answers_lines
from merganser.cli.render.jsontext import pretty
from merganser.cli.session import OutputFormat, Session
from merganser.cli.terminal import Terminal
from merganser.server.client import Event, FinalMessage, Header, Row, ServerError

COMMAND_TIMEOUT = 50301  # The server's code for: an earlier command has not run in time.


class Presenter(Protocol):
    """Shows results. None of it raises but what the iterators raise."""

    def answers(self, answers: Sequence[Entity]) -> None:
        """Shows the answers of one request."""
        ...

    def message(self, text: str) -> None:
        """Shows what the shell itself says about a statement."""
        ...

    def refusal(self, error: ServerError) -> None:
        """Shows that the server refused, behind the answers of the statements that did run."""
        ...

    def rows(self, events: Iterator[Event], *, endless: bool) -> None:
        """Shows the rows of a SELECT until they end or the user ends them.

        `endless` tells a query that may wait for rows for ever.
        """
        ...

    def table(self, pieces: Iterable[bytes]) -> None:
        """Passes on the rows of a SELECT in the form that the server gives them."""
        ...

    def lines(self, lines: Iterable[str]) -> None:
        """Shows the records of a PRINT until they end or the user ends them."""
        ...


class ShellPresenter:
    """Shows results on a terminal as the session's settings say at that moment."""

    def __init__(self, session: Session, terminal: Terminal) -> None:
        self._session = session
        self._terminal = terminal

    def table(self, pieces: Iterable[bytes]) -> None:
        raise NotImplementedError("a terminal shows rows, not bytes")

    def answers(self, answers: Sequence[Entity]) -> None:
        if self._session.output is OutputFormat.JSON:
            plain = [{k: v for k, v in answer.items() if k != TABLES} for answer in answers]
            self._terminal.write(pretty(list(plain)))
        else:
            self._terminal.write_lines(answers_lines(answers, self._terminal.width))

    def message(self, text: str) -> None:
        self._terminal.write(text)

    def refusal(self, error: ServerError) -> None:
        self.answers(error.entities)
        self._terminal.error(error.message)
        if error.code == COMMAND_TIMEOUT:
            self._terminal.write(
                "The server is still busy with an earlier statement. To go on without waiting "
                "for it, enter: request-pipelining ON"
            )

    def rows(self, events: Iterator[Event], *, endless: bool) -> None:
        with self._terminal.status("Press CTRL-C to interrupt"), suppress(KeyboardInterrupt):
            layout: CellLayout | None = None
            for event in events:
                match event:
                    case Header():
                        layout = self._header(event)
                    case Row():
                        self._row(event, layout)
                    case FinalMessage():
                        self._terminal.write(event.text)
        self._terminal.write("Query terminated")

    def lines(self, lines: Iterable[str]) -> None:
        with self._terminal.status("Press CTRL-C to interrupt"), suppress(KeyboardInterrupt):
            for line in lines:
                self._terminal.write(line)
        self._terminal.write("Topic printing ceased")

    def _header(self, header: Header) -> CellLayout | None:
        """Draws the header. The layout holds for all rows, whatever the terminal does meanwhile."""
        session, terminal = self._session, self._terminal
        if session.output is OutputFormat.JSON:
            terminal.write(pretty({"queryId": header.query_id, "schema": header.schema}))
            return None
        layout = cell_layout(
            len(header.names), terminal.width, session.column_width, wrap=session.wrap
        )
        terminal.write_lines(header_lines(header.names, layout))
        return layout

    def _row(self, row: Row, layout: CellLayout | None) -> None:
        if layout is not None:
            self._terminal.write_lines(row_lines(row.values, layout, tombstone=row.tombstone))
        elif row.tombstone:
            self._terminal.write(pretty({"columns": list(row.values), "tombstone": True}))
        else:
            self._terminal.write(pretty({"columns": list(row.values)}))
