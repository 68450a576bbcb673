"""AVRO, by the subject's latest schema going in and by the payload's schema coming out."""

from __future__ import annotations

import base64
import io
import json
from decimal import Context, Decimal, InvalidOperation
from typing import Any, cast

import fastavro

from merganser.engine.schema_registry.protocol import RegisteredSchema
from tests.conformance.cases import Json
from tests.conformance.codecs.codec import CodecError, Side
from tests.conformance.codecs.framing import frame, latest_schema, unframe
from tests.conformance.codecs.plain import text_of
from tests.conformance.compare import Comparable

Node = object
"""A part of a parsed schema."""


class _Schema:
    """A schema without logical types, DECIMAL excepted."""

    def __init__(self, registered: RegisteredSchema) -> None:
        self.names: dict[str, dict[str, Any]] = {}
        for text in reversed(list(registered.references.values())):
            fastavro.parse_schema(_lean(json.loads(text)), self.names)
        self.root = fastavro.parse_schema(_lean(json.loads(registered.text)), self.names)

    def resolve(self, node: Node) -> Node:
        """What stands behind a name."""
        if isinstance(node, str):
            return self.names.get(node, node)
        if isinstance(node, dict) and not isinstance(node["type"], str):
            return self.resolve(node["type"])
        return node


def _lean(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: _lean(item)
            for name, item in node.items()
            if name != "logicalType" or item == "decimal"
        }
    return [_lean(item) for item in node] if isinstance(node, list) else node


class AvroCodec:
    """Confluent's wire format."""

    def encode(self, value: Json, side: Side) -> bytes | None:
        if value is None:
            return None
        registered = latest_schema(side)
        schema = _Schema(registered)
        stream = io.BytesIO()
        datum = _datum(schema, schema.root, value)
        try:
            fastavro.schemaless_writer(stream, cast("dict[str, object]", schema.root), datum)
        except (ValueError, TypeError, OverflowError, KeyError) as error:
            raise CodecError(f"Avro does not take it: {error}") from error
        return frame(registered, stream.getvalue())

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        if payload is None:
            return None
        registered, rest = unframe(payload, side)
        schema = _Schema(registered)
        try:
            raw = fastavro.schemaless_reader(
                io.BytesIO(rest), cast("dict[str, object]", schema.root), None
            )
        except (ValueError, EOFError, IndexError) as error:
            raise CodecError(f"no Avro: {error}") from error
        return _comparable(schema, schema.root, raw)


def _branches(union: list[Node]) -> list[Node]:
    return [branch for branch in union if branch != "null"]


def _datum(  # noqa: PLR0912 — one case a kind.
    schema: _Schema, node: Node, value: Json
) -> object:
    """The JSON as fastavro takes it: fields by case-insensitive name, scalars by their text."""
    found = schema.resolve(node)
    if value is None:
        return None
    if isinstance(found, list):
        return _union_datum(schema, _branches(found), value)
    if isinstance(found, str):
        return _scalar(found, value)
    assert isinstance(found, dict)
    match found["type"], value:
        case "record", dict():
            upper = {name.upper(): item for name, item in value.items()}
            datum = {}
            for field in found["fields"]:
                item = value.get(field["name"], upper.get(field["name"].upper()))
                if item is not None or "default" not in field:
                    datum[field["name"]] = _datum(schema, field["type"], item)
            return datum
        case "array", list():
            return [_datum(schema, found["items"], item) for item in value]
        case "array", dict():
            entry = schema.resolve(found["items"])
            assert isinstance(entry, dict)
            types = {field["name"]: field["type"] for field in entry["fields"]}
            return [
                {
                    "key": _datum(schema, types["key"], name),
                    "value": _datum(schema, types["value"], item),
                }
                for name, item in value.items()
            ]
        case "map", dict():
            return {name: _datum(schema, found["values"], item) for name, item in value.items()}
        case "enum", str():
            return value
        case (("bytes" | "fixed"), _) if found.get("logicalType") == "decimal":
            return _decimal(value, int(found.get("scale", 0)))
        case str() as kind, _ if kind not in ("record", "array", "map", "enum"):
            return _scalar(kind, value)
        case kind, _:
            raise CodecError(f"{value!r} is no Avro {kind}")


def _union_datum(schema: _Schema, branches: list[Node], value: Json) -> object:
    if len(branches) == 1:
        return _datum(schema, branches[0], value)
    if isinstance(value, dict):
        for branch in branches:
            found = schema.resolve(branch)
            name = (
                found if isinstance(found, str) else str(cast("dict[str, object]", found)["name"])
            )
            item = next((v for k, v in value.items() if k.upper() == name.upper()), None)
            if item is not None:
                return _datum(schema, branch, item)
    return value


def _scalar(kind: str, value: Json) -> object:
    text = text_of(value)
    try:
        match kind:
            case "boolean":
                return text.lower() == "true"
            case "int" | "long":
                return int(Decimal(text))
            case "float" | "double":
                return float(text)
            case "string":
                return text
            case _:
                return base64.b64decode(text)
    except (ValueError, InvalidOperation) as error:
        raise CodecError(f"{text} is no Avro {kind}") from error


def _decimal(value: Json, scale: int) -> Decimal:
    try:
        number = Decimal(text_of(value))
        return number.quantize(Decimal(1).scaleb(-scale), context=Context(prec=200))
    except InvalidOperation as error:
        raise CodecError(f"{value!r} is no DECIMAL of scale {scale}") from error


def _comparable(schema: _Schema, node: Node, raw: object) -> Comparable:
    found = schema.resolve(node)
    if raw is None or isinstance(raw, bool | str | int | float | Decimal | bytes):
        return raw
    if isinstance(found, list):
        branches = _branches(found)
        wanted = "map" if isinstance(raw, dict) else "array"
        for branch in branches:
            inner = schema.resolve(branch)
            kind = inner["type"] if isinstance(inner, dict) else inner
            if kind == wanted or (kind == "record" and isinstance(raw, dict)):
                return _comparable(schema, inner, raw)
    assert isinstance(found, dict)
    if isinstance(raw, list):
        entry = schema.resolve(found["items"])
        if isinstance(entry, dict) and entry.get("connect.internal.type") == "MapEntry":
            types = {field["name"]: field["type"] for field in entry["fields"]}
            return {
                str(item["key"]): _comparable(schema, types["value"], item["value"]) for item in raw
            }
        return [_comparable(schema, found["items"], item) for item in raw]
    assert isinstance(raw, dict)
    if found["type"] == "map":
        return {name: _comparable(schema, found["values"], item) for name, item in raw.items()}
    return {
        field["name"]: _comparable(schema, field["type"], raw[field["name"]])
        for field in found["fields"]
    }
