"""Protobuf messages of a whole batch, field by field in the order of their numbers.

Writers put fields in that order, each at most once, and leave out those with their default. A row
with anything else (another order, an unknown field, a field again) is read exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from merganser.engine.duck import arrow_type
from merganser.engine.formats import column_values as values
from merganser.engine.formats.column_values import OddSchemaError
from merganser.engine.formats.columnar import ReadColumns
from merganser.engine.formats.cursors import Booleans, Cursors, Longs, Mask, blobs
from merganser.engine.formats.exact import TIMESTAMP_MS_MAX
from merganser.engine.formats.proto_schema import DECIMAL, TIMES, WRAPPERS, is_repeated
from merganser.engine.types import (
    STRING,
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)

ITEMS_MAX = 1024  # Each item of a row costs a round over all rows; longer lists are read exactly.

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # Wire types.
_SECOND_MS = 1000
_SECONDS_MAX = TIMESTAMP_MS_MAX // _SECOND_MS - 3  # Nanos are at most some seconds more.
_NANOS = 1_000_000  # In a millisecond.

ReadField = Callable[[Cursors, Mask], pa.Array]
"""Reads a field with its tag. Rows without it have its default or NULL, as Protobuf has it."""

Value = Callable[[Cursors, Booleans, Booleans], pa.Array]
"""Reads the value of rows that have it, the first mask; the second one says which are not NULL."""


@dataclass(frozen=True, slots=True)
class _Raw:
    """How a scalar stands on the wire.

    Attributes:
        wire: Its wire type.
        read: Its numbers; 0 in rows without the field.
    """

    wire: int
    read: Callable[[Cursors, Booleans], npt.NDArray[np.generic]]


def _zeroed(found: npt.NDArray[np.generic], on: Booleans) -> npt.NDArray[np.generic]:
    return np.where(on, found, np.zeros(1, found.dtype))


def _varint(convert: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.generic]]) -> _Raw:
    return _Raw(_VARINT, lambda c, on: convert(_zeroed(c.varints(on), on).astype(np.uint64)))


def _fixed(dtype: type[np.generic]) -> _Raw:
    wire = _FIXED64 if np.dtype(dtype).itemsize == 8 else _FIXED32
    return _Raw(wire, lambda c, on: _zeroed(c.fixed(dtype, on), on))


def _unzigzag(found: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    one = np.uint64(1)
    return ((found >> one) ^ (~(found & one) + one)).view(np.int64)


_RAW: dict[int, _Raw] = {
    FieldDescriptor.TYPE_BOOL: _varint(lambda found: found != 0),
    FieldDescriptor.TYPE_INT32: _varint(lambda found: found.astype(np.int32).astype(np.int64)),
    FieldDescriptor.TYPE_INT64: _varint(lambda found: found.view(np.int64)),
    FieldDescriptor.TYPE_UINT32: _varint(lambda found: found.astype(np.uint32).astype(np.int64)),
    FieldDescriptor.TYPE_UINT64: _varint(lambda found: found),
    FieldDescriptor.TYPE_ENUM: _varint(lambda found: found.astype(np.int32).astype(np.int64)),
    FieldDescriptor.TYPE_SINT32: _varint(
        lambda found: _unzigzag(found.astype(np.uint32).astype(np.uint64))
    ),
    FieldDescriptor.TYPE_SINT64: _varint(_unzigzag),
    FieldDescriptor.TYPE_FIXED32: _fixed(np.uint32),
    FieldDescriptor.TYPE_FIXED64: _fixed(np.uint64),
    FieldDescriptor.TYPE_SFIXED32: _fixed(np.int32),
    FieldDescriptor.TYPE_SFIXED64: _fixed(np.int64),
    FieldDescriptor.TYPE_FLOAT: _fixed(np.float32),
    FieldDescriptor.TYPE_DOUBLE: _fixed(np.float64),
}
_FLOATS = {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}
_TEXTS = {FieldDescriptor.TYPE_STRING: Kind.STRING, FieldDescriptor.TYPE_BYTES: Kind.BYTES}


def message_columns(message: Descriptor, struct: StructType) -> ReadColumns:
    """How messages become columns, in the struct's order.

    Raises:
        OddSchemaError: They are read one by one.
    """
    read = _fields(message, struct, ())
    return lambda cursors: read(cursors, np.ones(len(cursors), np.bool_))


def _fields(
    message: Descriptor, struct: StructType, inside: tuple[str, ...]
) -> Callable[[Cursors, Booleans], list[pa.Array]]:
    """How the fields of a message become columns; rows without it have NULL or defaults."""
    if message.full_name in inside or message.GetOptions().message_set_wire_format:
        raise OddSchemaError
    within = (*inside, message.full_name)
    upper = {field.name.upper(): field for field in message.fields}
    places: dict[int, int] = {}
    for index, item in enumerate(struct.fields):
        field = message.fields_by_name.get(item.name) or upper.get(item.name)
        if field is not None:
            if field.number in places:
                raise OddSchemaError
            places[field.number] = index
    kinds = [arrow_type(item.type) for item in struct.fields]
    steps = []
    for field in sorted(message.fields, key=lambda found: found.number):
        if field.number in places:
            item = struct.fields[places[field.number]]
            steps.append((places[field.number], _field(field, item.type, within)))
        else:
            steps.append((-1, _skipper(field, within)))

    def read(cursors: Cursors, on: Booleans) -> list[pa.Array]:
        found: list[pa.Array | None] = [None] * len(kinds)
        for place, step in steps:
            column = step(cursors, on)
            if place >= 0:
                found[place] = column
        cursors.doubt(cursors.at != cursors.end, on)
        return [
            pa.nulls(len(cursors), kind) if column is None else column
            for column, kind in zip(found, kinds, strict=True)
        ]

    return read


def _tag(number: int, wire: int) -> list[int]:
    tag = number << 3 | wire
    found = []
    while tag >= 0x80:
        found.append(tag & 0x7F | 0x80)
        tag >>= 7
    return [*found, tag]


def _is_next(cursors: Cursors, on: Booleans, tag: list[int]) -> Booleans:
    """The rows whose next bytes are a tag; they move behind it."""
    found = on & (cursors.at + len(tag) <= cursors.end)
    for index, byte in enumerate(tag):
        found &= cursors.data[cursors.at + index] == byte
    cursors.skip(len(tag), found)
    return found


def _field(field: FieldDescriptor, sql_type: SqlType, inside: tuple[str, ...]) -> ReadField:
    message = field.message_type
    if field.type == FieldDescriptor.TYPE_GROUP:
        raise OddSchemaError
    if message is not None and message.GetOptions().map_entry:
        if not isinstance(sql_type, MapType):
            raise OddSchemaError
        return _map_reader(field, sql_type, inside)
    if is_repeated(field):
        if not isinstance(sql_type, ArrayType):
            raise OddSchemaError
        return _array_reader(field, sql_type.element, inside)
    return _single(field, sql_type, inside)


def _single(field: FieldDescriptor, sql_type: SqlType, inside: tuple[str, ...]) -> ReadField:
    """A field that is there once or not."""
    if not field.has_presence and field.default_value not in (0, 0.0, False, "", b""):
        raise OddSchemaError
    wire, read = _value(field, sql_type, inside)
    return _once(field, wire, read)


def _once(field: FieldDescriptor, wire: int, read: Value) -> ReadField:
    tag = _tag(field.number, wire)
    present = field.has_presence
    choice = field.containing_oneof
    several = choice.full_name if choice is not None and len(choice.fields) > 1 else None

    def read_field(cursors: Cursors, on: Mask) -> pa.Array:
        assert on is not None
        found = _is_next(cursors, on, tag)
        if several is not None:
            cursors.choose(several, found)
        # Without presence a row without the field has the default, which is what reading gives.
        return read(cursors, found, found if present else on)

    return read_field


def _value(field: FieldDescriptor, sql_type: SqlType, inside: tuple[str, ...]) -> tuple[int, Value]:
    """The wire type of a value, and how it is read."""
    message = field.message_type
    if message is None:
        return _scalar(field, sql_type)
    name = message.full_name
    if name in WRAPPERS:
        inner = _single(message.fields_by_name["value"], sql_type, ())

        def unwrap(part: Cursors, found: Booleans, _shown: Booleans) -> pa.Array:
            column = inner(part, found)
            part.doubt(part.at != part.end, found)
            return column

        return _BYTES, _message(unwrap)
    if name == DECIMAL and isinstance(sql_type, DecimalType):
        return _BYTES, _message(_decimal(sql_type))
    if name in TIMES and sql_type == TIMES[name]:
        return _BYTES, _message(_timed(message))
    if not isinstance(sql_type, StructType):
        raise OddSchemaError
    fields, kind = _fields(message, sql_type, inside), arrow_type(sql_type)

    def read(part: Cursors, found: Booleans, shown: Booleans) -> pa.Array:
        return values.structs(fields(part, found), kind, shown, len(part))

    return _BYTES, _message(read)


def _message(read: Value) -> Value:
    """A message's value, read in the bytes that its length says."""

    def read_inside(cursors: Cursors, found: Booleans, shown: Booleans) -> pa.Array:
        start, end = _span(cursors, found)
        part = cursors.inside(start, end)
        column = read(part, found, shown)
        cursors.doubt(part.doubtful)
        return column

    return read_inside


