"""Protobuf schemas and SQL types, both ways.

Source: parity/semantics.md, section 9; Confluent's ProtobufData, whose message names other
programs know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from google.protobuf import descriptor_pool, message_factory, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import Message

from merganser.engine.formats.proto_text import ProtoTextError, parse_proto
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import UserError

DEFAULT_NAME = "ConnectDefault1"
DECIMAL = "confluent.type.Decimal"
_PRECISION_DEFAULT = 64  # Connect's, where a decimal does not say.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_KNOWN_TEXTS = {
    "google/type/date.proto": 'syntax = "proto3"; package google.type; '
    "message Date {int32 year = 1; int32 month = 2; int32 day = 3;}",
    "google/type/timeofday.proto": 'syntax = "proto3"; package google.type; message TimeOfDay '
    "{int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4;}",
    "confluent/type/decimal.proto": 'syntax = "proto3"; package confluent.type; '
    "message Decimal {bytes value = 1; uint32 precision = 2; int32 scale = 3;}",
    "confluent/meta.proto": 'syntax = "proto3"; package confluent; '
    "message Meta {string doc = 1; map<string, string> params = 2;}",
    "google/protobuf/descriptor.proto": 'syntax = "proto2"; package google.protobuf;',
}
_KNOWN_FILES = {
    "google/protobuf/timestamp.proto": timestamp_pb2.DESCRIPTOR,
    "google/protobuf/wrappers.proto": wrappers_pb2.DESCRIPTOR,
}
WRAPPERS: Mapping[str, SqlType] = {
    "google.protobuf.BoolValue": BOOLEAN,
    "google.protobuf.Int32Value": INTEGER,
    "google.protobuf.Int64Value": BIGINT,
    "google.protobuf.UInt32Value": BIGINT,
    "google.protobuf.UInt64Value": BIGINT,
    "google.protobuf.FloatValue": DOUBLE,
    "google.protobuf.DoubleValue": DOUBLE,
    "google.protobuf.StringValue": STRING,
    "google.protobuf.BytesValue": BYTES,
}
TIMES: Mapping[str, SqlType] = {
    "google.type.Date": DATE,
    "google.type.TimeOfDay": TIME,
    "google.protobuf.Timestamp": TIMESTAMP,
}
_SCALARS: Mapping[int, SqlType] = {
    FieldDescriptor.TYPE_BOOL: BOOLEAN,
    FieldDescriptor.TYPE_INT32: INTEGER,
    FieldDescriptor.TYPE_SINT32: INTEGER,
    FieldDescriptor.TYPE_SFIXED32: INTEGER,
    FieldDescriptor.TYPE_INT64: BIGINT,
    FieldDescriptor.TYPE_SINT64: BIGINT,
    FieldDescriptor.TYPE_SFIXED64: BIGINT,
    FieldDescriptor.TYPE_UINT32: BIGINT,
    FieldDescriptor.TYPE_FIXED32: BIGINT,
    FieldDescriptor.TYPE_UINT64: BIGINT,
    FieldDescriptor.TYPE_FIXED64: BIGINT,
    FieldDescriptor.TYPE_FLOAT: DOUBLE,
    FieldDescriptor.TYPE_DOUBLE: DOUBLE,
    FieldDescriptor.TYPE_STRING: STRING,
    FieldDescriptor.TYPE_BYTES: BYTES,
    FieldDescriptor.TYPE_ENUM: STRING,
}


class ProtoSchema:
    """A .proto file, with all it imports.

    Raises:
        UserError: It is no .proto file, or imports what is not there.
    """

    def __init__(self, text: str, references: Mapping[str, str]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        self._references = references
        self._added: set[str] = set()
        self.params: dict[str, dict[str, str]] = {}
        try:
            self._file = self._add("schema.proto", text)
        except (ProtoTextError, TypeError, KeyError) as error:
            raise UserError(f"the schema is no Protobuf schema: {error}") from error
        if not self._file.message_type:
            raise UserError("the Protobuf schema has no message")

    def _add(self, name: str, text: str) -> FileDescriptorProto:
        found = parse_proto(name, text)
        package = f"{found.descriptor.package}." if found.descriptor.package else ""
        self.params.update({package + path: params for path, params in found.params.items()})
        for imported in found.descriptor.dependency:
            if imported in self._added:
                continue
            self._added.add(imported)
            if imported in self._references:
                self._add(imported, self._references[imported])
            elif imported in _KNOWN_FILES:
                self._pool.AddSerializedFile(_KNOWN_FILES[imported].serialized_pb)
            elif imported in _KNOWN_TEXTS:
                self._add(imported, _KNOWN_TEXTS[imported])
            else:
                raise ProtoTextError(f"{imported} is not among the references")
        self._pool.Add(found.descriptor)
        return found.descriptor

    def message(self, full_name: str | None) -> Descriptor:
        """The message of that name; None: the first one.

        Raises:
            UserError: There is no such message.
        """
        package = f"{self._file.package}." if self._file.package else ""
        for name in (full_name, package + (full_name or self._file.message_type[0].name)):
            if name:
                try:
                    return self._pool.FindMessageTypeByName(name)
                except KeyError:
                    continue
        raise UserError(f"the Protobuf schema has no message {full_name}")

    def message_at(self, indexes: Sequence[int]) -> Descriptor:
        """The message at a place: its index, then the indexes of those inside.

        Raises:
            IndexError: There is none.
        """
        found = self._file.message_type[indexes[0]]
        package = f"{self._file.package}." if self._file.package else ""
        name = package + found.name
        for index in indexes[1:]:
            found = found.nested_type[index]
            name = f"{name}.{found.name}"
        return self._pool.FindMessageTypeByName(name)

    def indexes_of(self, message: Descriptor) -> list[int]:
        """Where a message stands in the file."""
        path = message.full_name.removeprefix(f"{self._file.package}.").split(".")
        indexes, level = [], self._file.message_type
        for name in path:
            names = [item.name for item in level]
            indexes.append(names.index(name))
            level = level[indexes[-1]].nested_type
        return indexes

    def type_of(self, field: FieldDescriptor, inside: frozenset[str]) -> SqlType | None:
        """The SQL type of a field; None where SQL has none."""
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            key = self._single(message.fields_by_name["key"], inside)
            value = self._single(message.fields_by_name["value"], inside)
            return MapType(key, value) if key is not None and value is not None else None
        found = self._single(field, inside)
        return ArrayType(found) if is_repeated(field) and found is not None else found

    def struct_of(
        self, message: Descriptor, inside: frozenset[str] = frozenset()
    ) -> SqlType | None:
        """The SQL type of a message; None if none of its fields has one."""
        if message.full_name in inside:
            return None
        fields = []
        for field in message.fields:
            found = self.type_of(field, inside | {message.full_name})
            if found is not None:
                fields.append(StructField(field.name, found))
        return StructType(tuple(fields)) if fields else None

    def _single(self, field: FieldDescriptor, inside: frozenset[str]) -> SqlType | None:
        if field.message_type is None:
            return _SCALARS.get(field.type)
        name = field.message_type.full_name
        if name == DECIMAL:
            params = self.params.get(field.full_name, {})
            return DecimalType(
                int(params.get("precision", _PRECISION_DEFAULT)), int(params.get("scale", 0))
            )
        return WRAPPERS.get(name) or TIMES.get(name) or self.struct_of(field.message_type, inside)


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether a field holds several values."""
    return bool(field.is_repeated)


