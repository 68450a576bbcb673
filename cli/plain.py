"""Results of `merganser sql`: a table for people, JSON lines or CSV for programs.

Rows go to stdout; what is said about them goes to stderr, so that a pipe gets the data alone.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Literal, TextIO

from rich.console import Console
from rich.table import Table

from merganser.cli.presenter import ShellPresenter
from merganser.cli.render.cells import cell_text
from merganser.cli.render.entities import TABLES, Entity, answers_lines, members
from merganser.cli.render.jsontext import Json
from merganser.cli.session import Session
from merganser.cli.terminal import Terminal
from merganser.server.client import Event, FinalMessage, Header, Row, ServerError

PIPE_WIDTH = 10_000
_NOT_DATA = ("@type", "statementText", "warnings", TABLES)


def json_line(value: Json) -> str:
    """Spells a value as JSON on one line, numbers as the server spelled them."""
    if isinstance(value, dict):
        pairs = (f"{json_line(name)}: {json_line(member)}" for name, member in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_line, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


class _Said:
    """What the two forms for programs have in common: words go to stderr."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def message(self, text: str) -> None:
        print(text, file=sys.stderr)  # noqa: T201 (beside the data)

    def refusal(self, error: ServerError) -> None:
        self.answers(error.entities)
        self.message(f"error: {error.message}")

    def answers(self, answers: Sequence[Entity]) -> None:
        raise NotImplementedError

    def table(self, pieces: Iterable[bytes]) -> None:
        raise NotImplementedError

    def lines(self, lines: Iterable[str]) -> None:
        with suppress(KeyboardInterrupt):
            for line in lines:
                print(line, file=self._out, flush=True)


class JsonLines(_Said):
    """One JSON object a line: a row by its column names, or an answer as the server gave it."""

    def answers(self, answers: Sequence[Entity]) -> None:
        for answer in answers:
            self._write({name: value for name, value in answer.items() if name != TABLES})

    def rows(self, events: Iterator[Event], *, endless: bool) -> None:
        names: tuple[str, ...] = ()
        with suppress(KeyboardInterrupt):
            for event in events:
                match event:
                    case Header():
                        names = event.names
                    case Row():
                        self._write(dict(zip(names, event.values, strict=True)))
                    case FinalMessage():
                        pass  # To a program, the end of the rows says it all.

    def _write(self, value: dict[str, Json]) -> None:
        print(json_line(value), file=self._out, flush=True)


class Csv(_Said):
    """Rows with a line of column names before them; NULL is an empty field.

    Of other answers, lists are written in the same way and messages go to stderr.
    """

    def answers(self, answers: Sequence[Entity]) -> None:
        for answer in answers:
            tables = members(answer, TABLES)
            if answer.get("@type") == "currentStatus" or not tables:
                self.message(_message(answer))
                continue
            for table in tables:
                self._write(table.get("headers"))
                rows = table.get("rows")
                for row in rows if isinstance(rows, list) else []:
                    self._write(row)

    def rows(self, events: Iterator[Event], *, endless: bool) -> None:
        with suppress(KeyboardInterrupt):
            for event in events:
                match event:
                    case Header():
                        self._write(list(event.names))
                    case Row():
                        self._write(list(event.values))
                    case FinalMessage():
                        pass  # To a program, the end of the rows says it all.

    def _write(self, values: Json) -> None:
        cells = values if isinstance(values, list) else []
        csv.writer(self._out, lineterminator="\n").writerow(
            ["" if cell is None else _field(cell) for cell in cells]
        )
        self._out.flush()


class ArrowTables(_Said):
    """Rows as an Arrow IPC stream, as the server gives them; all else goes to stderr."""

    def answers(self, answers: Sequence[Entity]) -> None:
        for answer in answers:
            self.message(_message(answer))

    def rows(self, events: Iterator[Event], *, endless: bool) -> None:
        raise NotImplementedError

    def table(self, pieces: Iterable[bytes]) -> None:
        with suppress(KeyboardInterrupt):
            for piece in pieces:
                self._out.buffer.write(piece)
                self._out.buffer.flush()


class Tables(ShellPresenter):
    """Tables as wide as their content. Rows that come for ever are shown as the shell does."""

    def __init__(self, session: Session, terminal: Terminal) -> None:
        super().__init__(session, terminal)
        self._shown_on = terminal

    @property
    def _width(self) -> int:
        """The terminal's; in a pipe nothing is gained by folding at a width nobody looks at."""
        return self._shown_on.width or PIPE_WIDTH

    def message(self, text: str) -> None:
        print(text, file=sys.stderr)  # noqa: T201 (beside the results)

    def refusal(self, error: ServerError) -> None:
        self.answers(error.entities)
        self.message(f"error: {error.message}")

    def answers(self, answers: Sequence[Entity]) -> None:
        self._shown_on.write_lines(answers_lines(answers, self._width))

    def rows(self, events: Iterator[Event], *, endless: bool) -> None:
        if endless:
            super().rows(events, endless=endless)
            return
        table = Table()
        with suppress(KeyboardInterrupt):
            for event in events:
                match event:
                    case Header():
                        for name, sql_type in zip(event.names, event.types, strict=True):
                            table.add_column(name, justify=_justify(sql_type), overflow="fold")
                    case Row():
                        table.add_row(*(cell_text(value) for value in event.values))
                    case FinalMessage():
                        pass
        console = Console(width=self._width, highlight=False, markup=False)
        console.print(table)
        console.print(f"({table.row_count} {'row' if table.row_count == 1 else 'rows'})")


def _field(value: Json) -> str:
    return json_line(value) if isinstance(value, list | dict) else cell_text(value)


def _justify(sql_type: str) -> Literal["left", "right"]:
    numeric = sql_type.startswith(("INTEGER", "BIGINT", "DOUBLE", "DECIMAL"))
    return "right" if numeric else "left"


def _message(answer: Mapping[str, Json]) -> str:
    status = answer.get("commandStatus")
    if isinstance(status, dict):
        return str(status.get("message"))
    parts = (f"{name}: {cell_text(v)}" for name, v in answer.items() if name not in _NOT_DATA)
    return ", ".join(parts)