def _span(cursors: Cursors, on: Booleans) -> tuple[Longs, Longs]:
    sizes = cursors.varints(on)
    return cursors.spans(np.minimum(sizes, np.uint64(2**62)).astype(np.int64), on)


def _mask(shown: Booleans) -> Mask:
    return None if shown.all() else shown


def _scalar(field: FieldDescriptor, sql_type: SqlType) -> tuple[int, Value]:
    kind = sql_type.kind if isinstance(sql_type, ScalarType) else None
    if field.type in _TEXTS:
        return _BYTES, _text(kind) if kind is _TEXTS[field.type] else _refuse()
    raw = _RAW.get(field.type)
    if raw is None:
        raise OddSchemaError
    read = raw.read
    if field.enum_type is not None:
        if kind is not Kind.STRING:
            raise OddSchemaError
        return raw.wire, _enum(field, read)
    family = field.cpp_type
    if kind is Kind.BOOLEAN and family == FieldDescriptor.CPPTYPE_BOOL:
        return raw.wire, lambda c, on, shown: values.numbers(read(c, on), _mask(shown))
    if kind is Kind.DOUBLE and field.type in _FLOATS:
        return raw.wire, lambda c, on, shown: values.numbers(
            read(c, on).astype(np.float64), _mask(shown)
        )
    if kind is Kind.INTEGER and family == FieldDescriptor.CPPTYPE_INT32:
        return raw.wire, lambda c, on, shown: values.numbers(
            read(c, on).astype(np.int32), _mask(shown)
        )
    if kind is Kind.BIGINT and field.type not in _FLOATS and family != FieldDescriptor.CPPTYPE_BOOL:
        return raw.wire, _bigint(read)
    raise OddSchemaError


