"""Encoding of rows that DuckDB cannot write: by whole columns, else row by row.

The columns come out of DuckDB as Arrow, and the payloads go back as one column beside the rows, by
position. What the columnar writer leaves is written row by row, as are some few rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats.column_values import OddSchemaError
from merganser.engine.formats.columnar import SLICE_ROWS
from merganser.engine.formats.exact import Value, is_wide
from merganser.engine.formats.format import Encoded
from merganser.engine.formats.row_bytes import OddRowsError
from merganser.engine.schema import Column
from merganser.errors import EncodeError

SMALL_ROWS = 32  # Row by row: numpy's calls take some 0.2 ms however few the rows.

_NUMBERS = itertools.count()


class RowWriter(Protocol):
    """Writes one row."""

    def write(self, row: Sequence[Value]) -> bytes:
        """The payload of the columns' values, in order.

        Raises:
            EncodeError: The schema does not take them.
        """
        ...


class ColumnWriter(Protocol):
    """Writes many rows, to the byte as the row writer does."""

    def write(self, columns: Sequence[pa.Array], count: int) -> pa.Array:
        """The payloads, BINARY.

        Raises:
            OddSchemaError: Rows of these types are written one by one.
            OddRowsError: These rows are.
        """
        ...


class BatchEncoder:
    """Encodes batches. Its temporary relations are its own and live as long as a batch."""

    def __init__(
        self,
        columns: Sequence[Column],
        writer: RowWriter,
        columnar: ColumnWriter | None = None,
    ) -> None:
        self._columns = columns
        self._writer = writer
        # Arrow has no numbers for wide decimals.
        wide = any(is_wide(column.type) for column in columns)
        self._columnar = None if wide or not columns else columnar
        number = next(_NUMBERS)
        self._payloads, self._view = f"$payloads{number}", f"$encoded{number}"

    def encode(self, duck: Duck, source: str, columns: Mapping[str, str]) -> Encoded:
        """A view of the rows of `source` with their payload.

        Raises:
            EncodeError: The schema does not take a row.
        """
        selected = [
            f"{columns[column.name]} AS {identifier(f'$c{index}')}"
            for index, column in enumerate(self._columns)
        ]
        table = duck.arrow(f"SELECT {', '.join(selected) or '1 AS one'} FROM {source}")
        blobs = self._write_columns(table)
        if blobs is None:
            blobs = self._write_rows(table)
        name = f"{self._payloads}.p"
        duck.register(self._payloads, pa.table({name: blobs}))
        duck.view(
            self._view, f"SELECT * FROM {source} POSITIONAL JOIN {identifier(self._payloads)}"
        )
        return Encoded(identifier(self._view), identifier(name))

    def _write_columns(self, table: pa.Table) -> pa.ChunkedArray | None:
        """By whole columns; None if some rows have to be written one by one."""
        if self._columnar is None or table.num_rows <= SMALL_ROWS:
            return None
        payloads: list[pa.Array] = []
        try:
            for start in range(0, table.num_rows, SLICE_ROWS):
                part = table.slice(start, SLICE_ROWS)
                columns = [_whole(column) for column in part.columns]
                payloads.append(self._columnar.write(columns, part.num_rows))
        except OddSchemaError:
            self._columnar = None
            return None
        except OddRowsError:
            return None
        return pa.chunked_array(payloads, pa.binary())

    def _write_rows(self, table: pa.Table) -> pa.Array:
        values = [plain_values(table.column(index)) for index in range(len(self._columns))]
        rows = zip(*values, strict=True) if values else [()] * table.num_rows
        return pa.array([self._write(row) for row in rows], pa.binary())

    def _write(self, row: Sequence[Value]) -> bytes | None:
        try:
            return self._writer.write(row)
        except EncodeError:
            # A tombstone's row is all NULL, which a schema with required fields does not take.
            if any(value is not None for value in row):
                raise
            return None


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """One array of a column."""
    found = column.combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def plain_values(column: pa.ChunkedArray) -> list[Value]:
    """Values as readers give them: times as µs, dates as days, structs by physical name."""
    wanted = _plain_type(column.type)
    found: list[Value] = (column.cast(wanted) if wanted != column.type else column).to_pylist()
    return found


def _plain_type(arrow_type: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(arrow_type) or pa.types.is_time64(arrow_type):
        return pa.int64()
    if pa.types.is_date32(arrow_type):
        return pa.int32()
    if pa.types.is_map(arrow_type):
        return pa.map_(_plain_type(arrow_type.key_type), _plain_type(arrow_type.item_type))
    if pa.types.is_list(arrow_type):
        return pa.list_(_plain_type(arrow_type.value_type))
    if pa.types.is_struct(arrow_type):
        return pa.struct([pa.field(f.name, _plain_type(f.type)) for f in arrow_type])
    return arrow_type