def message_class(message: Descriptor) -> type[Message]:
    """The class of a message."""
    return message_factory.GetMessageClass(message)


# ------------------------------------------------------------------ SQL types → schema

PROTO_WORDS: Mapping[Kind, str] = {
    Kind.BOOLEAN: "bool",
    Kind.INTEGER: "int32",
    Kind.BIGINT: "int64",
    Kind.DOUBLE: "double",
    Kind.STRING: "string",
    Kind.BYTES: "bytes",
    Kind.TIME: "google.type.TimeOfDay",
    Kind.DATE: "google.type.Date",
    Kind.TIMESTAMP: "google.protobuf.Timestamp",
}
_WRAPPED: Mapping[Kind, str] = {
    Kind.BOOLEAN: "google.protobuf.BoolValue",
    Kind.INTEGER: "google.protobuf.Int32Value",
    Kind.BIGINT: "google.protobuf.Int64Value",
    Kind.DOUBLE: "google.protobuf.DoubleValue",
    Kind.STRING: "google.protobuf.StringValue",
    Kind.BYTES: "google.protobuf.BytesValue",
}
_IMPORTS = (
    ("confluent.field_meta", "confluent/meta.proto"),
    (DECIMAL, "confluent/type/decimal.proto"),
    ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
    *((name, "google/protobuf/wrappers.proto") for name in WRAPPERS),
    ("google.type.Date", "google/type/date.proto"),
    ("google.type.TimeOfDay", "google/type/timeofday.proto"),
)


