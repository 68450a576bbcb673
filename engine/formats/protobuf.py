"""PROTOBUF, with schemas in the registry, and PROTOBUF_NOSR, which is the bare message.

Behind the schema's id stands where the message is in its file: the count of indexes and the indexes
as zigzag varints, a single 0 for the first message.
Source: parity/semantics.md, section 9; Confluent's wire format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from google.protobuf.descriptor import Descriptor

from merganser.engine.duck import physical_name
from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.formats.batch_encoder import BatchEncoder
from merganser.engine.formats.columnar import ColumnReader
from merganser.engine.formats.exact import Value
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.formats.proto_batches import (
    MessageColumnWriter,
    ProtobufFrames,
    bare_columns,
    bare_message,
    indexes_bytes,
    read_indexes,
)
from merganser.engine.formats.proto_rows import (
    Fill,
    Read,
    field_reader,
    message_filler,
    message_reader,
    parse,
)
from merganser.engine.formats.proto_schema import ProtoSchema, ProtoText, message_class
from merganser.engine.formats.schema_format import (
    HEADER_BYTES,
    LazyWriterSchema,
    SchemaCache,
    bound,
    check_columns,
    check_maps,
    header,
    row_type,
)
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaBinding, SchemaKind
from merganser.engine.types import SqlType, StructType
from merganser.errors import DecodeError, EncodeError, PropertyError, UserError


class _Messages:
    """A reader's view of one schema: how to read each of its messages."""

    def __init__(self, schema: ProtoSchema, struct: StructType) -> None:
        self._schema = schema
        self._struct = struct
        self._readers: dict[tuple[int, ...], tuple[Descriptor, Read]] = {}

    def at(self, indexes: tuple[int, ...]) -> tuple[Descriptor, Read]:
        """The message there, and how to read it."""
        found = self._readers.get(indexes)
        if found is None:
            try:
                message = self._schema.message_at(indexes)
            except IndexError:
                raise DecodeError("the schema has no such message") from None
            found = self._readers[indexes] = message, message_reader(message, self._struct)
        return found


class ProtobufRowReader:
    """Reads messages behind a schema id."""

    def __init__(self, columns: Sequence[Column], binding: SchemaBinding) -> None:
        self._names = [physical_name(column.name) for column in columns]
        struct = row_type(columns)
        self._schemas = SchemaCache(
            binding,
            SchemaKind.PROTOBUF,
            lambda schema: _Messages(ProtoSchema(schema.text, schema.references), struct),
        )

    def read(self, payload: bytes) -> Sequence[Value]:
        """The values of all columns, in order.

        Raises:
            DecodeError: The payload does not decode.
        """
        messages = self._schemas.of(payload)
        indexes, start = read_indexes(payload, HEADER_BYTES)
        message, read = messages.at(indexes)
        row = cast("dict[str, Value]", read(parse(message, payload[start:])))
        return [row[name] for name in self._names]


class BareRowReader:
    """Reads messages of the columns' own schema.

    Args:
        wrapped: Whether the message holds the columns; else it is the only column, if that is a
            message. Other single columns always stand in one.
    """

    def __init__(self, columns: Sequence[Column], text: str, *, wrapped: bool) -> None:
        self._names = [physical_name(column.name) for column in columns]
        self._message = ProtoSchema(text, {}).message(None)
        self._read = message_reader(self._message, row_type(columns))
        bare = bare_message(self._message) if not wrapped else None
        self._bare = bare is not None
        if bare is not None:
            self._read = field_reader(self._message.fields[0], columns[0].type)
            self._message = bare

    def read(self, payload: bytes) -> Sequence[Value]:
        """The values of all columns, in order.

        Raises:
            DecodeError: The payload is no such message.
        """
        found = self._read(parse(self._message, payload))
        if self._bare:
            return [found]
        row = cast("dict[str, Value]", found)
        return [row[name] for name in self._names]


class BareRowWriter:
    """Writes messages of the columns' own schema; the arguments are as for the reader."""

    def __init__(self, columns: Sequence[Column], text: str, *, wrapped: bool) -> None:
        self._names = [physical_name(column.name) for column in columns]
        self._message = ProtoSchema(text, {}).message(None)
        self._fill = message_filler(self._message, row_type(columns))
        self._bare = not wrapped and bare_message(self._message) is not None

    @property
    def message(self) -> tuple[Descriptor, bool]:
        """The message that is written, and whether it is the only column's own."""
        if not self._bare:
            return self._message, False
        found = bare_message(self._message)
        assert found is not None
        return found, True

    def write(self, row: Sequence[Value]) -> bytes:
        """The payload of a row.

        Raises:
            EncodeError: A value does not fit.
        """
        target: Any = message_class(self._message)()
        fill_row(target, self._fill, self._names, row)
        if self._bare:
            target = getattr(target, self._message.fields[0].name)
        found: bytes = target.SerializeToString(deterministic=True)
        return found


