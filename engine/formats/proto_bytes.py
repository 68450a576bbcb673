"""Protobuf messages of whole batches, column by column, to the byte as `proto_rows` writes them.

Fields go out in the order of their numbers, maps in protobuf's order of their keys. Enums, and
numbers in fields of another width, are left to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from merganser.engine.formats import column_bytes
from merganser.engine.formats.column_values import OddSchemaError, offsets_of
from merganser.engine.formats.cursors import Booleans, Longs, Mask
from merganser.engine.formats.proto_schema import DECIMAL, TIMES, WRAPPERS, is_repeated
from merganser.engine.formats.row_bytes import OddRowsError, RowBytes, zigzag
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
"""Writes a field of rows that have its message."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # Wire types.
_DEPTH_MAX = 32
_DAY_MS = 86_400_000
_NANOS = 1_000_000
_YEAR_1, _YEAR_10000 = -719_162, 2_932_897  # In epoch days.

Numbers = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class _Wire:
    """How values of a type stand in a field.

    Attributes:
        wire: The wire type.
        numbers: From a column to what is written; None for bytes.
        put: Writes numbers of rows that have them.
    """

    wire: int
    numbers: Callable[[pa.Array], Numbers]
    put: Callable[[RowBytes, Numbers, Mask], None]


def _varints(convert: Callable[[pa.Array], Numbers]) -> _Wire:
    return _Wire(_VARINT, convert, lambda rows, found, on: rows.varints(found.view(np.uint64), on))


def _fixed(dtype: type[np.generic], convert: Callable[[pa.Array], Numbers]) -> _Wire:
    wire = _FIXED64 if np.dtype(dtype).itemsize == 8 else _FIXED32
    return _Wire(
        wire,
        lambda column: convert(column).astype(dtype),
        lambda rows, found, on: rows.fixed(found, on),
    )


_longs = column_bytes.longs
_WIRES: dict[tuple[int, Kind], _Wire] = {
    (FieldDescriptor.TYPE_BOOL, Kind.BOOLEAN): _varints(
        lambda column: column_bytes.plain(column, False).astype(np.uint64)
    ),
    (FieldDescriptor.TYPE_INT32, Kind.INTEGER): _varints(_longs),
    (FieldDescriptor.TYPE_INT64, Kind.BIGINT): _varints(_longs),
    (FieldDescriptor.TYPE_SINT32, Kind.INTEGER): _varints(lambda column: zigzag(_longs(column))),
    (FieldDescriptor.TYPE_SINT64, Kind.BIGINT): _varints(lambda column: zigzag(_longs(column))),
    (FieldDescriptor.TYPE_SFIXED32, Kind.INTEGER): _fixed(np.int32, _longs),
    (FieldDescriptor.TYPE_SFIXED64, Kind.BIGINT): _fixed(np.int64, _longs),
    (FieldDescriptor.TYPE_DOUBLE, Kind.DOUBLE): _fixed(
        np.float64, lambda column: column_bytes.plain(column, 0.0)
    ),
}
_TEXTS = {
    (FieldDescriptor.TYPE_STRING, Kind.STRING),
    (FieldDescriptor.TYPE_BYTES, Kind.BYTES),
}


def message_putter(message: Descriptor, struct: StructType, depth: int = 0) -> Put:
    """How a STRUCT column becomes messages.

    Raises:
        OddSchemaError: They are written one by one.
    """
    if depth > _DEPTH_MAX:
        raise OddSchemaError
    upper = {field.name.upper(): field for field in message.fields}
    plan: dict[int, tuple[int, Put]] = {}
    for index, item in enumerate(struct.fields):
        field = message.fields_by_name.get(item.name) or upper.get(item.name.upper())
        choice = field.containing_oneof if field is not None else None
        if field is None or field.number in plan or (choice and len(choice.fields) > 1):
            raise OddSchemaError
        plan[field.number] = index, _field(field, item.type, depth + 1)
    steps = [plan[number] for number in sorted(plan)]

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        for index, put in steps:
            put(rows, column.field(index), on)

    return write


def _tag(number: int, wire: int) -> bytes:
    tag, found = number << 3 | wire, bytearray()
    while tag >= 0x80:
        found.append(tag & 0x7F | 0x80)
        tag >>= 7
    return bytes([*found, tag])