class ProtoText:
    """Writes the schema of a struct.

    Args:
        nullable: How NULL scalars are told from defaults: `OPTIONAL`, `WRAPPER` or not at all.
    """

    def __init__(self, full_name: str | None, nullable: str | None) -> None:
        self._package, _, self._name = (full_name or DEFAULT_NAME).rpartition(".")
        self._nullable = nullable
        self._count = 1

    def of(self, struct: StructType) -> str:
        """The text.

        Raises:
            UserError: Protobuf cannot express it.
        """
        body = "\n".join(self._message(self._name, struct, ""))
        imports = sorted({file for name, file in _IMPORTS if re.search(rf"\b{name}\b", body)})
        parts = ['syntax = "proto3";\n']
        if self._package:
            parts.append(f"package {self._package};\n")
        if imports:
            parts.append("".join(f'import "{file}";\n' for file in imports))
        return "\n".join([*parts, body + "\n"])

    def _message(self, name: str, struct: StructType, indent: str) -> Iterator[str]:
        inner: list[str] = []
        yield f"{indent}message {name} {{"
        for number, item in enumerate(struct.fields, start=1):
            label, word = self._typed(item.type, inner, indent + "  ")
            name = proto_name(item.name)
            yield f"{indent}  {label}{word} {name} = {number}{_meta(item.type)};"
        yield from inner
        yield f"{indent}}}"

    def _typed(self, sql_type: SqlType, inner: list[str], indent: str) -> tuple[str, str]:
        match sql_type:
            case ArrayType(element):
                return "repeated ", self._inside(element, inner, indent)
            case MapType(key, value):
                word = self._inside(value, inner, indent)
                return "", f"map<{self._inside(key, inner, indent)}, {word}>"
            case ScalarType(kind) if kind in _WRAPPED and self._nullable == "WRAPPER":
                return "", _WRAPPED[kind]
            case ScalarType(kind) if kind in _WRAPPED and self._nullable == "OPTIONAL":
                return "optional ", PROTO_WORDS[kind]
            case _:
                return "", self._inside(sql_type, inner, indent)

    def _inside(self, sql_type: SqlType, inner: list[str], indent: str) -> str:
        match sql_type:
            case ScalarType(kind):
                return PROTO_WORDS[kind]
            case DecimalType():
                return DECIMAL
            case StructType():
                self._count += 1
                name = f"ConnectDefault{self._count}"
                lines = list(self._message(name, sql_type, indent))
                inner += ["", *lines]
                return name
            case _:
                raise no_field(sql_type)


def no_field(sql_type: SqlType) -> UserError:
    """The error for a type that no field can repeat."""
    return UserError(
        f"Protobuf has no {sql_type.sql()} inside an ARRAY or a MAP", hint="Put it into a STRUCT."
    )


def proto_name(name: str) -> str:
    """A name, if it is one in Protobuf.

    Raises:
        UserError: It is not.
    """
    if _NAME.fullmatch(name) is None:
        raise UserError(
            f"`{name}` is no name in Protobuf",
            hint="Names have letters, digits and underscores, and begin with no digit.",
        )
    return name


def _meta(sql_type: SqlType) -> str:
    """The option that holds a decimal's precision and scale."""
    inner = sql_type.element if isinstance(sql_type, ArrayType) else sql_type
    if not isinstance(inner, DecimalType):
        return ""
    return (
        " [(confluent.field_meta) = {\n    params: [\n"
        f'      {{\n        key: "precision",\n        value: "{inner.precision}"\n      }},\n'
        f'      {{\n        key: "scale",\n        value: "{inner.scale}"\n      }}\n    ]\n  }}]'
    )
