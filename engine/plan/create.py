"""CREATE STREAM and CREATE TABLE: from the statement to a catalog entry.

Source: parity/statements.md, DDL and column rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merganser.engine.catalog import Catalog, Source, TimestampColumn
from merganser.engine.functions.java_time.pattern import parse_pattern
from merganser.engine.functions.python_function import CallFailedError
from merganser.engine.plan.infer import infer_columns
from merganser.engine.plan.resolve_type import resolve_type
from merganser.engine.plan.with_clause import WithClause, check_keyless, resolve_format
from merganser.engine.schema import PSEUDO_COLUMNS, Column, Role, Schema
from merganser.engine.schema_registry.protocol import SchemaRegistry
from merganser.engine.types import (
    BIGINT,
    BYTES,
    STRING,
    TIMESTAMP,
    ArrayType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import (
    KeyRuleError,
    NameTakenError,
    PropertyError,
    UserError,
)
from merganser.parser import ast

HEADERS_TYPE = ArrayType(StructType((StructField("KEY", STRING), StructField("VALUE", BYTES))))


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """A source to be created and what its topic must be like.

    Attributes:
        partition_count, replica_count: As given; None: the topic has to exist.
        retention_ms: For a topic that is created.
    """

    source: Source
    partition_count: int | None
    replica_count: int | None
    retention_ms: int | None


def plan_create(
    statement: ast.CreateSource,
    catalog: Catalog,
    properties: Mapping[str, object],
    known_partitions: int | None,
    schemas: SchemaRegistry | None = None,
) -> PlannedSource:
    """Plans CREATE STREAM and CREATE TABLE.

    `known_partitions` is the topic's partition count, None if it does not exist; `schemas` gives
    the columns that the statement leaves out.

    Raises:
        UserError: A column, key or WITH rule is broken.
    """
    clause = WithClause.of(statement.properties, create_as=False)
    topic = clause.topic()
    if topic is None:
        raise PropertyError(
            "KAFKA_TOPIC is missing", hint="Name the topic: WITH (KAFKA_TOPIC='…', …)."
        )
    inferred = infer_columns(statement, clause, properties, schemas)
    schema = build_schema(statement.columns or (), statement.is_table, catalog, inferred)
    window = clause.key_window()
    if window is not None and not schema.key:
        raise KeyRuleError("windowed sources need a key column")
    key_format = resolve_format(clause, "key", schema.key, properties)
    check_keyless(schema, key_format)
    value_format = resolve_format(clause, "value", schema.value, properties)
    given = clause.integer("PARTITIONS")
    if known_partitions is not None and given is not None and given != known_partitions:
        raise UserError(
            f"topic {topic} has {known_partitions} partitions, the statement says {given}"
        )
    if clause.integer("RETENTION_MS") is not None and statement.is_table:
        raise PropertyError("RETENTION_MS cannot be set for a table")
    source = Source(
        statement.name,
        statement.is_table,
        schema,
        topic,
        key_format,
        value_format,
        known_partitions or given or 1,
        window,
        timestamp_column(clause, schema),
        read_only=statement.read_only,
        statement=statement.text,
    )
    return PlannedSource(source, given, clause.integer("REPLICAS"), clause.integer("RETENTION_MS"))


def build_schema(
    columns: Sequence[ast.ColumnDefinition],
    is_table: bool,
    catalog: Catalog,
    inferred: Sequence[Column] = (),
) -> Schema:
    """The schema of a column list and of inferred columns: keys first.

    Raises:
        KeyRuleError: KEY and PRIMARY KEY mixed up, no primary key, a MAP in the key.
        NameTakenError: A name stands twice or is reserved.
    """
    built: list[Column] = []
    names: set[str] = set()
    for definition in columns:
        if definition.name in PSEUDO_COLUMNS:
            raise NameTakenError(
                f"'{definition.name}' is a reserved column name", span=definition.span
            )
        if definition.name in names:
            raise NameTakenError(f"duplicate column name: {definition.name}", span=definition.span)
        names.add(definition.name)
        built.append(_column(definition, is_table, catalog))
    for column in inferred:
        if column.name in names or column.name in PSEUDO_COLUMNS:
            raise NameTakenError(f"duplicate or reserved column name: {column.name}")
        names.add(column.name)
        built.append(column)
    schema = Schema(tuple(sorted(built, key=lambda column: column.role is not Role.KEY)))
    if is_table and not schema.key:
        raise KeyRuleError(
            "tables require a PRIMARY KEY", hint="Mark the key column with PRIMARY KEY."
        )
    _check_headers(schema)
    return schema


def _column(definition: ast.ColumnDefinition, is_table: bool, catalog: Catalog) -> Column:
    sql_type = resolve_type(definition.type, catalog.types)
    match definition.constraint:
        case ast.ColumnConstraint.NONE:
            return Column(definition.name, sql_type)
        case ast.ColumnConstraint.KEY | ast.ColumnConstraint.PRIMARY_KEY as constraint:
            wanted = "PRIMARY KEY" if is_table else "KEY"
            if constraint.value != wanted:
                kind = "tables use PRIMARY KEY" if is_table else "streams use KEY"
                raise KeyRuleError(
                    f"column {definition.name} is marked {constraint.value}, but {kind}",
                    hint=f"Use {wanted} for this column.",
                    span=definition.span,
                )
            if _holds_map(sql_type):
                raise KeyRuleError(
                    f"key column {definition.name} holds a MAP, which keys do not support",
                    span=definition.span,
                )
            return Column(definition.name, sql_type, Role.KEY)
        case ast.ColumnConstraint.HEADERS:
            if sql_type != HEADERS_TYPE:
                raise UserError(
                    f"a HEADERS column must be {HEADERS_TYPE}, not {sql_type}",
                    span=definition.span,
                )
            return Column(definition.name, sql_type, Role.HEADERS)
        case ast.ColumnConstraint.HEADER:
            if sql_type != BYTES:
                raise UserError(
                    f"a HEADER('…') column must be BYTES, not {sql_type}", span=definition.span
                )
            return Column(definition.name, sql_type, Role.HEADERS, definition.header)


def _check_headers(schema: Schema) -> None:
    whole = [column for column in schema.headers if column.header is None]
    single = [column.header for column in schema.headers if column.header is not None]
    if len(whole) > 1:
        raise UserError("there can be only one HEADERS column")
    # The other way round ksqlDB takes both.
    if whole and schema.headers[-1].header is not None:
        raise UserError("a HEADER('…') column cannot stand behind a HEADERS column")
    if len(single) != len(set(single)):
        raise UserError("two HEADER('…') columns read the same header")


def _holds_map(sql_type: SqlType) -> bool:
    match sql_type:
        case MapType():
            return True
        case ArrayType(element):
            return _holds_map(element)
        case StructType(fields):
            return any(_holds_map(field.type) for field in fields)
        case _:
            return False


def timestamp_column(clause: WithClause, schema: Schema) -> TimestampColumn | None:
    """TIMESTAMP and TIMESTAMP_FORMAT.

    Raises:
        PropertyError: No such column, a type that gives no time, a format where none belongs or
            that is none.
    """
    name, pattern = clause.text("TIMESTAMP"), clause.text("TIMESTAMP_FORMAT")
    if name is None:
        if pattern is not None:
            raise PropertyError("TIMESTAMP_FORMAT needs TIMESTAMP")
        return None
    exact = name[1:-1] if name[:1] in '`"' and len(name) > 1 else name.upper()
    column = schema.find(exact)
    if column is None:
        raise PropertyError(
            f"the TIMESTAMP column '{exact}' does not exist",
            hint=f"Columns are {', '.join(c.name for c in schema)}.",
        )
    if column.type == STRING:
        if pattern is None:
            raise PropertyError("a STRING timestamp column needs TIMESTAMP_FORMAT")
        try:
            parse_pattern(pattern)
        except CallFailedError as error:
            raise PropertyError(
                f"TIMESTAMP_FORMAT '{pattern}' is not a time pattern",
                hint="For example 'yyyy-MM-dd HH:mm:ss'.",
            ) from error
    elif column.type not in (BIGINT, TIMESTAMP):
        raise PropertyError(
            f"timestamp column {exact} must be BIGINT, TIMESTAMP or STRING, not {column.type}"
        )
    elif pattern is not None:
        raise PropertyError("TIMESTAMP_FORMAT is only for STRING timestamp columns")
    return TimestampColumn(exact, pattern)