def _field(field: FieldDescriptor, sql_type: SqlType, depth: int) -> Put:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        if not isinstance(sql_type, MapType):
            raise OddSchemaError
        return _map(field, sql_type, depth)
    if is_repeated(field):
        if not isinstance(sql_type, ArrayType):
            raise OddSchemaError
        return _array(field, sql_type.element, depth)
    return _single(field, sql_type, depth, always=field.has_presence)


def _and(on: Mask, found: npt.NDArray[np.bool_]) -> Mask:
    return found if on is None else found & on


def _single(field: FieldDescriptor, sql_type: SqlType, depth: int, *, always: bool) -> Put:
    """A field that is written once: not for NULL, and for a default only if asked to."""
    kind = sql_type.kind if isinstance(sql_type, ScalarType) else None
    if field.message_type is not None:
        inner = _message(field.message_type, sql_type, depth)
        tag = _tag(field.number, _BYTES)
        return lambda rows, column, on: _put_message(rows, tag, inner, column, on)
    if (field.type, kind) in _TEXTS:
        return _text(_tag(field.number, _BYTES), always=always)
    wire = _WIRES.get((field.type, kind)) if kind is not None else None
    if wire is None:
        raise OddSchemaError
    found, tag = wire, _tag(field.number, wire.wire)

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        mask = column_bytes.present(column, on)
        numbers = found.numbers(column)
        if not always:
            mask = _and(mask, _is_set(numbers))
        rows.constant(tag, mask)
        found.put(rows, numbers, mask)

    return write


def _is_set(numbers: Numbers) -> Booleans:
    """What is no default; -0.0 is none."""
    bits = numbers.view(np.uint64) if numbers.dtype == np.float64 else numbers
    found: Booleans = np.not_equal(bits, 0)
    return found


def _text(tag: bytes, *, always: bool) -> Put:
    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        mask = column_bytes.present(column, on)
        found = column_bytes.texts(column, mask)
        if not always:
            mask = _and(mask, column_bytes.sizes_of(found) > 0)
        rows.constant(tag, mask)
        column_bytes.put_sized(rows, found, mask, signed=False)

    return write


def _put_message(rows: RowBytes, tag: bytes, inner: Put, column: pa.Array, on: Mask) -> None:
    mask = column_bytes.present(column, on)
    inside = RowBytes(len(column))
    inner(inside, column, mask)
    rows.constant(tag, mask)
    column_bytes.put_sized(rows, inside.finish(), mask, signed=False)


def _message(message: Descriptor, sql_type: SqlType, depth: int) -> Put:
    """The inside of a message that is there."""
    name = message.full_name
    if isinstance(sql_type, StructType):
        return message_putter(message, sql_type, depth)
    if isinstance(sql_type, DecimalType) and name == DECIMAL:
        return _decimal(sql_type)
    if name in WRAPPERS and isinstance(sql_type, ScalarType):
        return _single(message.fields_by_name["value"], sql_type, depth, always=False)
    if name in TIMES and TIMES[name] == sql_type:
        return _PARTS[name]
    raise OddSchemaError


def _decimal(sql_type: DecimalType) -> Put:
    if sql_type.precision > 38:
        raise OddSchemaError
    precision, scale = _tag(2, _VARINT), _tag(3, _VARINT)

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        rows.constant(_tag(1, _BYTES), on)
        column_bytes.put_sized(rows, column_bytes.decimals(column, on), on, signed=False)
        rows.constant(precision + bytes([sql_type.precision]), on)
        if sql_type.scale:
            rows.constant(scale + bytes([sql_type.scale]), on)

    return write


def _put_parts(rows: RowBytes, parts: list[Longs], on: Mask) -> None:
    """Numbers in fields 1, 2, … of a message, without those that are 0."""
    for number, values in enumerate(parts, start=1):
        mask = _and(on, values != 0)
        rows.constant(_tag(number, _VARINT), mask)
        rows.varints(values.view(np.uint64), mask)


def _date(rows: RowBytes, column: pa.Array, on: Mask) -> None:
    days = _longs(column)
    outside = (days < _YEAR_1) | (days >= _YEAR_10000)
    if (outside if on is None else outside & on).any():
        raise OddRowsError  # Which is an error that names its row.
    day = np.where(outside, 0, days).astype("datetime64[D]")
    month, year = day.astype("datetime64[M]"), day.astype("datetime64[Y]")
    parts = [
        year.astype(np.int64) + 1970,
        (month - year.astype("datetime64[M]")).astype(np.int64) + 1,
        (day - month.astype("datetime64[D]")).astype(np.int64) + 1,
    ]
    _put_parts(rows, parts, on)


