"""Columns that CREATE leaves out, from the schemas in a registry.

Source: parity/semantics.md, registry inference.
"""

from __future__ import annotations

from collections.abc import Mapping

from merganser.engine.formats.format import FORMATS, FormatOptions
from merganser.engine.formats.schema_format import SchemaFormat
from merganser.engine.plan.with_clause import WithClause, default_format, format_properties
from merganser.engine.schema import Column, Role
from merganser.engine.schema_registry.protocol import (
    MissingRegistryError,
    RegisteredSchema,
    SchemaRegistry,
    subject_of,
)
from merganser.engine.types import (
    ArrayType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import PropertyError, UserError
from merganser.parser import ast

_KEY = (ast.ColumnConstraint.KEY, ast.ColumnConstraint.PRIMARY_KEY)
_BARE_NAMES = {"key": "ROWKEY", "value": "ROWVAL"}


class NoColumnsError(UserError):
    """A statement lists no columns, and nothing else says which there are."""


def infer_columns(
    statement: ast.CreateSource,
    clause: WithClause,
    properties: Mapping[str, object],
    schemas: SchemaRegistry | None,
) -> list[Column]:
    """The key columns, if none are listed and the format has schemas; likewise the value columns.

    Raises:
        UserError: There is no schema, or columns stand beside a schema id.
    """
    listed = {
        "key": [c for c in statement.columns or () if c.constraint in _KEY],
        "value": [c for c in statement.columns or () if c.constraint is ast.ColumnConstraint.NONE],
    }
    found: list[Column] = []
    for part, columns in listed.items():
        name = clause.format_name(part) or default_format(part, properties)
        wanted = clause.integer(f"{part.upper()}_SCHEMA_ID")
        if wanted is not None and columns:
            raise PropertyError(
                f"{part.upper()}_SCHEMA_ID cannot be given with {part} columns",
                hint="Leave out either of them.",
            )
        format_ = FORMATS.get(name)
        if not columns and isinstance(format_, SchemaFormat):
            found += _part(part, format_, clause, properties, schemas)
    if statement.columns is None and not any(column.role is Role.VALUE for column in found):
        raise NoColumnsError(
            "the statement does not define any columns, and the value format has no schemas",
            hint="List the columns, or use AVRO, JSON_SR or PROTOBUF.",
            span=statement.span,
        )
    return found


def _part(
    part: str,
    format_: SchemaFormat,
    clause: WithClause,
    properties: Mapping[str, object],
    schemas: SchemaRegistry | None,
) -> list[Column]:
    schema, exact = _schema(part, format_, clause, schemas)
    wrapped = _is_wrapped(part, format_, clause, properties)
    options = FormatOptions(wrapped, ",", dict(format_properties(clause, part, format_.name)))
    sql_type = format_.type_of(schema, options)
    if not exact:
        sql_type = upper_case(sql_type)
    role = Role.KEY if part == "key" else Role.VALUE
    if not wrapped:
        return [Column(_BARE_NAMES[part], sql_type, role)]
    if not isinstance(sql_type, StructType):
        raise UserError(
            f"the {part} schema is {sql_type.sql()}, not a record of columns",
            hint="WRAP_SINGLE_VALUE = false reads it as the single column ROWVAL."
            if part == "value"
            else None,
        )
    return [Column(item.name, item.type, role) for item in sql_type.fields]


def _schema(
    part: str, format_: SchemaFormat, clause: WithClause, schemas: SchemaRegistry | None
) -> tuple[RegisteredSchema, bool]:
    """The schema to read columns from, and whether names keep their case."""
    if schemas is None:
        raise MissingRegistryError(
            f"format {format_.name} needs a schema registry, and none is configured",
            hint="Set ksql.schema.registry.url.",
        )
    wanted = clause.integer(f"{part.upper()}_SCHEMA_ID")
    subject = subject_of(clause.topic() or "", is_key=part == "key")
    schema = schemas.by_id(wanted) if wanted is not None else schemas.latest(subject)
    if schema is None:
        place = f"with id {wanted}" if wanted is not None else f"for subject {subject}"
        raise UserError(
            f"the schema registry has no {part} schema {place}",
            hint=f"List the {part} columns, or register the schema first.",
        )
    if schema.kind is not format_.schema_kind:
        raise UserError(
            f"the {part} schema is {schema.kind}, but the {part} format is {format_.name}"
        )
    return schema, wanted is not None


def _is_wrapped(
    part: str, format_: SchemaFormat, clause: WithClause, properties: Mapping[str, object]
) -> bool:
    if not format_.unwraps:
        return True
    if part == "key":
        return False
    given = clause.boolean("WRAP_SINGLE_VALUE")
    return True if given is None else given


def upper_case(sql_type: SqlType) -> SqlType:
    """The type with all field names in upper case."""
    match sql_type:
        case StructType(fields):
            return StructType(
                tuple(StructField(item.name.upper(), upper_case(item.type)) for item in fields)
            )
        case ArrayType(element):
            return ArrayType(upper_case(element))
        case MapType(key, value):
            return MapType(upper_case(key), upper_case(value))
        case _:
            return sql_type
