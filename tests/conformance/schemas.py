"""What the schema registry holds before the first statement of a case."""

from __future__ import annotations

from typing import cast

from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaKind, subject_of
from tests.conformance.cases import Case, Json
from tests.conformance.codecs.json_text import json_text

_KINDS = {
    "AVRO": SchemaKind.AVRO,
    "JSON": SchemaKind.JSON,
    "JSON_SR": SchemaKind.JSON,
    "PROTOBUF": SchemaKind.PROTOBUF,
}


def prepare_registry(case: Case, schemas: MemorySchemaRegistry) -> None:
    """Registers the schemas of a case's topics, key before value, references first."""
    for topic in case.topics:
        for part in ("key", "value"):
            schema = topic.entry.get(f"{part}Schema")
            if not schema:
                continue
            references: dict[str, str] = {}
            listed = topic.entry.get(f"{part}SchemaReferences") or []
            for reference in cast("list[dict[str, Json]]", listed):
                name, kind = str(reference["name"]), _kind(reference.get("format"))
                text = _text(reference["schema"], kind)
                schemas.put(name, kind, text, references=references)
                references[name] = text
            kind = _kind(topic.entry.get(f"{part}Format"))
            schema_id = topic.entry.get(f"{part}SchemaId")
            schemas.put(
                subject_of(topic.name, is_key=part == "key"),
                kind,
                _text(schema, kind),
                schema_id=int(str(schema_id)) if schema_id is not None else None,
                references=dict(reversed(references.items())),
            )


def _kind(name: Json) -> SchemaKind:
    return _KINDS[str(name or "AVRO").upper()]


def _text(schema: Json, kind: SchemaKind) -> str:
    return str(schema) if kind is SchemaKind.PROTOBUF else json_text(schema)