def _refuse() -> Value:
    raise OddSchemaError


def _bigint(read: Callable[[Cursors, Booleans], npt.NDArray[np.generic]]) -> Value:
    def value(cursors: Cursors, on: Booleans, shown: Booleans) -> pa.Array:
        found = read(cursors, on)
        if found.dtype == np.uint64:
            cursors.doubt(np.greater(found, np.uint64(2**63 - 1)))
        return values.numbers(found.astype(np.int64), _mask(shown))

    return value


def _text(kind: Kind) -> Value:
    def value(cursors: Cursors, on: Booleans, shown: Booleans) -> pa.Array:
        start, end = _span(cursors, on)
        if kind is Kind.STRING:
            return values.strings(cursors, start, end, _mask(shown))
        return blobs(cursors.data, start, end, _mask(shown))

    return value


def _enum(
    field: FieldDescriptor, read: Callable[[Cursors, Booleans], npt.NDArray[np.generic]]
) -> Value:
    enum = field.enum_type
    assert enum is not None
    if enum.is_closed:
        raise OddSchemaError  # An unknown number is an unknown field there.
    named = {value.number: value.name for value in enum.values}
    numbers_known = np.array(sorted(named), np.int64)
    names = pa.array([named[number] for number in sorted(named)], pa.string())

    def value(cursors: Cursors, on: Booleans, shown: Booleans) -> pa.Array:
        found = read(cursors, on)
        place = np.minimum(np.searchsorted(numbers_known, found), len(names) - 1)
        cursors.doubt(numbers_known[place] != found)
        return names.take(values.numbers(place, _mask(shown)))

    return value


