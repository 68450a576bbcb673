"""JSON_SR: JSON behind the id of a JSON Schema.

What is read and written is JSON as in the JSON format; the schema tells other programs, and
inference, what it is.
Source: parity/semantics.md, section 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from merganser.engine.duck import Duck, literal
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.formats.format import FORMATS, Decoded, Encoded, FormatOptions
from merganser.engine.formats.json_encode import JsonEncoder
from merganser.engine.formats.json_exact import JsonRowReader
from merganser.engine.formats.json_fast import JsonFastPath
from merganser.engine.formats.json_schema import JsonSchema, schema_text
from merganser.engine.formats.schema_format import (
    HEADER_BYTES,
    LazyWriterSchema,
    bound,
    check_columns,
    check_maps,
    header,
    schema_id_of,
)
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import RegisteredSchema, SchemaKind
from merganser.engine.types import SqlType
from merganser.errors import DecodeError, UserError


class JsonSrDecoder:
    """Reads JSON behind a schema id; which id it is makes no difference."""

    def __init__(self, columns: Sequence[Column], *, wrapped: bool) -> None:
        fast = JsonFastPath(columns, wrapped=wrapped) if columns else None
        self._json = BatchDecoder(columns, JsonRowReader(columns, wrapped=wrapped), fast)

    def decode(self, batch: Batch, payload: str) -> Decoded:
        """As JSON does, without the first bytes."""
        framed = f"(octet_length({payload}) >= {HEADER_BYTES} AND ({payload})[1:1] = '\\x00'::BLOB)"
        text = (
            f"CASE WHEN {payload} IS NULL THEN NULL WHEN {framed} "
            f"THEN ({payload})[{HEADER_BYTES + 1}:] ELSE ''::BLOB END"
        )
        decoded = self._json.decode(batch, f"({text})")
        failed = f"({payload} IS NOT NULL AND NOT {framed})"
        if decoded.failed is not None:
            failed = f"({failed} OR {decoded.failed})"
        return replace(decoded, failed=failed, null=f"{payload} IS NULL")

    def reason(self, payload: bytes) -> str:
        """What is wrong with the payload."""
        try:
            schema_id_of(payload)
        except DecodeError as error:
            return error.message
        return self._json.reason(payload[HEADER_BYTES:])


class JsonSrEncoder:
    """Writes JSON behind the schema's id."""

    def __init__(
        self, columns: Sequence[Column], schema: LazyWriterSchema, *, wrapped: bool
    ) -> None:
        self._json = JsonEncoder(columns, wrapped=wrapped)
        self._schema = schema

    def encode(self, duck: Duck, source: str, columns: Mapping[str, str]) -> Encoded:
        """As JSON does, with the first bytes."""
        encoded = self._json.encode(duck, source, columns)
        start = literal(header(self._schema.get().schema_id))
        return Encoded(encoded.source, f"({start} || {encoded.payload})")


class JsonSrFormat:
    """JSON with a schema in the registry."""

    name = "JSON_SR"
    key = True
    value = True
    several_keys = True
    wraps = True
    unwraps = True
    wraps_by_default = True
    infers = True
    schema_kind = SchemaKind.JSON

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses maps as JSON does."""
        del options
        check_maps(self.name, columns, is_key=is_key)

    def schema_text(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> str:
        """The schema that columns are written with."""
        del is_key
        return schema_text(columns, wrapped=options.wrapped or len(columns) != 1)

    def type_of(self, schema: RegisteredSchema, options: FormatOptions) -> SqlType:
        """The SQL type of a schema."""
        del options
        found = JsonSchema(schema).type()
        if found is None:
            raise UserError(f"schema {schema.schema_id} has no field that SQL has a type for")
        return found

    def check_writer(
        self, schema: RegisteredSchema, columns: Sequence[Column], options: FormatOptions
    ) -> None:
        """Refuses columns that the schema lacks."""
        wrapped = options.wrapped or len(columns) != 1
        check_columns(self.type_of(schema, options), columns, wrapped=wrapped)

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> JsonSrDecoder:
        del is_key
        return JsonSrDecoder(columns, wrapped=options.wrapped or len(columns) != 1)

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> JsonSrEncoder:
        wrapped = options.wrapped or len(columns) != 1
        text = self.schema_text(columns, options, is_key=is_key)
        schema = LazyWriterSchema(bound(options, self.name), self.schema_kind, text)
        return JsonSrEncoder(columns, schema, wrapped=wrapped)


FORMATS.add("JSON_SR", JsonSrFormat())
