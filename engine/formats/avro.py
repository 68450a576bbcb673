"""AVRO: Confluent's wire format, schemas in the registry.

Source: parity/semantics.md, section 9.
"""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.formats import avro_schema
from merganser.engine.formats.avro_bytes import AvroColumnWriter
from merganser.engine.formats.avro_columns import AvroFrames
from merganser.engine.formats.avro_rows import AvroRowReader, AvroRowWriter, writer
from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.formats.batch_encoder import BatchEncoder
from merganser.engine.formats.columnar import ColumnReader
from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.formats.schema_format import (
    LazyWriterSchema,
    bound,
    check_columns,
    check_maps,
    row_type,
)
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaKind
from merganser.engine.types import SqlType
from merganser.errors import EncodeError, PropertyError, UserError


class AvroFormat:
    """Avro."""

    name = "AVRO"
    key = True
    value = True
    several_keys = True
    wraps = True
    unwraps = True
    wraps_by_default = True
    infers = True
    schema_kind = SchemaKind.AVRO

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses maps as JSON does, names that Avro lacks, and an empty full name."""
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
        full_name = options.properties.get("SCHEMA_FULL_NAME", avro_schema.DEFAULT_NAME)
        wrapped = options.wrapped or len(columns) != 1
        return avro_schema.schema_text(columns, wrapped=wrapped, full_name=full_name)

    def type_of(self, schema: RegisteredSchema, options: FormatOptions) -> SqlType:
        """The SQL type of a schema."""
        del options
        parsed = avro_schema.AvroSchema.of(schema)
        found = avro_schema.type_of(parsed, parsed.root)
        if found is None:
            raise UserError(f"schema {schema.schema_id} has no field that SQL has a type for")
        return found

    def check_writer(
        self, schema: RegisteredSchema, columns: Sequence[Column], options: FormatOptions
    ) -> None:
        """Refuses columns that the schema lacks, and required fields without a column."""
        wrapped = options.wrapped or len(columns) != 1
        check_columns(self.type_of(schema, options), columns, wrapped=wrapped)
        parsed = avro_schema.AvroSchema.of(schema)
        try:
            writer(parsed, parsed.root, row_type(columns) if wrapped else columns[0].type)
        except EncodeError as error:
            raise UserError(error.message) from error

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchDecoder:
        del is_key
        wrapped = options.wrapped or len(columns) != 1
        binding = bound(options, self.name)
        reader = AvroRowReader(columns, binding, wrapped=wrapped)
        columnar = ColumnReader(columns, AvroFrames(columns, binding, wrapped=wrapped))
        return BatchDecoder(columns, reader, columnar=columnar)

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchEncoder:
        wrapped = options.wrapped or len(columns) != 1
        text = self.schema_text(columns, options, is_key=is_key)
        schema = LazyWriterSchema(bound(options, self.name), self.schema_kind, text)
        return BatchEncoder(
            columns,
            AvroRowWriter(columns, schema, wrapped=wrapped),
            AvroColumnWriter(columns, schema, wrapped=wrapped),
        )


FORMATS.add("AVRO", AvroFormat())
