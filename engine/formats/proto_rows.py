"""Rows of Protobuf messages and back.

Columns find fields by name, exact or upper-cased. A field that knows whether it is set (`optional`,
a message, a oneof) is NULL if it is not; any other has its default instead, and NULL is written
as the default.
Source: parity/semantics.md, section 9.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as MessageDecodeError
from google.protobuf.message import Message

from merganser.engine.duck import physical_name
from merganser.engine.formats.exact import DAY_MS, Value, date_days, mismatch, time_us, timestamp_us
from merganser.engine.formats.java_values import decimal_bytes, scalar_string
from merganser.engine.formats.proto_schema import (
    DECIMAL,
    TIMES,
    WRAPPERS,
    is_repeated,
    message_class,
)
from merganser.engine.java_numbers import fit_decimal
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)
from merganser.errors import DecodeError, EncodeError

Read = Callable[[Any], Value]
"""From a field's Python value to a value of the SQL type."""

Fill = Callable[[Any, Value], None]
"""Puts a value, never None, into a message."""

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64,
}  # fmt: skip
_FLOATS = {FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE}


def parse(message: Descriptor, payload: bytes) -> Message:
    """The message in a payload.

    Raises:
        DecodeError: The payload is no such message.
    """
    try:
        return message_class(message).FromString(payload)
    except (MessageDecodeError, UnicodeDecodeError):
        raise DecodeError("the payload is no message of its Protobuf schema") from None


def message_reader(message: Descriptor, struct: StructType) -> Read:
    """How a message becomes a STRUCT, by physical names.

    Raises:
        DecodeError: A field has a type that its column does not take.
    """
    upper = {field.name.upper(): field for field in message.fields}
    plan: list[tuple[str, str, bool, Read]] = []
    for item in struct.fields:
        field = message.fields_by_name.get(item.name) or upper.get(item.name)
        physical = physical_name(item.name)
        if field is None:
            plan.append((physical, "", False, lambda _raw: None))
        else:
            plan.append((physical, field.name, field.has_presence, _field(field, item.type)))

    def read(raw: Any) -> Value:
        row: dict[str, Value] = {}
        for physical, name, present, read_field in plan:
            if not name or (present and not raw.HasField(name)):
                row[physical] = None
            else:
                row[physical] = read_field(getattr(raw, name))
        return row

    return read


def _field(field: FieldDescriptor, sql_type: SqlType) -> Read:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        if not isinstance(sql_type, MapType):
            raise mismatch("a Protobuf map", sql_type)
        key = field_reader(message.fields_by_name["key"], sql_type.key)
        value = field_reader(message.fields_by_name["value"], sql_type.value)
        # A parsed map has its own order, another one in each process: by key it is always one.
        return lambda raw: [(cast("str", key(k)), value(raw[k])) for k in sorted(raw)]
    if is_repeated(field):
        if not isinstance(sql_type, ArrayType):
            raise mismatch("a repeated field", sql_type)
        element = field_reader(field, sql_type.element)
        return lambda raw: [element(item) for item in raw]
    return field_reader(field, sql_type)


def field_reader(field: FieldDescriptor, sql_type: SqlType) -> Read:
    """How one value of a field, repeated or not, becomes a value of a type.

    Raises:
        DecodeError: It cannot.
    """
    message = field.message_type
    if message is None:
        return _scalar(field, sql_type)
    name = message.full_name
    if name in WRAPPERS:
        inner = _scalar(message.fields_by_name["value"], sql_type)
        return lambda raw: inner(raw.value)
    if name == DECIMAL and isinstance(sql_type, DecimalType):
        return lambda raw: _decimal(raw, sql_type)
    if name in TIMES and sql_type == TIMES[name]:
        return _TIME_READERS[name]
    if isinstance(sql_type, StructType):
        return message_reader(message, sql_type)
    raise mismatch(f"message {name}", sql_type)


def _scalar(field: FieldDescriptor, sql_type: SqlType) -> Read:
    kind = sql_type.kind if isinstance(sql_type, ScalarType) else None
    family = field.cpp_type
    if field.enum_type is not None and kind is Kind.STRING:
        names = {value.number: value.name for value in field.enum_type.values}
        return lambda raw: names.get(raw, str(raw))
    if kind is Kind.STRING and field.type != FieldDescriptor.TYPE_BYTES:
        return scalar_string
    taken = (
        (kind is Kind.BOOLEAN and family == FieldDescriptor.CPPTYPE_BOOL)
        or (kind is Kind.BYTES and field.type == FieldDescriptor.TYPE_BYTES)
        or (kind is Kind.DOUBLE and family in _FLOATS)
        or (kind is Kind.BIGINT and family in _INTEGERS)
        or (kind is Kind.INTEGER and family == FieldDescriptor.CPPTYPE_INT32)
    )
    if not taken:
        raise mismatch(f"field {field.name}", sql_type)
    return lambda raw: cast("Value", raw)


def _decimal(raw: Any, wanted: DecimalType) -> Value:
    unscaled = int.from_bytes(raw.value, "big", signed=True)
    digits = tuple(int(digit) for digit in str(abs(unscaled)))
    fitted = fit_decimal(Decimal((int(unscaled < 0), digits, -raw.scale)), wanted)
    if fitted is None:
        raise DecodeError(f"the number does not fit {wanted.sql()} without rounding")
    return fitted


def _date(raw: Any) -> Value:
    try:
        day = datetime.date(raw.year, raw.month, raw.day).toordinal()
    except ValueError:
        raise DecodeError("no such date") from None
    return date_days(day - _EPOCH)