# ------------------------------------------------------------------ messages that are values


def _numbers_of(message: Descriptor, names: Sequence[str]) -> Callable[..., dict[str, Longs]]:
    """The integers of a small message, 0 where they are left out, by name."""
    fields = sorted((message.fields_by_name[name] for name in names), key=lambda f: f.number)
    steps = [(f.name, _tag(f.number, _VARINT), _RAW[f.type].read) for f in fields]

    def read(part: Cursors, on: Booleans) -> dict[str, Longs]:
        found = {}
        for name, tag, number in steps:
            found[name] = number(part, _is_next(part, on, tag)).astype(np.int64)
        part.doubt(part.at != part.end, on)
        return found

    return read


def _timed(message: Descriptor) -> Value:
    name = message.full_name
    read = _numbers_of(message, [field.name for field in message.fields])

    def value(part: Cursors, on: Booleans, shown: Booleans) -> pa.Array:
        found = read(part, on)
        mask = _mask(shown)
        if name == "google.type.Date":
            return _date(part, found, on, mask)
        if name == "google.type.TimeOfDay":
            minutes = found["hours"] * 60 + found["minutes"]
            milliseconds = (minutes * 60 + found["seconds"]) * _SECOND_MS
            return values.times(part, milliseconds + found["nanos"] // _NANOS, mask)
        seconds = found["seconds"]
        wide = (seconds > _SECONDS_MAX) | (seconds < -_SECONDS_MAX)
        part.doubt(wide, on)
        milliseconds = np.where(wide, 0, seconds) * _SECOND_MS + found["nanos"] // _NANOS
        return values.timestamps(part, milliseconds, mask)

    return value


def _date(part: Cursors, found: dict[str, Longs], on: Booleans, mask: Mask) -> pa.Array:
    year, month, day = found["year"], found["month"], found["day"]
    wrong = (year < 1) | (year > 9999) | (month < 1) | (month > 12) | (day < 1) | (day > 31)
    months = np.where(wrong, 0, (year - 1970) * 12 + month - 1)
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days = first.astype(np.int64) + np.where(wrong, 1, day) - 1
    same_month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) == months
    part.doubt(wrong | ~same_month, on)
    return values.dates(part, days, mask)


def _decimal(kind: DecimalType) -> Value:
    if kind.precision > 38:
        raise OddSchemaError
    tags = _tag(1, _BYTES), _tag(2, _VARINT), _tag(3, _VARINT)

    def value(part: Cursors, on: Booleans, shown: Booleans) -> pa.Array:
        span = _span(part, _is_next(part, on, tags[0]))
        part.varints(_is_next(part, on, tags[1]))
        there = _is_next(part, on, tags[2])
        scale = np.where(there, part.varints(there), 0).astype(np.int64)
        part.doubt((scale != kind.scale) | (part.at != part.end), on)
        return values.decimals(part, span, kind, _mask(shown))

    return value


# ------------------------------------------------------------------ repeated fields


def _array_reader(field: FieldDescriptor, element: SqlType, inside: tuple[str, ...]) -> ReadField:
    return _repeated(field, _value(field, element, inside), arrow_type(element))


