"""Schemas of a source that a statement makes: looked up, or registered.

CREATE registers the schema of its columns only if the subject is new; CREATE … AS always does. A
given schema id is what the sink writes with.
Source: parity/semantics.md, registry inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merganser.engine.catalog import FormatSpec, Source
from merganser.engine.formats.format import FORMATS
from merganser.engine.formats.schema_format import SchemaFormat
from merganser.engine.plan.with_clause import format_options
from merganser.engine.schema import Column
from merganser.engine.schema_registry.protocol import (
    MissingRegistryError,
    RegisteredSchema,
    SchemaBinding,
    SchemaRegistry,
    subject_of,
)
from merganser.engine.statements.handlers import Session
from merganser.errors import UserError

KEY_NAMESPACE = "io.confluent.ksql.avro_schemas"


def bind_source(source: Source, session: Session) -> Source:
    """A source of CREATE STREAM or TABLE, with its schemas.

    Raises:
        MissingRegistryError: Its formats need a registry, and there is none.
    """
    return _bind(source, session, registers=False)


def bind_sink(sink: Source, session: Session) -> Source:
    """A sink of CREATE … AS SELECT, with its schemas registered.

    Raises:
        MissingRegistryError: Its formats need a registry, and there is none.
        UserError: The registry does not take a schema, or the given one does not fit the columns.
    """
    return _bind(sink, session, registers=True)


def _bind(source: Source, session: Session, *, registers: bool) -> Source:
    parts = {}
    for is_key, spec, columns in (
        (True, source.key_format, source.schema.key),
        (False, source.value_format, source.schema.value),
    ):
        format_ = FORMATS[spec.name]
        if not isinstance(format_, SchemaFormat):
            parts[is_key] = spec
            continue
        if session.schemas is None:
            raise MissingRegistryError(
                f"format {spec.name} needs a schema registry, and none is configured",
                hint="Set ksql.schema.registry.url.",
            )
        if is_key:
            spec = _with_key_name(spec, source.name)  # noqa: PLW2901 — the same, completed.
        subject = subject_of(source.topic, is_key=is_key)
        schema = _schema(format_, spec, columns, session.schemas, subject, registers=registers)
        parts[is_key] = replace(spec, binding=SchemaBinding(session.schemas, subject, schema))
    return replace(source, key_format=parts[True], value_format=parts[False])


def _with_key_name(spec: FormatSpec, source_name: str) -> FormatSpec:
    """Avro keys get a record name of their own, so that it is not the value's."""
    given = dict(spec.properties)
    if spec.name != "AVRO" or "SCHEMA_FULL_NAME" in given:
        return spec
    camel = "".join(word.capitalize() for word in source_name.split("_"))
    name = ("SCHEMA_FULL_NAME", f"{KEY_NAMESPACE}.{camel}Key")
    return replace(spec, properties=(*spec.properties, name))


def _schema(
    format_: SchemaFormat,
    spec: FormatSpec,
    columns: Sequence[Column],
    schemas: SchemaRegistry,
    subject: str,
    *,
    registers: bool,
) -> RegisteredSchema | None:
    """What to write with; None: the columns' own, when the first record is written."""
    given = dict(spec.properties).get("SCHEMA_ID")
    if given is not None:
        schema = schemas.by_id(int(given))
        if schema is None:
            raise UserError(f"the schema registry has no schema with id {given}")
        if schema.kind is not format_.schema_kind:
            raise UserError(f"schema {given} is {schema.kind}, the format is {spec.name}")
        if registers:
            format_.check_writer(schema, columns, format_options(spec))
        return schema
    if not columns:
        return None
    is_key = subject.endswith("-key")
    if not registers and schemas.latest(subject) is not None:
        return None
    text = format_.schema_text(columns, format_options(spec), is_key=is_key)
    return schemas.register(subject, format_.schema_kind, text)
