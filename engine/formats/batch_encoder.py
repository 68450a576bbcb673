"""Encoding row by row: for formats that DuckDB cannot write.

The rows' columns go through Arrow to Python, and the payloads come back as one column beside the
rows, by position.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats.exact import Value
from merganser.engine.formats.format import Encoded
from merganser.engine.schema import Column
from merganser.errors import EncodeError

_NUMBERS = itertools.count()


class RowWriter(Protocol):
    """Writes one row."""

    def write(self, row: Sequence[Value]) -> bytes:
        """The payload of the columns' values, in order.

        Raises:
            EncodeError: The schema does not take them.
        """
        ...


class BatchEncoder:
    """Encodes batches. Its temporary relations are its own and live as long as a batch."""

    def __init__(self, columns: Sequence[Column], writer: RowWriter) -> None:
        self._columns = columns
        self._writer = writer
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
        values = [_plain(table.column(index)) for index in range(len(self._columns))]
        rows = zip(*values, strict=True) if values else [()] * table.num_rows
        blobs = [self._write(row) for row in rows]
        name = f"{self._payloads}.p"
        duck.register(self._payloads, pa.table({name: pa.array(blobs, pa.binary())}))
        duck.view(
            self._view, f"SELECT * FROM {source} POSITIONAL JOIN {identifier(self._payloads)}"
        )
        return Encoded(identifier(self._view), identifier(name))

    def _write(self, row: Sequence[Value]) -> bytes | None:
        try:
            return self._writer.write(row)
        except EncodeError:
            # A tombstone's row is all NULL, which a schema with required fields does not take.
            if any(value is not None for value in row):
                raise
            return None


def _plain(column: pa.ChunkedArray) -> list[Value]:
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
