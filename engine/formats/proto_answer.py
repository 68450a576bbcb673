"""Rows of an answer as Protobuf messages, and the text of the schema that tells their fields.

The text is Connect's: maps are repeated entries, and the options of decimals are told without their
import. On the wire an entry is what a `map` has, so rows are written by the usual schema.
Source: recorded answers of a ksqlDB server.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from merganser.engine.formats.batch_encoder import plain_values
from merganser.engine.formats.proto_schema import (
    DECIMAL,
    DEFAULT_NAME,
    PROTO_WORDS,
    ProtoText,
    no_field,
    proto_name,
)
from merganser.engine.formats.protobuf import BareRowWriter
from merganser.engine.formats.schema_format import row_type
from merganser.engine.schema import Column
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructField,
    StructType,
    json_as_text,
)

_IMPORTS = {
    Kind.TIME: "google/type/timeofday.proto",
    Kind.DATE: "google/type/date.proto",
    Kind.TIMESTAMP: "google/protobuf/timestamp.proto",
}
_DECIMAL_IMPORT = "confluent/type/decimal.proto"


class ProtobufRows:
    """Writes the rows of one answer.

    Attributes:
        schema: The text of the schema.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        """Prepares the columns of an answer.

        Raises:
            UserError: Protobuf cannot express one of them.
        """
        columns = [replace(column, type=json_as_text(column.type)) for column in columns]
        struct = row_type(columns)
        self.schema = _AnswerText().of(struct)
        self._writer = BareRowWriter(columns, ProtoText(None, None).of(struct), wrapped=True)

    def base64(self, rows: pa.Table) -> list[str]:
        """The message of each row, in base64. NULL is what a field has by default.

        Raises:
            EncodeError: A value does not fit.
        """
        columns = [plain_values(column) for column in rows.columns]
        return [
            base64.b64encode(self._writer.write(row)).decode() for row in zip(*columns, strict=True)
        ]


class _AnswerText:
    """Writes Connect's text of a struct."""

    def __init__(self) -> None:
        self._count = 1
        self._imports: dict[str, None] = {}

    def of(self, struct: StructType) -> str:
        body = "\n".join(self._message(DEFAULT_NAME, struct, ""))
        imports = "".join(f'import "{file}";\n' for file in self._imports)
        return "\n".join(['syntax = "proto3";\n', *([imports] if imports else []), body + "\n"])

    def _message(self, name: str, struct: StructType, indent: str) -> Iterator[str]:
        inner: list[str] = []
        yield f"{indent}message {name} {{"
        for number, item in enumerate(struct.fields, start=1):
            label = "repeated " if isinstance(item.type, ArrayType | MapType) else ""
            element = item.type.element if isinstance(item.type, ArrayType) else item.type
            word = self._word(element, inner, indent + "  ")
            yield f"{indent}  {label}{word} {proto_name(item.name)} = {number}{_meta(element)};"
        if inner:
            yield indent
        yield from inner
        yield f"{indent}}}"

    def _word(self, sql_type: SqlType, inner: list[str], indent: str) -> str:
        match sql_type:
            case MapType(key, value):
                entry = StructType((StructField("key", key), StructField("value", value)))
                return self._named("Entry", entry, inner, indent)
            case StructType():
                return self._named("", sql_type, inner, indent)
            case DecimalType():
                self._imports[_DECIMAL_IMPORT] = None
                return DECIMAL
            case ScalarType(kind):
                if kind in _IMPORTS:
                    self._imports[_IMPORTS[kind]] = None
                return PROTO_WORDS[kind]
            case _:
                raise no_field(sql_type)

    def _named(self, suffix: str, struct: StructType, inner: list[str], indent: str) -> str:
        self._count += 1
        name = f"ConnectDefault{self._count}{suffix}"
        inner += list(self._message(name, struct, indent))
        return name


def _meta(sql_type: SqlType) -> str:
    if not isinstance(sql_type, DecimalType):
        return ""
    params = (("precision", sql_type.precision), ("scale", sql_type.scale))
    told = ",\n".join(
        f'      {{\n        value: "{value}",\n        key: "{key}"\n      }}'
        for key, value in params
    )
    return f" [(confluent.field_meta) = {{\n    params: [\n{told}\n    ]\n  }}]"
