"""What the schema registry holds before the first statement of a case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import cast

from merganser.engine.catalog import Catalog, Source
from merganser.engine.plan.create import plan_create
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaKind, subject_of
from merganser.engine.statements.bind_schemas import bind_source
from merganser.engine.statements.handlers import Session
from merganser.errors import MerganserError, UserError
from merganser.parser import ast
from merganser.parser.build import parse_statement
from tests.conformance.cases import Case, CaseTopic, Json
from tests.conformance.codecs.json_text import json_text

_KINDS = {
    "AVRO": SchemaKind.AVRO,
    "JSON": SchemaKind.JSON,
    "JSON_SR": SchemaKind.JSON,
    "PROTOBUF": SchemaKind.PROTOBUF,
}


def prepare_registry(case: Case, schemas: MemorySchemaRegistry) -> None:
    """Registers what CREATE statements read, then what other topics have, key before value.

    Ids count in this order, and cases rely on them. A schema that the case gives for a topic wins
    over the one of the statement's columns.
    """
    given = {topic.name: topic for topic in case.topics}
    for source in _created(case):
        if source.topic in given:
            _register(given.pop(source.topic), schemas)
        session = SimpleNamespace(schemas=schemas)
        with suppress(UserError):  # What is wrong with it shows when it is executed.
            bind_source(source, cast("Session", session))
    for topic in given.values():
        _register(topic, schemas)


def _created(case: Case) -> Iterator[Source]:
    """The sources of CREATE statements with columns."""
    for text in case.statements:
        try:
            statement = parse_statement(text)
            if isinstance(statement, ast.CreateSource):
                yield plan_create(statement, Catalog(), case.properties, None).source
        except MerganserError:
            continue


def _register(topic: CaseTopic, schemas: MemorySchemaRegistry) -> None:
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
