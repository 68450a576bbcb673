"""DELIMITED, KAFKA and NONE: texts and single big-endian values."""

from __future__ import annotations

import struct
from decimal import Decimal, InvalidOperation

from merganser.engine.types import Kind, ScalarType
from tests.conformance.cases import Json
from tests.conformance.codecs.codec import CodecError, Side
from tests.conformance.codecs.json_text import json_text
from tests.conformance.compare import Comparable

_PACKED = {Kind.INTEGER: ">i", Kind.BIGINT: ">q", Kind.DOUBLE: ">d"}


def text_of(value: Json) -> str:
    """A scalar as text: strings as they are, others as JSON spells them."""
    return value if isinstance(value, str) else json_text(value)


class DelimitedCodec:
    """The text itself, in and out, so that quotes and spelling of numbers are compared."""

    def encode(self, value: Json, side: Side) -> bytes | None:
        del side
        return None if value is None else text_of(value).encode()

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        del side
        return None if payload is None else _utf8(payload)


class KafkaCodec:
    """One column, as Kafka's own serializers write it. BYTES are the text's UTF-8 bytes."""

    def encode(self, value: Json, side: Side) -> bytes | None:
        if value is None:
            return None
        form = _PACKED.get(_kind(side))
        if form is None:
            return text_of(value).encode()
        try:
            number = Decimal(text_of(value))
            return struct.pack(form, float(number) if form == ">d" else int(number))
        except (InvalidOperation, struct.error) as error:
            raise CodecError(f"{text_of(value)} is no {_kind(side)} for KAFKA") from error

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        if payload is None:
            return None
        form = _PACKED.get(_kind(side))
        if form is None:
            return _utf8(payload)
        if len(payload) != struct.calcsize(form):
            raise CodecError(f"{len(payload)} bytes are no {_kind(side)}: {payload[:40]!r}")
        number: int | float = struct.unpack(form, payload)[0]
        return number


class NoneCodec:
    """Always null, whatever is given."""

    def encode(self, value: Json, side: Side) -> bytes | None:
        del value, side
        return None

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        del side
        if payload is not None:
            raise CodecError(f"NONE holds {len(payload)} bytes: {payload[:40]!r}")
        return None


def _kind(side: Side) -> Kind:
    """The kind of the one column; STRING where there is none, for bytes that are ignored."""
    if not side.columns:
        return Kind.STRING
    column_type = side.columns[0].type
    return column_type.kind if isinstance(column_type, ScalarType) else Kind.STRING


def _utf8(payload: bytes) -> str:
    return payload.decode(errors="replace")