class ProtobufRowWriter:
    """Writes messages by a schema of the registry."""

    def __init__(
        self, columns: Sequence[Column], registered: LazyWriterSchema, full_name: str | None
    ) -> None:
        self._columns = columns
        self._names = [physical_name(column.name) for column in columns]
        self._registered = registered
        self._full_name = full_name
        self._prepared: tuple[bytes, Descriptor, Fill] | None = None

    def write(self, row: Sequence[Value]) -> bytes:
        """The payload of a row.

        Raises:
            EncodeError: The schema does not take it.
        """
        start, message, fill = self.prepare()
        target = message_class(message)()
        fill_row(target, fill, self._names, row)
        return start + target.SerializeToString(deterministic=True)

    def prepare(self) -> tuple[bytes, Descriptor, Fill]:
        """What stands in front, the message and how it is filled."""
        if self._prepared is not None:
            return self._prepared
        found = self._registered.get()
        schema = ProtoSchema(found.text, found.references)
        message = schema.message(self._full_name)
        start = header(found.schema_id) + indexes_bytes(schema.indexes_of(message))
        self._prepared = start, message, message_filler(message, row_type(self._columns))
        return self._prepared


def fill_row(target: Any, fill: Fill, names: Sequence[str], row: Sequence[Value]) -> None:
    """Puts a row into a message.

    Raises:
        EncodeError: A value does not fit.
    """
    try:
        fill(target, dict(zip(names, row, strict=True)))
    except (ValueError, TypeError, OverflowError):
        raise EncodeError("the Protobuf schema does not take the row") from None


class _Protobuf:
    """What both formats have in common."""

    name: str
    key = True
    value = True
    several_keys = True
    wraps = True
    wraps_by_default = True

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses what Protobuf cannot express, and maps as JSON does."""
        check_maps(self.name, columns, is_key=is_key)
        name = options.properties.get("SCHEMA_FULL_NAME")
        if name is not None and not name.strip():
            raise PropertyError("the schema's full name must not be empty")
        if columns:
            self.schema_text(columns, options, is_key=is_key)

    def schema_text(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> str:
        """The schema that columns are written with."""
        del is_key
        nullable = options.properties.get("PROTOBUF_NULLABLE_REPRESENTATION")
        full_name = options.properties.get("SCHEMA_FULL_NAME")
        return ProtoText(full_name, nullable).of(row_type(columns))


class ProtobufFormat(_Protobuf):
    """Protobuf with a schema in the registry. Always an object, even around a single column."""

    name = "PROTOBUF"
    unwraps = False
    infers = True
    schema_kind = SchemaKind.PROTOBUF

    def type_of(self, schema: RegisteredSchema, options: FormatOptions) -> SqlType:
        """The SQL type of a message."""
        parsed = ProtoSchema(schema.text, schema.references)
        found = parsed.struct_of(parsed.message(options.properties.get("SCHEMA_FULL_NAME")))
        if found is None:
            raise UserError(f"schema {schema.schema_id} has no field that SQL has a type for")
        return found

    def check_writer(
        self, schema: RegisteredSchema, columns: Sequence[Column], options: FormatOptions
    ) -> None:
        """Refuses columns that the message lacks."""
        check_columns(self.type_of(schema, options), columns, wrapped=True)

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchDecoder:
        del is_key
        binding = bound(options, self.name)
        columnar = ColumnReader(columns, ProtobufFrames(columns, binding))
        return BatchDecoder(columns, ProtobufRowReader(columns, binding), columnar=columnar)

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchEncoder:
        text = self.schema_text(columns, options, is_key=is_key)
        schema = LazyWriterSchema(bound(options, self.name), self.schema_kind, text)
        full_name = options.properties.get("SCHEMA_FULL_NAME")
        writer = ProtobufRowWriter(columns, schema, full_name)
        columnar = MessageColumnWriter(columns, lambda: (*writer.prepare()[:2], False))
        return BatchEncoder(columns, writer, columnar)


class ProtobufNoSrFormat(_Protobuf):
    """Protobuf without a registry: both sides have to know the columns."""

    name = "PROTOBUF_NOSR"
    unwraps = True
    infers = False

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchDecoder:
        text = self.schema_text(columns, options, is_key=is_key)
        wrapped = options.wrapped or len(columns) != 1
        reader = BareRowReader(columns, text, wrapped=wrapped)
        return BatchDecoder(columns, reader, columnar=bare_columns(columns, text, wrapped=wrapped))

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchEncoder:
        text = self.schema_text(columns, options, is_key=is_key)
        wrapped = options.wrapped or len(columns) != 1
        writer = BareRowWriter(columns, text, wrapped=wrapped)
        columnar = MessageColumnWriter(columns, lambda: (b"", *writer.message))
        return BatchEncoder(columns, writer, columnar)


FORMATS.add("PROTOBUF", ProtobufFormat())
FORMATS.add("PROTOBUF_NOSR", ProtobufNoSrFormat())