def _time(raw: Any) -> Value:
    seconds = (raw.hours * 60 + raw.minutes) * 60 + raw.seconds
    return time_us(seconds * 1000 + raw.nanos // 1_000_000)


_TIME_READERS: dict[str, Read] = {
    "google.type.Date": _date,
    "google.type.TimeOfDay": _time,
    "google.protobuf.Timestamp": lambda raw: timestamp_us(
        raw.seconds * 1000 + raw.nanos // 1_000_000
    ),
}


# ------------------------------------------------------------------ writing


def message_filler(message: Descriptor, struct: StructType) -> Fill:
    """How a STRUCT goes into a message.

    Raises:
        EncodeError: The message has no place for a field.
    """
    upper = {field.name.upper(): field for field in message.fields}
    plan = []
    for item in struct.fields:
        field = message.fields_by_name.get(item.name) or upper.get(item.name.upper())
        if field is None:
            raise EncodeError(f"message {message.full_name} has no field {item.name}")
        plan.append((physical_name(item.name), _filler(field, item.type)))

    def fill(target: Any, value: Value) -> None:
        row = cast("dict[str, Value]", value)
        for physical, fill_field in plan:
            item = row[physical]
            if item is not None:
                fill_field(target, item)

    return fill


def _filler(field: FieldDescriptor, sql_type: SqlType) -> Fill:
    name, message = field.name, field.message_type
    if message is not None and message.GetOptions().map_entry:
        if not isinstance(sql_type, MapType):
            raise EncodeError(f"field {name} is a map, not {sql_type.sql()}")
        return _map_filler(name, message, sql_type)
    if is_repeated(field):
        if not isinstance(sql_type, ArrayType):
            raise EncodeError(f"field {name} is repeated, not {sql_type.sql()}")
        return _array_filler(name, message, sql_type.element)
    if message is None:
        return lambda target, value: setattr(target, name, _number(field, value))
    inside = _message_filler(message, sql_type)

    def fill(target: Any, value: Value) -> None:
        part = getattr(target, name)
        part.SetInParent()
        inside(part, value)

    return fill


def _number(field: FieldDescriptor, value: Value) -> object:
    """A scalar as its field takes it: enums by name."""
    if field.enum_type is not None:
        found = field.enum_type.values_by_name.get(str(value))
        if found is None:
            raise EncodeError(f"enum {field.enum_type.full_name} has no such value")
        return found.number
    return value


def _array_filler(name: str, message: Descriptor | None, element: SqlType) -> Fill:
    if message is None:
        default = _DEFAULTS.get(element.kind, "") if isinstance(element, ScalarType) else ""

        def extend(target: Any, value: Value) -> None:
            items = cast("list[Value]", value)
            getattr(target, name).extend(default if item is None else item for item in items)

        return extend
    inside = _message_filler(message, element)

    def add(target: Any, value: Value) -> None:
        repeated = getattr(target, name)
        for item in cast("list[Value]", value):
            part = repeated.add()
            if item is not None:
                inside(part, item)

    return add


_DEFAULTS: dict[Kind, object] = {
    Kind.BOOLEAN: False,
    Kind.INTEGER: 0,
    Kind.BIGINT: 0,
    Kind.DOUBLE: 0.0,
    Kind.BYTES: b"",
}


def _map_filler(name: str, entry: Descriptor, sql_type: MapType) -> Fill:
    message = entry.fields_by_name["value"].message_type
    kind = sql_type.value.kind if isinstance(sql_type.value, ScalarType) else Kind.STRING
    default = _DEFAULTS.get(kind, "")
    inside = _message_filler(message, sql_type.value) if message is not None else None

    def fill(target: Any, value: Value) -> None:
        found = getattr(target, name)
        for key, item in cast("list[tuple[str, Value]]", value):
            if inside is None:
                found[key] = default if item is None else item
            else:
                part = found[key]
                if item is not None:
                    inside(part, item)

    return fill


def _message_filler(message: Descriptor, sql_type: SqlType) -> Fill:
    """How a value goes into a message that is there."""
    name = message.full_name
    match sql_type:
        case StructType():
            return message_filler(message, sql_type)
        case DecimalType(precision, scale) if name == DECIMAL:
            return lambda target, value: _fill_decimal(target, value, precision, scale)
        case ScalarType() if name in WRAPPERS:
            return lambda target, value: setattr(target, "value", value)
        case ScalarType() if TIMES.get(name) == sql_type:
            return _TIME_FILLERS[name]
        case _:
            raise EncodeError(f"cannot write {sql_type.sql()} as message {name}")


def _fill_decimal(target: Any, value: Value, precision: int, scale: int) -> None:
    target.value = decimal_bytes(Decimal(cast("Decimal", value)), scale)
    target.precision, target.scale = precision, scale


def _fill_date(target: Any, value: Value) -> None:
    try:
        day = datetime.date.fromordinal(cast("int", value) + _EPOCH)
    except (ValueError, OverflowError):
        raise EncodeError("google.type.Date takes the years 1 to 9999") from None
    target.year, target.month, target.day = day.year, day.month, day.day


def _fill_time(target: Any, value: Value) -> None:
    seconds, milliseconds = divmod(cast("int", value) // 1000 % DAY_MS, 1000)
    target.hours, target.minutes = seconds // 3600, seconds // 60 % 60
    target.seconds, target.nanos = seconds % 60, milliseconds * 1_000_000


def _fill_timestamp(target: Any, value: Value) -> None:
    seconds, milliseconds = divmod(cast("int", value) // 1000, 1000)
    target.seconds, target.nanos = seconds, milliseconds * 1_000_000


_TIME_FILLERS: dict[str, Fill] = {
    "google.type.Date": _fill_date,
    "google.type.TimeOfDay": _fill_time,
    "google.protobuf.Timestamp": _fill_timestamp,
}
