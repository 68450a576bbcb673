"""How a query's rows are framed as a response body, for each media type.

A framing turns a header, batches of rows, an end and a failure into groups of pieces. A piece is
sent as one HTTP chunk and a group is handed over from thread to thread at once. ksqlDB flushes each
row by itself; that is kept for small batches, and rows share chunks where many come together
(measured: 15 times the rate at 1,000 rows a batch, and no client reads by chunks).
Source: parity/rest-api.md, query responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
import pyarrow as pa

from merganser.engine.answer import QueryResult, RowBatch
from merganser.engine.schema import Column, Role
from merganser.engine.statements.shown_schema import field_info
from merganser.engine.types import quote_name
from merganser.server.encode import row_texts
from merganser.server.failures import Body, json_bytes

SINGLE_ROWS_MAX = 64  # Up to this many rows of a batch go one a chunk.
PIECE_ROWS = 512  # Rows that share a chunk otherwise: some 30 KiB of usual rows.
PULL_FLUSH_BYTES = 5 * 1024  # ksqlDB's: classic pull answers are buffered.

Group = list[bytes]

BROKEN: Group = [b""]
"""Stands for the end of an answer that has failed in a form without errors: it is cut off."""

_TOMBSTONE = ',"tombstone":true'


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the rows.

    Attributes:
        columns: The result columns.
        is_pull: Whether key columns are marked and the answer has no final message.
        source_host: `host:port` to stand next to each row, if that was asked for.
    """

    query_id: str
    columns: tuple[Column, ...]
    is_pull: bool
    source_host: str | None = None

    @classmethod
    def of(cls, result: QueryResult, source_host: str | None = None) -> Header:
        """The header of a result. Only pull queries name the host that their rows come from."""
        is_pull = result.kind == "pull"
        return cls(result.query_id, result.columns, is_pull, source_host if is_pull else None)

    def schema(self) -> str:
        """The columns as SQL text; pull queries mark the keys."""
        return ", ".join(
            f"{quote_name(column.name)} {column.type.sql()}"
            f"{' KEY' if self.is_pull and column.role is Role.KEY else ''}"
            for column in self.columns
        )

    def metadata(self) -> bytes:
        """The header of the two `/query-stream` forms."""
        return orjson.dumps(
            {
                "queryId": self.query_id,
                "columnNames": [column.name for column in self.columns],
                "columnTypes": [column.type.sql() for column in self.columns],
            }
        )


class Messages(Protocol):
    """Writes rows as Protobuf messages."""

    @property
    def schema(self) -> str:
        """The text of their schema."""
        ...

    def base64(self, rows: pa.Table) -> list[str]:
        """The message of each row."""
        ...


class Framing(Protocol):
    """Frames one answer; used by one thread, in the order of the body."""

    def opening(self) -> Group:
        """The header."""
        ...

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        """Rows, in order."""
        ...

    def closing(self, final_message: str) -> Group:
        """The end of a complete answer."""
        ...

    def failing(self, error: Body) -> Group:
        """The end of an answer that failed after its start."""
        ...


def _live_texts(batch: RowBatch, columns: Sequence[Column]) -> list[str]:
    """Row texts without tombstones, which two of the forms cannot express."""
    texts = row_texts(batch, columns)
    if batch.tombstones is None:
        return texts
    flags = batch.tombstones.to_pylist()
    return [text for text, tombstone in zip(texts, flags, strict=True) if not tombstone]


def _groups(texts: Sequence[str], prefix: str, suffix: str) -> Iterator[Group]:
    """Texts with what stands around each, one a piece if they are few."""
    if len(texts) <= SINGLE_ROWS_MAX:
        if texts:
            yield [f"{prefix}{text}{suffix}".encode() for text in texts]
        return
    between = suffix + prefix
    for start in range(0, len(texts), PIECE_ROWS):
        yield [f"{prefix}{between.join(texts[start : start + PIECE_ROWS])}{suffix}".encode()]


class Delimited:
    """One JSON value a line: the header, then an array a row."""

    def __init__(self, header: Header) -> None:
        self._header = header

    def opening(self) -> Group:
        return [self._header.metadata() + b"\n"]

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        return _groups(_live_texts(batch, self._header.columns), "", "\n")

    def closing(self, final_message: str) -> Group:
        return []

    def failing(self, error: Body) -> Group:
        return [json_bytes(error) + b"\n"]