def _time(rows: RowBytes, column: pa.Array, on: Mask) -> None:
    seconds, milliseconds = np.divmod(_longs(column) % _DAY_MS, 1000)
    parts = [seconds // 3600, seconds // 60 % 60, seconds % 60, milliseconds * _NANOS]
    _put_parts(rows, parts, on)


def _timestamp(rows: RowBytes, column: pa.Array, on: Mask) -> None:
    seconds, milliseconds = np.divmod(_longs(column), 1000)
    _put_parts(rows, [seconds, milliseconds * _NANOS], on)


_PARTS: dict[str, Put] = {
    "google.type.Date": _date,
    "google.type.TimeOfDay": _time,
    "google.protobuf.Timestamp": _timestamp,
}


# ------------------------------------------------------------------ repeated fields


def _array(field: FieldDescriptor, element: SqlType, depth: int) -> Put:
    kind = element.kind if isinstance(element, ScalarType) else None
    message = field.message_type
    if message is None and (field.type, kind) not in _TEXTS:
        return _packed(field, kind)
    tag = _tag(field.number, _BYTES)
    inner = _message(message, element, depth) if message is not None else None

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        mask = column_bytes.present(column, on)
        _, offsets, first, last = column_bytes.items_of(column, mask)
        values, items = column.values.slice(first, last - first), RowBytes(last - first)
        filled = column_bytes.present(values, None)
        if inner is None:
            found = column_bytes.texts(values, filled)
        else:
            inside = RowBytes(len(values))
            inner(inside, values, filled)
            found = inside.finish()
        items.constant(tag)
        column_bytes.put_sized(items, found, None, signed=False)
        rows.blobs(column_bytes.joined(items.finish(), offsets))

    return write


def _packed(field: FieldDescriptor, kind: Kind | None) -> Put:
    wire = _WIRES.get((field.type, kind)) if kind is not None else None
    if wire is None or field.GetOptions().HasField("packed"):
        raise OddSchemaError
    found, tag = wire, _tag(field.number, _BYTES)

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        mask = column_bytes.present(column, on)
        counts, offsets, first, last = column_bytes.items_of(column, mask)
        values, items = column.values.slice(first, last - first), RowBytes(last - first)
        numbers = found.numbers(values)
        filled = column_bytes.present(values, None)
        if filled is not None:
            numbers = np.where(filled, numbers, np.zeros(1, numbers.dtype))
        found.put(items, numbers, None)
        some = counts > 0
        rows.constant(tag, some)
        column_bytes.put_sized(
            rows, column_bytes.joined(items.finish(), offsets), some, signed=False
        )

    return write


def _map(field: FieldDescriptor, sql_type: MapType, depth: int) -> Put:
    entry = field.message_type
    assert entry is not None
    key = _single(entry.fields_by_name["key"], sql_type.key, depth, always=True)
    value_field = entry.fields_by_name["value"]
    value = _single(value_field, sql_type.value, depth, always=True)
    tag = _tag(field.number, _BYTES)
    if value_field.message_type is None and not isinstance(sql_type.value, ScalarType):
        raise OddSchemaError

    def write(rows: RowBytes, column: pa.Array, on: Mask) -> None:
        mask = column_bytes.present(column, on)
        counts, _, first, last = column_bytes.items_of(column, mask)
        keys = column.keys.slice(first, last - first)
        values = column.items.slice(first, last - first)
        if values.null_count:
            raise OddRowsError  # NULL is a default there, or an empty message.
        # protobuf's own order puts a longer key before what it begins with.
        ended = pc.binary_join_element_wise(column_bytes.texts(keys, None), b"\xff", b"")
        order = pc.sort_indices(
            pa.table({"row": np.repeat(np.arange(len(counts)), counts), "key": ended}),
            sort_keys=[("row", "ascending"), ("key", "ascending")],
        )
        inside = RowBytes(len(keys))
        key(inside, keys.take(order), None)
        value(inside, values.take(order), None)
        items = RowBytes(len(keys))
        items.constant(tag)
        column_bytes.put_sized(items, inside.finish(), None, signed=False)
        rows.blobs(column_bytes.joined(items.finish(), offsets_of(counts)))

    return write
