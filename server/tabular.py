"""Result rows for programs that read tables: an Arrow IPC stream, or CSV.

Neither form has a place for an error, so an answer that fails on its way breaks off: its connection
is closed before the end of the body. Deleted rows of push queries are left out of both.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.answer import RowBatch
from merganser.engine.runtime.sql_rows import arrow_shape
from merganser.engine.types import JSON, STRING, ArrayType, MapType, SqlType, StructType
from merganser.server.encode import column_fragments
from merganser.server.failures import Body
from merganser.server.frames import BROKEN, PIECE_ROWS, Group, Header

_SPECIAL = frozenset(',"\r\n')


class ArrowStream:
    """An Arrow IPC stream: the schema, then record batches."""

    def __init__(self, header: Header) -> None:
        self._columns = header.columns
        fields = [pa.field(column.name, arrow_shape(column.type)) for column in header.columns]
        self._schema = pa.schema(fields)
        self._pieces = _Pieces()
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._pieces, "w"), self._schema)

    def opening(self) -> Group:
        return []  # Arrow writes the schema with the first batch.

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        live = _live(batch)
        arrays = [
            shown_values(live.column(index).combine_chunks(), column.type)
            for index, column in enumerate(self._columns)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        yield self._pieces.taken()

    def closing(self, final_message: str) -> Group:
        self._writer.close()
        return self._pieces.taken()

    def failing(self, error: Body) -> Group:
        return BROKEN


class _Pieces(io.RawIOBase):
    """A file whose text is taken away as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        found = bytes(data)  # type: ignore[call-overload] # a buffer of Arrow's
        self._written += found
        return len(found)

    def taken(self) -> Group:
        pieces = [bytes(self._written)] if self._written else []
        self._written.clear()
        return pieces


class CsvRows:
    """Comma-separated values: a line of names, then a line a row.

    NULL is an empty field and an empty text is `""`. Nested values are JSON.
    """

    def __init__(self, header: Header) -> None:
        self._columns = header.columns

    def opening(self) -> Group:
        return [(",".join(_field(column.name) for column in self._columns) + "\n").encode()]

    def rows(self, batch: RowBatch) -> Iterator[Group]:
        live = _live(batch)
        cells = [
            _fields(live.column(index), column.type) for index, column in enumerate(self._columns)
        ]
        lines = [",".join(row) for row in zip(*cells, strict=True)]
        for start in range(0, len(lines), PIECE_ROWS):
            yield [("\n".join(lines[start : start + PIECE_ROWS]) + "\n").encode()]

    def closing(self, final_message: str) -> Group:
        return []

    def failing(self, error: Body) -> Group:
        return BROKEN


def _live(batch: RowBatch) -> pa.Table:
    if batch.tombstones is None:
        return batch.rows
    return batch.rows.filter(pc.invert(batch.tombstones))


def _fields(values: pa.ChunkedArray, sql_type: SqlType) -> list[str]:
    if sql_type == STRING:
        return ["" if cell is None else _field(cell) for cell in values.to_pylist()]
    nested = sql_type == JSON or isinstance(sql_type, ArrayType | MapType | StructType)
    texts = column_fragments(values, sql_type)
    return ["" if text == "null" else _field(text if nested else text.strip('"')) for text in texts]


def _field(text: str) -> str:
    if text and _SPECIAL.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def shown_values(values: pa.Array, sql_type: SqlType) -> pa.Array:
    """The same values in the type that `arrow_shape` names: fields of structs by their names."""
    wanted = arrow_shape(sql_type)
    if values.type == wanted:
        return values
    match sql_type:
        case StructType(fields):
            children = [
                shown_values(child, field.type)
                for child, field in zip(values.flatten(), fields, strict=True)
            ]
            return pa.StructArray.from_arrays(children, fields=list(wanted), mask=values.is_null())
        case ArrayType(element):
            inner = shown_values(values.flatten(), element)
            return pa.ListArray.from_arrays(
                _offsets(values), inner, type=wanted, mask=values.is_null()
            )
        case MapType(_, value):
            whole = pa.concat_arrays([values])
            items = shown_values(whole.items, value)
            return pa.MapArray.from_arrays(whole.offsets, whole.keys, items, type=wanted)
        case _:
            return values.cast(wanted)


def _offsets(values: pa.Array) -> pa.Array:
    """Where each list begins in the flattened values; NULLs are empty."""
    lengths = pc.fill_null(pc.list_value_length(values), 0)
    ends = pc.cumulative_sum(lengths)
    return pa.concat_arrays([pa.array([0], pa.int32()), ends.cast(pa.int32())])
