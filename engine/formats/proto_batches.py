"""Protobuf records of whole batches: what stands in front of messages, and the messages behind it.

Behind the schema's id stands where the message is in its file: the count of indexes and the indexes
as zigzag varints, a single 0 for the first message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
from google.protobuf.descriptor import Descriptor

from merganser.engine.duck import arrow_type
from merganser.engine.formats.column_values import OddSchemaError, structs
from merganser.engine.formats.columnar import ColumnReader, ReadColumns
from merganser.engine.formats.proto_bytes import Put, message_putter
from merganser.engine.formats.proto_columns import message_columns
from merganser.engine.formats.proto_schema import ProtoSchema, is_repeated
from merganser.engine.formats.row_bytes import RowBytes
from merganser.engine.formats.schema_format import HEADER_BYTES, SchemaCache, row_type
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import SchemaBinding, SchemaKind
from merganser.engine.types import StructType
from merganser.errors import DecodeError

_VARINT_BITS_MAX = 63


def read_indexes(payload: bytes, start: int) -> tuple[tuple[int, ...], int]:
    """The message's indexes, and where they end.

    Raises:
        DecodeError: They are cut off.
    """
    count, at = _varint(payload, start)
    if count == 0:
        return (0,), at
    indexes = []
    for _ in range(count):
        index, at = _varint(payload, at)
        indexes.append(index)
    return tuple(indexes), at


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while at < len(payload) and shift <= _VARINT_BITS_MAX:
        byte = payload[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            value = (number >> 1) ^ -(number & 1)
            if value < 0:
                break
            return value, at
    raise DecodeError("the payload does not say which message of its schema it is")


def indexes_bytes(indexes: Sequence[int]) -> bytes:
    """The indexes as they stand before a message."""
    if list(indexes) == [0]:
        return b"\x00"
    found = bytearray()
    for number in (len(indexes), *indexes):
        zigzag = number << 1
        while zigzag >= 0x80:
            found.append(zigzag & 0x7F | 0x80)
            zigzag >>= 7
        found.append(zigzag)
    return bytes(found)


class ProtobufFrames:
    """Which schema and message payloads have, and how theirs are read."""

    start = b"\0"

    def __init__(self, columns: Sequence[Column], binding: SchemaBinding) -> None:
        self._struct = row_type(columns)
        self._schemas = SchemaCache(
            binding, SchemaKind.PROTOBUF, lambda schema: ProtoSchema(schema.text, schema.references)
        )
        self._readers: dict[bytes, ReadColumns | None] = {}

    def prefix_bytes(self, payload: bytes) -> int:
        """The length of the header and the indexes."""
        return read_indexes(payload, HEADER_BYTES)[1]

    def reader(self, payload: bytes) -> ReadColumns | None:
        """How payloads with this one's message are read; None: one by one."""
        schema = self._schemas.of(payload)
        indexes, size = read_indexes(payload, HEADER_BYTES)
        prefix = payload[:size]
        if prefix not in self._readers:
            self._readers[prefix] = self._prepare(schema, indexes)
        return self._readers[prefix]

    def _prepare(self, schema: ProtoSchema, indexes: tuple[int, ...]) -> ReadColumns | None:
        try:
            return message_columns(schema.message_at(indexes), self._struct)
        except (OddSchemaError, IndexError):
            return None


class BareFrames:
    """Messages of the columns' own schema, with nothing in front."""

    start = b""

    def __init__(self, read: ReadColumns) -> None:
        self._read = read

    def prefix_bytes(self, payload: bytes) -> int:
        """None."""
        del payload
        return 0

    def reader(self, payload: bytes) -> ReadColumns | None:
        """How all payloads are read."""
        del payload
        return self._read


def bare_message(message: Descriptor) -> Descriptor | None:
    """The message that a single column is, without one around it; None: it is no message."""
    (field,) = message.fields
    found = field.message_type
    return None if found is None or is_repeated(field) else found


def bare_columns(columns: Sequence[Column], text: str, *, wrapped: bool) -> ColumnReader | None:
    """The columnar reading of messages of the columns' own schema; None: one by one."""
    message = ProtoSchema(text, {}).message(None)
    bare = bare_message(message) if not wrapped else None
    try:
        if bare is None:
            return ColumnReader(columns, BareFrames(message_columns(message, row_type(columns))))
        only = columns[0].type
        if not isinstance(only, StructType):
            return None
        read, kind = message_columns(bare, only), arrow_type(only)
    except OddSchemaError:
        return None
    return ColumnReader(
        columns,
        BareFrames(lambda cursors: [structs(list(read(cursors)), kind, None, len(cursors))]),
    )


class MessageColumnWriter:
    """Writes messages of whole batches.

    Args:
        columns: The columns.
        prepare: The bytes in front, the message, and whether it is the only column's own.
    """

    def __init__(
        self, columns: Sequence[Column], prepare: Callable[[], tuple[bytes, Descriptor, bool]]
    ) -> None:
        self._columns = columns
        self._prepare = prepare
        self._prepared: tuple[bytes, Put, bool] | None = None

    def write(self, columns: Sequence[pa.Array], count: int) -> pa.Array:
        """The payloads, BINARY.

        Raises:
            OddSchemaError: Rows of these types are written one by one.
            OddRowsError: These rows are.
        """
        start, put, bare = self._prepared or self._make()
        rows = RowBytes(count)
        rows.constant(start)
        column, mask = columns[0], None
        if not bare:
            column = pa.StructArray.from_arrays(columns, [str(n) for n in range(len(columns))])
        elif column.null_count:
            mask = column.is_valid().to_numpy(zero_copy_only=False)
        put(rows, column, mask)
        return rows.finish()

    def _make(self) -> tuple[bytes, Put, bool]:
        start, message, bare = self._prepare()
        wanted = self._columns[0].type if bare else row_type(self._columns)
        if not isinstance(wanted, StructType):
            raise OddSchemaError
        self._prepared = start, message_putter(message, wanted), bare
        return self._prepared