class JsonArray:
    """One JSON array: the header, then an array a row."""

    def __init__(self, header: Header) -> None:
        self._header = header

    def opening(self) -> Group:
        return [b"[" + self._header.metadata()]

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        return _groups(_live_texts(batch, self._header.columns), ",", "")

    def closing(self, final_message: str) -> Group:
        return [b"]"]

    def failing(self, error: Body) -> Group:
        return [b"," + json_bytes(error), b"]"]


class StreamedRows:
    """One JSON array of objects that have one member each: header, row, error or final message.

    With `messages` a row is a Protobuf message, and the header tells its schema.
    """

    def __init__(self, header: Header, messages: Messages | None = None) -> None:
        self._header = header
        self._messages = messages
        self._tail = f',"sourceHost":"{header.source_host}"}}' if header.source_host else "}"

    def _head(self) -> bytes:
        header = {"queryId": self._header.query_id, "schema": self._header.schema()}
        if self._messages is not None:
            header["protoSchema"] = self._messages.schema
        return b"[" + orjson.dumps({"header": header})

    def _objects(self, batch: RowBatch) -> list[str]:
        if self._messages is None:
            name, texts = "columns", row_texts(batch, self._header.columns)
        else:
            name = "protobufBytes"
            texts = [f'"{message}"' for message in self._messages.base64(batch.rows)]
        tail = self._tail
        if batch.tombstones is None:
            return [f'{{"row":{{"{name}":{text}}}{tail}' for text in texts]
        flags = batch.tombstones.to_pylist()
        return [
            f'{{"row":{{"{name}":{text}{_TOMBSTONE if tombstone else ""}}}{tail}'
            for text, tombstone in zip(texts, flags, strict=True)
        ]

    def opening(self) -> Group:
        return [self._head() + b",\n"]

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        return _groups(self._objects(batch), "", ",\n")

    def closing(self, final_message: str) -> Group:
        return [orjson.dumps({"finalMessage": final_message}), b"]"]

    def failing(self, error: Body) -> Group:
        return [orjson.dumps({"errorMessage": error}) + b",\n", b"]"]


class PulledRows(StreamedRows):
    """The same for pull queries: no final message, and buffered into few chunks."""

    def __init__(self, header: Header, messages: Messages | None = None) -> None:
        super().__init__(header, messages)
        self._waiting = bytearray()

    def opening(self) -> Group:
        self._waiting += self._head()
        return []

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        for group in _groups(self._objects(batch), ",\n", ""):
            self._waiting += b"".join(group)
            if len(self._waiting) >= PULL_FLUSH_BYTES:
                yield self._flush()

    def closing(self, final_message: str) -> Group:
        self._waiting += b"]"
        return self._flush()

    def failing(self, error: Body) -> Group:
        self._waiting += b",\n" + orjson.dumps({"errorMessage": error}) + b"]"
        return self._flush()

    def _flush(self) -> Group:
        pieces = [bytes(self._waiting)]
        self._waiting.clear()
        return pieces


class ClassicRows(StreamedRows):
    """The same as servers before `/query-stream` sent it: separators are pieces of their own."""

    def opening(self) -> Group:
        return [self._head()]

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        for text in self._objects(batch):
            yield [b",\n", text.encode()]

    def closing(self, final_message: str) -> Group:
        return [b",\n", orjson.dumps({"finalMessage": final_message}), b"]\n"]

    def failing(self, error: Body) -> Group:
        return [b",\n", orjson.dumps({"errorMessage": error}), b"]\n"]


class SocketRows(StreamedRows):
    """A text frame a row, and before them one with the columns.

    Attributes:
        failure: Why the query ended, if not by itself.
    """

    def __init__(self, header: Header) -> None:
        super().__init__(header)
        self.failure: str | None = None

    def opening(self) -> Group:
        columns = self._header.columns
        if not self._header.is_pull:
            columns = tuple(Column(column.name, column.type) for column in columns)
        return [json_bytes([field_info(column) for column in columns])]

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        texts = _live_texts(batch, self._header.columns)
        if texts:
            yield [f'{{"row":{{"columns":{text}}}}}'.encode() for text in texts]

    def closing(self, final_message: str) -> Group:
        return []

    def failing(self, error: Body) -> Group:
        self.failure = str(error["message"])
        return []
