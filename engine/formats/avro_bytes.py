"""Avro records of whole batches, column by column, to the byte as `avro_rows` writes them.

Enums, wider unions, other number types than the column's own, and fields without a column are left
to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from merganser.engine.formats import column_bytes
from merganser.engine.formats.avro_schema import (
    AvroSchema,
    Node,
    branches,
    decimal_of,
    entry_of,
    fields_of,
    kind_of,
    logical_of,
    part_of,
)
from merganser.engine.formats.column_values import OddSchemaError
from merganser.engine.formats.cursors import Mask
from merganser.engine.formats.row_bytes import OddRowsError, RowBytes
from merganser.engine.formats.schema_format import LazyWriterSchema, header, row_type
from merganser.engine.schema import Column
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)

Put = Callable[[RowBytes, pa.Array, Mask], None]
"""Writes the values of rows that have the field."""

_NUMBERS = {
    Kind.INTEGER: {"int", "long"},
    Kind.BIGINT: {"long"},
    Kind.TIME: {"int"},
    Kind.DATE: {"int"},
    Kind.TIMESTAMP: {"long"},
}
_DEPTH_MAX = 32


class AvroColumnWriter:
    """Writes rows by a schema of the registry."""

    def __init__(
        self, columns: Sequence[Column], schema: LazyWriterSchema, *, wrapped: bool
    ) -> None:
        self._columns = columns
        self._schema = schema
        self._wrapped = wrapped
        self._prepared: tuple[bytes, Put] | None = None

    def write(self, columns: Sequence[pa.Array], count: int) -> pa.Array:
        """The payloads, BINARY.

        Raises:
            OddSchemaError: Rows of these types are written one by one.
            OddRowsError: These rows are.
        """
        start, put = self._prepared or self._prepare()
        rows = RowBytes(count)
        rows.constant(start)
        column = columns[0]
        if self._wrapped:
            column = pa.StructArray.from_arrays(columns, [str(n) for n in range(len(columns))])
        put(rows, column, None)
        return rows.finish()

    def _prepare(self) -> tuple[bytes, Put]:
        registered = self._schema.get()
        schema = AvroSchema.of(registered)
        wanted = row_type(self._columns) if self._wrapped else self._columns[0].type
        self._prepared = header(registered.schema_id), putter(schema, schema.root, wanted)
        return self._prepared


def putter(schema: AvroSchema, node: Node, sql_type: SqlType, depth: int = 0) -> Put:
    """How a column becomes values of a node.

    Raises:
        OddSchemaError: They are written one by one.
    """
    found = schema.resolve(node)
    if depth > _DEPTH_MAX:
        raise OddSchemaError
    if isinstance(found, list):
        return _optional(schema, found, sql_type, depth)
    put = _present(schema, found, sql_type, depth + 1)

    def required(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        present = column_bytes.present(column, on)
        if present is not None and (on is None or not np.array_equal(present, on)):
            raise OddRowsError
        put(rows, column, on)

    return required


def _optional(schema: AvroSchema, union: list[Node], sql_type: SqlType, depth: int) -> Put:
    left = branches(union)
    if len(left) != 1 or len(union) != 2:
        raise OddSchemaError
    put = _present(schema, schema.resolve(left[0]), sql_type, depth + 1)
    there = union.index(left[0])

    def optional(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        present = column_bytes.present(column, on)
        if present is on:
            rows.constant(bytes([2 * there]), on)
        else:
            assert present is not None
            index = np.where(present, 2 * there, 2 * (1 - there)).astype(np.uint64)
            rows.varints(index, on)
        put(rows, column, present)

    return optional


def _present(schema: AvroSchema, found: Node, sql_type: SqlType, depth: int) -> Put:
    kind = kind_of(found)
    match sql_type:
        case ScalarType(scalar):
            return _scalar(kind, scalar)
        case DecimalType(precision, scale) if kind == "bytes" and logical_of(found) == "decimal":
            if decimal_of(found).scale != scale or precision > 38:
                raise OddSchemaError
            return lambda rows, column, on: column_bytes.put_sized(
                rows, column_bytes.decimals(column, on), on, signed=True
            )
        case ArrayType(element) if kind == "array":
            return _array(putter(schema, part_of(found, "items"), element, depth))
        case MapType(key, element) if kind in ("array", "map"):
            return _map(schema, found, (key, element), depth)
        case StructType() if kind == "record":
            return _record(schema, found, sql_type, depth)
        case _:
            raise OddSchemaError


def _scalar(kind: str, scalar: Kind) -> Put:
    if kind in _NUMBERS.get(scalar, ()):
        return lambda rows, column, on: rows.zigzags(column_bytes.longs(column), on)
    if kind == "boolean" and scalar is Kind.BOOLEAN:
        return lambda rows, column, on: rows.fixed(
            column_bytes.plain(column, False).astype(np.uint8), on
        )
    if kind == "double" and scalar is Kind.DOUBLE:
        return lambda rows, column, on: rows.fixed(
            column_bytes.plain(column, 0.0).astype(np.float64), on
        )
    if (kind, scalar) in (("string", Kind.STRING), ("bytes", Kind.BYTES)):
        return lambda rows, column, on: column_bytes.put_sized(
            rows, column_bytes.texts(column, on), on, signed=True
        )
    raise OddSchemaError


def _array(put: Put) -> Put:
    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        counts, offsets, first, last = column_bytes.items_of(column, on)
        items = RowBytes(last - first)
        put(items, column.values.slice(first, last - first), None)
        _put_block(rows, (counts, items, offsets), on)

    return write


def _put_block(rows: RowBytes, block: tuple[np.ndarray, RowBytes, np.ndarray], on: Mask) -> None:
    """How many items, the items, and that there are no more. No items: only the latter."""
    counts, items, offsets = block
    some = counts > 0
    rows.zigzags(counts, some)
    rows.blobs(column_bytes.joined(items.finish(), offsets))
    rows.constant(b"\0", on)


def _map(schema: AvroSchema, found: Node, types: tuple[SqlType, SqlType], depth: int) -> Put:
    if kind_of(found) == "map":
        put_key = _scalar("string", Kind.STRING)
        put_value = putter(schema, part_of(found, "values"), types[1], depth)
    else:
        entry = entry_of(schema, found)
        names = [name for name, _, _ in fields_of(schema.resolve(part_of(found, "items")))]
        if entry is None or names != ["key", "value"]:
            raise OddSchemaError
        put_key = putter(schema, entry[0], types[0], depth)
        put_value = putter(schema, entry[1], types[1], depth)

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        counts, offsets, first, last = column_bytes.items_of(column, on)
        items = RowBytes(last - first)
        put_key(items, column.keys.slice(first, last - first), None)
        put_value(items, column.items.slice(first, last - first), None)
        _put_block(rows, (counts, items, offsets), on)

    return write


def _record(schema: AvroSchema, record: Node, struct: StructType, depth: int) -> Put:
    by_upper = {item.name.upper(): index for index, item in enumerate(struct.fields)}
    exact = {item.name: index for index, item in enumerate(struct.fields)}
    plan: list[tuple[int, Put]] = []
    for name, node, _ in fields_of(record):
        index = exact.get(name, by_upper.get(name.upper()))
        if index is None:
            raise OddSchemaError
        plan.append((index, putter(schema, node, struct.fields[index].type, depth)))

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        for index, put in plan:
            put(rows, column.field(index), on)

    return write