def _repeated(
    field: FieldDescriptor, value: tuple[int, Value], kind: pa.DataType | None
) -> ReadField:
    """Items behind one another; without a type nobody wants them."""
    wire, read = value
    packed = wire != _BYTES
    tag = _tag(field.number, _BYTES if packed else wire)
    other = _tag(field.number, wire) if packed else None

    def item(one: Cursors) -> pa.Array:
        every = np.ones(len(one), np.bool_)
        return read(one, every, every)

    def read_field(cursors: Cursors, on: Mask) -> pa.Array:
        assert on is not None
        if packed:
            found = _is_next(cursors, on, tag)
            part = cursors.inside(*_span(cursors, found))
            counts, pieces, places = _rounds(part, found, lambda c: c.at < c.end, item)
            part.finish()
            cursors.doubt(part.doubtful)
            if other is not None:
                cursors.doubt(_is_next(cursors, on, other))  # One by one, as old writers have it.
        else:
            counts, pieces, places = _rounds(cursors, on, lambda c: _tagged(c, tag), item)
        if kind is None:
            return pa.nulls(len(cursors))
        column = values.gathered(pieces, places, kind)
        return values.lists(values.offsets_of(counts), column, _mask(on))

    return read_field


def _tagged(cursors: Cursors, tag: list[int]) -> Booleans:
    return _is_next(cursors, np.ones(len(cursors), np.bool_), tag)


def _rounds(
    cursors: Cursors,
    on: Booleans,
    more: Callable[[Cursors], Booleans],
    item: Callable[[Cursors], pa.Array],
) -> tuple[Longs, list[pa.Array], list[Longs]]:
    """Reads items while there are more: each row's count, and what each round read of which."""
    counts = np.zeros(len(cursors), np.int64)
    pieces: list[pa.Array] = []
    places: list[Longs] = []
    rows = np.flatnonzero(on)
    for _ in range(ITEMS_MAX):
        part = cursors.some(rows)
        going = more(part)
        cursors.join(rows, part)
        rows = rows[going]
        if not len(rows):
            break
        one = cursors.some(rows)
        pieces.append(item(one))
        cursors.join(rows, one)
        places.append(rows)
        counts[rows] += 1
    else:
        cursors.doubtful[rows] = True
    return counts, pieces, places


def _map_reader(field: FieldDescriptor, sql_type: MapType, inside: tuple[str, ...]) -> ReadField:
    entry = field.message_type
    assert entry is not None
    key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
    if sql_type.key != STRING or key.type != FieldDescriptor.TYPE_STRING:
        raise OddSchemaError
    wire_key, read_key = _value(key, sql_type.key, inside)
    wire, read_value = _value(value, sql_type.value, inside)
    tags = _tag(1, wire_key), _tag(2, wire)
    tag = _tag(field.number, _BYTES)
    kinds = arrow_type(sql_type.key), arrow_type(sql_type.value)

    def read_field(cursors: Cursors, on: Mask) -> pa.Array:
        assert on is not None
        keys: list[pa.Array] = []

        def item(one: Cursors) -> pa.Array:
            every = np.ones(len(one), np.bool_)
            part = one.inside(*_span(one, every))
            keys.append(read_key(part, _is_next(part, every, tags[0]), every))
            found = _is_next(part, every, tags[1])
            if value.message_type is not None:
                part.doubt(~found)  # An empty message then, which is no NULL.
            column = read_value(part, found, every)
            part.doubt(part.at != part.end)
            one.doubt(part.doubtful)
            return column

        counts, pieces, places = _rounds(cursors, on, lambda c: _tagged(c, tag), item)
        entries = (
            values.gathered(keys, places, kinds[0]),
            values.gathered(pieces, places, kinds[1]),
        )
        return values.maps(cursors, values.offsets_of(counts), entries, _mask(on), by_key=True)

    return read_field


# ------------------------------------------------------------------ what no column wants


def _skipper(field: FieldDescriptor, inside: tuple[str, ...]) -> ReadField:
    """Passes over a field that no column wants, with all checks."""
    message = field.message_type
    if message is not None:
        fields = _fields(message, StructType(()), inside)

        def skip(part: Cursors, found: Booleans, _shown: Booleans) -> pa.Array:
            fields(part, found)
            return pa.nulls(len(part))

        wire, read = _BYTES, _message(skip)
    elif field.type in _TEXTS:
        wire, read = _BYTES, _text(_TEXTS[field.type])
    elif field.type in _RAW:
        raw = _RAW[field.type]
        wire, read = raw.wire, lambda c, on, _shown: values.numbers(raw.read(c, on), None)
    else:
        raise OddSchemaError
    return _repeated(field, (wire, read), None) if is_repeated(field) else _once(field, wire, read)
