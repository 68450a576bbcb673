"""JSON Schemas and SQL types, both ways.

Source: parity/semantics.md, section 9; Confluent's JsonSchemaData, whose marks tell INTEGER from
BIGINT and the times from numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from merganser.engine.formats.schema_format import row_type
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import RegisteredSchema
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
from merganser.errors import InternalError, UserError

_CONNECT = "org.apache.kafka.connect.data."
_PRECISION = "connect.decimal.precision"
_PRECISION_DEFAULT = 64  # Connect's, where a decimal does not say.
_REFERENCES_MAX = 32  # A chain of $ref longer than this is a circle.

_LOGICAL: Mapping[str, SqlType] = {
    _CONNECT + "Date": DATE,
    _CONNECT + "Time": TIME,
    _CONNECT + "Timestamp": TIMESTAMP,
}
_MARKED: Mapping[str, SqlType] = {
    "int8": INTEGER,
    "int16": INTEGER,
    "int32": INTEGER,
    "int64": BIGINT,
    "float32": DOUBLE,
    "float64": DOUBLE,
    "bytes": BYTES,
}
_PLAIN: Mapping[str, SqlType] = {
    "boolean": BOOLEAN,
    "integer": BIGINT,
    "number": DOUBLE,
    "string": STRING,
}


class JsonSchema:
    """A schema and what it refers to.

    Raises:
        UserError: It is no JSON.
    """

    def __init__(self, schema: RegisteredSchema) -> None:
        try:
            self.root: object = json.loads(schema.text)
            self._others = {name: json.loads(text) for name, text in schema.references.items()}
        except ValueError as error:
            raise UserError(f"schema {schema.schema_id} is no JSON schema: {error}") from error

    def type(self) -> SqlType | None:
        """The SQL type of the whole; None if SQL has none."""
        return self._type(self.root, frozenset())

    def _resolve(self, node: object) -> dict[str, object]:
        """The definition behind references and choices between null and one other."""
        for _ in range(_REFERENCES_MAX):
            if not isinstance(node, dict):
                return {}
            choices = node.get("oneOf") or node.get("anyOf")
            if "$ref" in node:
                node = self._target(str(node["$ref"]))
            elif isinstance(choices, list):
                left = [item for item in choices if item != {"type": "null"}]
                if len(left) != 1:
                    return {}
                node = left[0]
            else:
                return node
        return {}

    def _target(self, reference: str) -> object:
        document, _, path = reference.partition("#")
        node: object = self._others.get(document) if document else self.root
        for step in path.split("/")[1:] if path else []:
            node = node.get(step) if isinstance(node, dict) else None
        return node

    def _type(self, node: object, inside: frozenset[str]) -> SqlType | None:
        reference = str(node["$ref"]) if isinstance(node, dict) and "$ref" in node else None
        if reference in inside:
            return None
        inside = inside | {reference} if reference is not None else inside
        found = self._resolve(node)
        name = found.get("type")
        if isinstance(name, list):
            left = [item for item in name if item != "null"]
            name = left[0] if len(left) == 1 else None
        title, mark = str(found.get("title")), str(found.get("connect.type"))
        if title == _CONNECT + "Decimal":
            parameters = cast("dict[str, object]", found.get("connect.parameters") or {})
            precision = int(str(parameters.get(_PRECISION, _PRECISION_DEFAULT)))
            return DecimalType(precision, int(str(parameters.get("scale", 0))))
        if title in _LOGICAL:
            return _LOGICAL[title]
        if "enum" in found and name in (None, "string"):
            return STRING
        if name == "array":
            element = self._type(found.get("items"), inside)
            return ArrayType(element) if element is not None else None
        if name == "object":
            return self._object(found, inside)
        return _MARKED.get(mark) or _PLAIN.get(str(name))

    def _object(self, found: Mapping[str, object], inside: frozenset[str]) -> SqlType | None:
        more = found.get("additionalProperties")
        if isinstance(more, dict) and not found.get("properties"):
            value = self._type(more, inside)
            return MapType(STRING, value) if value is not None else None
        properties = cast("dict[str, dict[str, object]]", found.get("properties") or {})
        order = {name: index for index, name in enumerate(properties)}
        fields = []
        for name in sorted(
            properties, key=lambda n: cast("int", properties[n].get("connect.index", order[n]))
        ):
            item = self._type(properties[name], inside)
            if item is not None:
                fields.append(StructField(name, item))
        return StructType(tuple(fields)) if fields else None


# ------------------------------------------------------------------ SQL types → schema

_WRITTEN: Mapping[Kind, dict[str, object]] = {
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.INTEGER: {"type": "integer", "connect.type": "int32"},
    Kind.BIGINT: {"type": "integer", "connect.type": "int64"},
    Kind.DOUBLE: {"type": "number", "connect.type": "float64"},
    Kind.STRING: {"type": "string"},
    Kind.BYTES: {"type": "string", "connect.type": "bytes"},
    Kind.TIME: {
        "type": "integer",
        "title": _CONNECT + "Time",
        "connect.version": 1,
        "connect.type": "int32",
    },
    Kind.DATE: {
        "type": "integer",
        "title": _CONNECT + "Date",
        "connect.version": 1,
        "connect.type": "int32",
    },
    Kind.TIMESTAMP: {
        "type": "integer",
        "title": _CONNECT + "Timestamp",
        "connect.version": 1,
        "connect.type": "int64",
    },
}


def schema_text(columns: Sequence[Column], *, wrapped: bool) -> str:
    """The schema that columns are written with. Whatever may be NULL is a choice with null."""
    if wrapped:
        return json.dumps(_type(row_type(columns)))
    return json.dumps(_optional(columns[0].type))


def _optional(sql_type: SqlType) -> dict[str, object]:
    return {"oneOf": [{"type": "null"}, _type(sql_type)]}


def _type(sql_type: SqlType) -> dict[str, object]:
    match sql_type:
        case ScalarType(kind):
            return _WRITTEN[kind]
        case DecimalType(precision, scale):
            return {
                "type": "number",
                "title": _CONNECT + "Decimal",
                "connect.version": 1,
                "connect.type": "bytes",
                "connect.parameters": {"scale": str(scale), _PRECISION: str(precision)},
            }
        case ArrayType(element):
            return {"type": "array", "items": _optional(element)}
        case MapType(_, value):
            return {
                "type": "object",
                "connect.type": "map",
                "additionalProperties": _optional(value),
            }
        case StructType(fields):
            properties = {
                item.name: {"connect.index": index, **_optional(item.type)}
                for index, item in enumerate(fields)
            }
            return {"type": "object", "properties": properties}
        case _:
            raise InternalError(f"no JSON schema for {sql_type.sql()}")
