"""What formats with a schema in a registry have beyond the others.

A payload is a zero byte, the schema's id in four bytes, and what the schema describes.
Source: parity/semantics.md, section 9; Confluent's wire format.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

from merganser.engine.formats.format import Format, FormatOptions
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import (
    MissingRegistryError,
    RegisteredSchema,
    SchemaBinding,
    SchemaKind,
)
from merganser.engine.types import STRING, ArrayType, MapType, SqlType, StructField, StructType
from merganser.errors import DecodeError, KeyRuleError, TypeMismatchError, UserError

HEADER_BYTES = 5
_HEADER = struct.Struct(">bi")

T = TypeVar("T")


@runtime_checkable
class SchemaFormat(Format, Protocol):
    """A format whose schemas are in a registry."""

    @property
    def schema_kind(self) -> SchemaKind:
        """The language of its schemas."""
        ...

    def schema_text(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> str:
        """The schema that columns are written with.

        Raises:
            UserError: The language cannot express them.
        """
        ...

    def type_of(self, schema: RegisteredSchema, options: FormatOptions) -> SqlType:
        """The SQL type of a schema: a STRUCT for a record. Fields that SQL lacks are left out.

        Raises:
            UserError: The schema cannot be read, or SQL has no type for it.
        """
        ...

    def check_writer(
        self, schema: RegisteredSchema, columns: Sequence[Column], options: FormatOptions
    ) -> None:
        """Raises UserError if a given schema does not take the columns."""
        ...


def bound(options: FormatOptions, name: str) -> SchemaBinding:
    """Where a format's schemas are.

    Raises:
        MissingRegistryError: There is no registry.
    """
    if options.binding is None:
        raise MissingRegistryError(
            f"format {name} needs a schema registry, and none is configured",
            hint="Set ksql.schema.registry.url, or use JSON, DELIMITED, KAFKA or PROTOBUF_NOSR.",
        )
    return options.binding


def header(schema_id: int) -> bytes:
    """The bytes before a payload."""
    return _HEADER.pack(0, schema_id)


def schema_id_of(payload: bytes) -> int:
    """The schema's id of a payload.

    Raises:
        DecodeError: It has none.
    """
    if len(payload) < HEADER_BYTES or payload[0] != 0:
        raise DecodeError("the payload does not begin with a schema id")
    schema_id: int = _HEADER.unpack_from(payload)[1]
    return schema_id


class SchemaCache(Generic[T]):
    """What a reader makes of each schema that it meets, by id."""

    def __init__(
        self, binding: SchemaBinding, kind: SchemaKind, make: Callable[[RegisteredSchema], T]
    ) -> None:
        self._binding = binding
        self._kind = kind
        self._make = make
        self._made: dict[int, T] = {}

    def of(self, payload: bytes) -> T:
        """What was made of the payload's schema.

        Raises:
            DecodeError: There is no such schema, or it is of another kind.
            RegistryError: The registry does not answer.
        """
        schema_id = schema_id_of(payload)
        found = self._made.get(schema_id)
        if found is None:
            schema = self._binding.registry.by_id(schema_id)
            if schema is None:
                raise DecodeError(f"the registry has no schema {schema_id}")
            if schema.kind is not self._kind:
                raise DecodeError(f"schema {schema_id} is {schema.kind}, expected {self._kind}")
            found = self._made[schema_id] = self._make(schema)
        return found


class LazyWriterSchema:
    """The schema that a sink writes with: the bound one, else its own, registered when needed."""

    def __init__(self, binding: SchemaBinding, kind: SchemaKind, text: str) -> None:
        self._binding = binding
        self._kind = kind
        self._text = text
        self._schema = binding.schema

    def get(self) -> RegisteredSchema:
        """The schema.

        Raises:
            UserError: It is not compatible with the subject's versions.
            RegistryError: The registry does not answer.
        """
        if self._schema is None:
            binding = self._binding
            self._schema = binding.registry.register(binding.subject, self._kind, self._text)
        return self._schema


def check_columns(found: SqlType, columns: Sequence[Column], *, wrapped: bool) -> None:
    """Refuses columns that are not the first ones of a given schema, in its order.

    Raises:
        UserError: At the first such column.
    """
    if not wrapped:
        if found != columns[0].type:
            raise UserError(f"the schema is {found.sql()}, the column {columns[0].type.sql()}")
        return
    fields = found.fields if isinstance(found, StructType) else ()
    for index, column in enumerate(columns):
        item = fields[index] if index < len(fields) else None
        if item is None or (item.name, item.type) != (column.name, column.type):
            there = item.sql() if item is not None else "nothing"
            raise UserError(
                f"column `{column.name}` {column.type.sql()} does not fit the schema, which has "
                f"{there} in its place"
            )


def row_type(columns: Sequence[Column]) -> StructType:
    """The columns as one struct."""
    return StructType(tuple(StructField(column.name, column.type) for column in columns))


def parts_of(sql_type: SqlType) -> Iterator[SqlType]:
    """The type and all types inside it."""
    yield sql_type
    match sql_type:
        case ArrayType(element):
            yield from parts_of(element)
        case MapType(key, value):
            yield from parts_of(key)
            yield from parts_of(value)
        case StructType(fields):
            for field in fields:
                yield from parts_of(field.type)
        case _:
            pass


def check_maps(name: str, columns: Sequence[Column], *, is_key: bool) -> None:
    """Refuses maps in keys, and maps whose keys are not STRING."""
    for column in columns:
        for part in parts_of(column.type):
            if not isinstance(part, MapType):
                continue
            if is_key:
                raise KeyRuleError(
                    f"key column `{column.name}` has type {column.type.sql()}, "
                    "and keys cannot hold a MAP"
                )
            if part.key != STRING:
                raise TypeMismatchError(
                    f"the {name} format only takes maps with STRING keys, found {part.sql()}",
                    detail=f"Column `{column.name}` has it.",
                )
