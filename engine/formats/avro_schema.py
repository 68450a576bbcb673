"""Avro schemas and SQL types, both ways.

Source: parity/semantics.md, section 9; Confluent's AvroData, whose names other programs know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

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

Node = str | dict[str, "Node | object"] | list["Node"]
"""A part of an Avro schema: a primitive or a full name, a definition, a union."""

NAMESPACE = "io.confluent.ksql.avro_schemas"
DEFAULT_NAME = f"{NAMESPACE}.KsqlDataSourceSchema"
MAP_ENTRY = "MapEntry"  # Marks the array of entries that a map is written as.
_DECIMAL_PRECISION = 64  # Connect's, where a decimal does not say.
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_PRIMITIVES: Mapping[str, SqlType] = {
    "boolean": BOOLEAN,
    "int": INTEGER,
    "long": BIGINT,
    "float": DOUBLE,
    "double": DOUBLE,
    "string": STRING,
    "bytes": BYTES,
    "enum": STRING,
    "fixed": BYTES,
}
_LOGICAL: Mapping[tuple[str, str], SqlType] = {
    ("int", "date"): DATE,
    ("int", "time-millis"): TIME,
    ("long", "timestamp-millis"): TIMESTAMP,
}
_WRITTEN: Mapping[Kind, object] = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "int",
    Kind.BIGINT: "long",
    Kind.DOUBLE: "double",
    Kind.STRING: "string",
    Kind.BYTES: "bytes",
    Kind.TIME: {
        "type": "int",
        "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Time",
        "logicalType": "time-millis",
    },
    Kind.DATE: {
        "type": "int",
        "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Date",
        "logicalType": "date",
    },
    Kind.TIMESTAMP: {
        "type": "long",
        "connect.version": 1,
        "connect.name": "org.apache.kafka.connect.data.Timestamp",
        "logicalType": "timestamp-millis",
    },
}


@dataclass(frozen=True, slots=True)
class AvroSchema:
    """A parsed schema.

    Attributes:
        root: With its logical types.
        names: The definitions of named types, by full name.
        bare: For fastavro: without logical types, so that it gives plain numbers and bytes.
    """

    root: Node
    names: Mapping[str, Node]
    bare: Node

    @classmethod
    def of(cls, schema: RegisteredSchema) -> AvroSchema:
        """Parses a schema and what it refers to.

        Raises:
            UserError: It is no Avro schema.
        """
        names: dict[str, dict[str, Any]] = {}
        bare_names: dict[str, dict[str, Any]] = {}
        try:
            # Inner references come last from the registry, and are needed first.
            for text in reversed(list(schema.references.values())):
                fastavro.parse_schema(json.loads(text), names)
                fastavro.parse_schema(_without_logical(json.loads(text)), bare_names)
            raw = json.loads(schema.text)
            root = fastavro.parse_schema(raw, names)
            bare = fastavro.parse_schema(_without_logical(raw), bare_names)
        except (ValueError, KeyError, SchemaParseException, UnknownType) as error:
            raise UserError(f"schema {schema.schema_id} is no Avro schema: {error}") from error
        return cls(root, cast("dict[str, Node]", names), bare)

    def resolve(self, node: Node) -> Node:
        """The definition behind a name; a primitive as its name."""
        if isinstance(node, str):
            return self.names.get(node, node)
        if isinstance(node, dict) and isinstance(node.get("type"), list | dict):
            return self.resolve(node["type"])  # type: ignore[arg-type]  # just looked at
        return node


def _without_logical(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_logical(v) for k, v in node.items() if k != "logicalType"}
    if isinstance(node, list):
        return [_without_logical(item) for item in node]
    return node


def kind_of(node: Node) -> str:
    """What a resolved node is: a primitive's name, `record`, `array`, `map`, `enum`, `union`."""
    if isinstance(node, list):
        return "union"
    return node if isinstance(node, str) else str(node["type"])


def logical_of(node: Node) -> str | None:
    """The logical type of a resolved node."""
    if not isinstance(node, dict):
        return None
    found = node.get("logicalType")
    return str(found) if found is not None else None


def branches(union: Sequence[Node]) -> list[Node]:
    """A union's branches without null."""
    return [branch for branch in union if branch != "null"]


def branch_name(node: Node) -> str:
    """The field that stands for a branch of a wider union."""
    if isinstance(node, dict) and "name" in node:
        return str(node["name"]).rpartition(".")[2]
    return kind_of(node)


def fields_of(record: Node) -> Iterator[tuple[str, Node, bool]]:
    """Name, type and whether there is a default, of a record's fields."""
    assert isinstance(record, dict)
    fields = record["fields"]
    assert isinstance(fields, list)
    for item in fields:
        assert isinstance(item, dict)
        yield str(item["name"]), item["type"], "default" in item  # type: ignore[misc]


def part_of(node: Node, name: str) -> Node:
    """An attribute of a definition, which has it."""
    assert isinstance(node, dict)
    return cast("Node", node[name])


def takes_bytes(schema: AvroSchema, node: Node, inside: frozenset[str] = frozenset()) -> bool:
    """Whether every value of a node takes at least one byte."""
    found = schema.resolve(node)
    match kind_of(found):
        case "null":
            return False
        case "fixed":
            return int(str(part_of(found, "size"))) > 0
        case "record":
            name = str(part_of(found, "name"))
            within = inside | {name}
            return name not in inside and any(
                takes_bytes(schema, inner, within) for _, inner, _ in fields_of(found)
            )
        case _:
            return True


