"""What a statement answers: data that prints itself, for REST and for the terminal.

A handler's answer subclasses `Answer`; server and command line never learn its class.
Source: parity/rest-api.md, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import pyarrow as pa

from merganser.engine.schema import Column


@dataclass(frozen=True, slots=True)
class Table:
    """Text cells for a terminal: `title` lines above, then a table, then `footer` lines."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    footer: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to one statement.

    Attributes:
        wire_type: ksqlDB's `@type` of the entity.
        statement_text: The statement, secrets masked.
        warnings: Sentences for the user.
    """

    wire_type: ClassVar[str]

    statement_text: str = ""
    warnings: tuple[str, ...] = ()

    def fields(self) -> dict[str, object]:
        """The members of the REST entity, JSON-able, without type, statement and warnings."""
        raise NotImplementedError

    def tables(self) -> Sequence[Table]:
        """What a terminal shows."""
        raise NotImplementedError

    def to_wire(self) -> dict[str, object]:
        """The whole REST entity."""
        return {
            "@type": self.wire_type,
            "statementText": self.statement_text,
            **self.fields(),
            "warnings": [{"message": warning} for warning in self.warnings],
        }


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Result rows: an Arrow table with one field a result column, named and ordered as they are.

    `tombstones`: BOOLEAN array, true for rows that delete their key (push queries on tables), or
    None if there are none. Cells use the physical types (DECIMAL as decimal128, TIME as time64,
    TIMESTAMP as timestamp, MAP as map, STRUCT as struct with physical field names).
    """

    rows: pa.Table
    tombstones: pa.Array | None = None


class Rows(Protocol):
    """The running result of a SELECT. Iterated by one thread; closed by any."""

    def __iter__(self) -> Iterator[RowBatch]: ...

    def close(self) -> None:
        """Ends the query; the iteration ends soon after."""
        ...


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A SELECT that was planned and started.

    Attributes:
        query_id: As ksqlDB names it (`transient_S_1`, `query_1690…`).
        kind: `push`, `pull`, or `stream_pull` (a stream read to its end).
        columns: Result columns; role KEY marks key columns (used by pull headers only).
        rows: Blocks while a push query waits. Ends at the LIMIT, at the end, or on close.
        limit: The LIMIT, to tell "Limit Reached" from "Query Completed".
    """

    query_id: str
    kind: str
    columns: tuple[Column, ...]
    rows: Rows
    limit: int | None = None
    on_close: tuple[Callable[[], None], ...] = field(default=())


class FormatLine(str):
    """The line of a PRINT that tells a guessed format: `Key format: JSON or KAFKA_STRING`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PrintResult:
    """A running PRINT: text lines, without line ends.

    Lines are records, `FormatLine`s before the first record and whenever the guess changes, and
    an empty line about every second while nothing comes.
    """

    lines: Iterator[str]
    close: Callable[[], None]
