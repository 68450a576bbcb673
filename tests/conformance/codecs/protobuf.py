"""PROTOBUF and PROTOBUF_NOSR, through dynamic messages."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from merganser.engine.formats.proto_schema import (
    DECIMAL,
    WRAPPERS,
    ProtoSchema,
    ProtoText,
    is_repeated,
    message_class,
)
from merganser.engine.types import StructType
from tests.conformance.cases import Json
from tests.conformance.codecs.codec import CodecError, Side
from tests.conformance.codecs.framing import frame, latest_schema, unframe
from tests.conformance.codecs.typed import fitted, record_type
from tests.conformance.compare import Comparable

_EPOCH = datetime.date(1970, 1, 1)


class ProtobufCodec:
    """Confluent's wire format; messages are the first of their schema or the one named."""

    def encode(self, value: Json, side: Side) -> bytes | None:
        if value is None:
            return None
        registered = latest_schema(side)
        schema = ProtoSchema(registered.text, registered.references)
        message = schema.message(side.properties.get("SCHEMA_FULL_NAME"))
        wanted = schema.struct_of(message)
        assert isinstance(wanted, StructType)
        target = message_class(message)()
        _fill(target, message, fitted(value, wanted))
        indexes = schema.indexes_of(message)
        assert len(indexes) == 1
        start = b"\x00" if indexes == [0] else bytes([2, indexes[0] << 1])
        return frame(registered, start + target.SerializeToString())

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        if payload is None:
            return None
        registered, rest = unframe(payload, side)
        schema = ProtoSchema(registered.text, registered.references)
        if rest[:1] == b"\x00":
            return _decoded(schema.message_at([0]), rest[1:])
        if rest[:1] != b"\x02":
            raise CodecError(f"no message index: {rest[:8]!r}")
        return _decoded(schema.message_at([rest[1] >> 1]), rest[2:])


class ProtobufNoSrCodec:
    """A message of the source's columns, even where ksqlDB writes a single one bare.

    That is how the cases were recorded: a bare STRUCT reads as a null field.
    """

    def encode(self, value: Json, side: Side) -> bytes | None:
        if value is None:
            return None
        message, struct = self._message(side)
        target = message_class(message)()
        _fill(target, message, fitted(value, struct))
        return target.SerializeToString()

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        if payload is None:
            return None
        return _decoded(self._message(side)[0], payload)

    def _message(self, side: Side) -> tuple[Descriptor, StructType]:
        struct = record_type(side.columns)
        text = ProtoText(None, side.properties.get("PROTOBUF_NULLABLE_REPRESENTATION")).of(struct)
        return ProtoSchema(text, {}).message(None), struct


def _fill(target: Any, message: Descriptor, value: Comparable) -> None:
    assert isinstance(value, dict)
    for field in message.fields:
        item = value.get(field.name)
        if item is None:
            continue
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            assert isinstance(item, dict)
            for key, part in item.items():
                if inner.fields_by_name["value"].message_type is None:
                    getattr(target, field.name)[key] = part
                else:
                    part_message = inner.fields_by_name["value"].message_type
                    _fill_message(getattr(target, field.name)[key], part_message, part)
        elif is_repeated(field):
            assert isinstance(item, list)
            for part in item:
                if inner is None:
                    getattr(target, field.name).append(_scalar(field, part))
                else:
                    _fill_message(getattr(target, field.name).add(), inner, part)
        elif inner is None:
            setattr(target, field.name, _scalar(field, item))
        else:
            getattr(target, field.name).SetInParent()
            _fill_message(getattr(target, field.name), inner, item)


def _scalar(field: FieldDescriptor, value: Comparable) -> Comparable:
    if field.enum_type is not None:
        return int(field.enum_type.values_by_name[str(value)].number)
    return value


def _fill_message(target: Any, message: Descriptor, value: Comparable) -> None:
    if value is None:
        return
    name = message.full_name
    if name in WRAPPERS:
        target.value = value
    elif name == DECIMAL:
        assert isinstance(value, Decimal)
        scale = -int(value.as_tuple().exponent)
        unscaled = int(value.scaleb(scale))
        target.value = unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True)
        target.scale, target.precision = scale, len(value.as_tuple().digits)
    elif name == "google.type.Date":
        day = _EPOCH + datetime.timedelta(days=int(str(value)))
        target.year, target.month, target.day = day.year, day.month, day.day
    elif name == "google.type.TimeOfDay":
        seconds, milliseconds = divmod(int(str(value)), 1000)
        target.hours, target.minutes = seconds // 3600, seconds // 60 % 60
        target.seconds, target.nanos = seconds % 60, milliseconds * 1_000_000
    elif name == "google.protobuf.Timestamp":
        target.seconds, milliseconds = divmod(int(str(value)), 1000)
        target.nanos = milliseconds * 1_000_000
    else:
        _fill(target, message, value)


def _decoded(message: Descriptor, payload: bytes) -> Comparable:
    try:
        return _comparable(message_class(message).FromString(payload))
    except DecodeError as error:
        raise CodecError(f"no message: {payload[:40]!r}") from error


def _comparable(raw: Any) -> Comparable:
    message: Descriptor = raw.DESCRIPTOR
    name = message.full_name
    if name in WRAPPERS:
        return raw.value  # type: ignore[no-any-return]  # as the descriptor says
    if name == DECIMAL:
        return Decimal(int.from_bytes(raw.value, "big", signed=True)).scaleb(-raw.scale)
    if name == "google.type.Date":
        return (datetime.date(raw.year, raw.month, raw.day) - _EPOCH).days
    if name == "google.type.TimeOfDay":
        seconds = (raw.hours * 60 + raw.minutes) * 60 + raw.seconds
        return int(seconds * 1000 + raw.nanos // 1_000_000)
    if name == "google.protobuf.Timestamp":
        return int(raw.seconds * 1000 + raw.nanos // 1_000_000)
    return {field.name: _field(raw, field) for field in message.fields}


def _field(raw: Any, field: FieldDescriptor) -> Comparable:
    if field.has_presence and not raw.HasField(field.name):
        return None
    value = getattr(raw, field.name)
    inner = field.message_type
    if isinstance(value, Mapping):
        assert inner is not None
        nested = inner.fields_by_name["value"].message_type is not None
        return {str(k): _comparable(item) if nested else item for k, item in value.items()}
    if is_repeated(field):
        return [_comparable(item) if inner is not None else _named(field, item) for item in value]
    return _comparable(value) if inner is not None else _named(field, value)


def _named(field: FieldDescriptor, value: Any) -> Comparable:
    if field.enum_type is not None:
        return str(field.enum_type.values_by_number[value].name)
    return value  # type: ignore[no-any-return]  # as the descriptor says