def entry_of(schema: AvroSchema, array: Node) -> tuple[Node, Node] | None:
    """Key and value types, if an array stands for a map."""
    assert isinstance(array, dict)
    items = schema.resolve(array["items"])  # type: ignore[arg-type]  # an array has items
    if not isinstance(items, dict) or kind_of(items) != "record":
        return None
    marks = (array.get("connect.internal.type"), items.get("connect.internal.type"))
    if MAP_ENTRY not in marks and not str(items.get("name", "")).endswith(f".{MAP_ENTRY}"):
        return None
    types = {name: node for name, node, _ in fields_of(items)}
    return (types["key"], types["value"]) if {"key", "value"} <= types.keys() else None


def decimal_of(node: Node) -> DecimalType:
    """The DECIMAL of a node with that logical type."""
    assert isinstance(node, dict)
    precision = node.get("precision", _DECIMAL_PRECISION)
    return DecimalType(int(str(precision)), int(str(node.get("scale", 0))))


def type_of(schema: AvroSchema, node: Node, inside: frozenset[str] = frozenset()) -> SqlType | None:
    """The SQL type of a node; None where SQL has none (recursion, null alone)."""
    found = schema.resolve(node)
    kind = kind_of(found)
    if isinstance(found, list):
        left = branches(found)
        if len(left) == 1:
            return type_of(schema, left[0], inside)
        named = [(branch_name(schema.resolve(item)), item) for item in left]
        return _struct(schema, named, inside)
    if kind in ("bytes", "fixed") and logical_of(found) == "decimal":
        return decimal_of(found)
    if kind in _PRIMITIVES:
        return _LOGICAL.get((kind, logical_of(found) or ""), _PRIMITIVES[kind])
    if not isinstance(found, dict):
        return None
    if kind == "array":
        entry = entry_of(schema, found)
        if entry is not None:
            return _map(type_of(schema, entry[0], inside), type_of(schema, entry[1], inside))
        element = type_of(schema, found["items"], inside)  # type: ignore[arg-type]
        return ArrayType(element) if element is not None else None
    if kind == "map":
        return _map(STRING, type_of(schema, found["values"], inside))  # type: ignore[arg-type]
    name = str(found["name"])
    if name in inside:
        return None
    return _struct(schema, [(n, t) for n, t, _ in fields_of(found)], inside | {name})


def _map(key: SqlType | None, value: SqlType | None) -> SqlType | None:
    return MapType(key, value) if key is not None and value is not None else None


def _struct(
    schema: AvroSchema, named: Sequence[tuple[str, Node]], inside: frozenset[str]
) -> SqlType | None:
    typed = [(name, type_of(schema, node, inside)) for name, node in named]
    fields = tuple(StructField(name, found) for name, found in typed if found is not None)
    return StructType(fields) if fields else None


# ------------------------------------------------------------------ SQL types → schema


def schema_text(columns: Sequence[Column], *, wrapped: bool, full_name: str) -> str:
    """The schema that columns are written with.

    Raises:
        UserError: A column or field name is none in Avro.
    """
    if wrapped:
        return json.dumps(_record(row_type(columns), full_name, outermost=True))
    only = columns[0].type
    if isinstance(only, StructType):
        return json.dumps(_record(only, full_name, outermost=True))
    return json.dumps(_type(only, full_name))


def _record(struct: StructType, name: str, *, outermost: bool = False) -> dict[str, object]:
    """A record. The namespace stands at the outermost one and holds for those inside."""
    fields = []
    for item in struct.fields:
        if _FIELD_NAME.fullmatch(item.name) is None:
            raise UserError(
                f"`{item.name}` is no name in Avro",
                hint="Avro names have letters, digits and underscores, and begin with no digit.",
            )
        inner = _optional(item.type, f"{name}_{item.name}")
        fields.append({"name": item.name, "type": inner, "default": None})
    record: dict[str, object] = _named(name)
    namespace = name.rpartition(".")[0]
    if outermost and namespace:
        record["namespace"] = namespace
    return {**record, "fields": fields, "connect.name": name}


def _named(name: str) -> dict[str, object]:
    return {"type": "record", "name": name.rpartition(".")[2]}


def _optional(sql_type: SqlType, name: str) -> list[object]:
    return ["null", _type(sql_type, name)]


def _type(sql_type: SqlType, name: str) -> object:
    match sql_type:
        case ScalarType(kind):
            return _WRITTEN[kind]
        case DecimalType(precision, scale):
            return {
                "type": "bytes",
                "scale": scale,
                "precision": precision,
                "connect.version": 1,
                "connect.parameters": {
                    "scale": str(scale),
                    "connect.decimal.precision": str(precision),
                },
                "connect.name": "org.apache.kafka.connect.data.Decimal",
                "logicalType": "decimal",
            }
        case ArrayType(element):
            return {"type": "array", "items": _optional(element, name)}
        case MapType(key, value):
            entry = {
                **_named(name),
                "fields": [
                    {"name": "key", "type": _optional(key, f"{name}_MapKey"), "default": None},
                    {
                        "name": "value",
                        "type": _optional(value, f"{name}_MapValue"),
                        "default": None,
                    },
                ],
                "connect.internal.type": MAP_ENTRY,
            }
            return {"type": "array", "items": entry, "connect.internal.type": MAP_ENTRY}
        case StructType():
            return _record(sql_type, name)
        case _:
            raise InternalError(f"no Avro type for {sql_type.sql()}")
