"""CREATE … AS SELECT and INSERT INTO … SELECT: the sink of a planned query.

Source: parity/statements.md, WITH properties; semantics.md, sink topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from merganser.engine.catalog import Catalog, FormatSpec, Source
from merganser.engine.expression import Expression, Literal
from merganser.engine.plan.build import PlannedQuery, plan_query
from merganser.engine.plan.coercion import convert
from merganser.engine.plan.create import timestamp_column
from merganser.engine.plan.nodes import AggregateNode, ProjectNode, SinkNode
from merganser.engine.plan.with_clause import WithClause, resolve_format
from merganser.engine.schema import Schema
from merganser.engine.types import DecimalType, SqlType
from merganser.errors import KeyRuleError, PropertyError, TypeMismatchError, UserError
from merganser.parser import ast


@dataclass(frozen=True, slots=True)
class PlannedSink:
    """A persistent query, planned.

    Attributes:
        plan: Ends in a sink node.
        partition_count, replica_count, retention_ms: For a topic that has to be made; None:
            as the leftmost source's.
        window_retention_ms: How long the sink's windows must be kept.
        partitions_given: The statement says PARTITIONS.
    """

    plan: SinkNode
    sources: tuple[Source, ...]
    partition_count: int
    replica_count: int | None
    retention_ms: int | None
    window_retention_ms: int | None
    partitions_given: bool = False


def plan_create_as(
    statement: ast.CreateAsSelect,
    catalog: Catalog,
    properties: Mapping[str, object],
    query_id: str,
) -> PlannedSink:
    """Plans CREATE STREAM/TABLE … AS SELECT.

    Raises:
        UserError: A rule is broken, or the SELECT gives the other kind.
    """
    query = _persistent(statement.query)
    planned = plan_query(query, catalog, persistent=True, properties=properties)
    if planned.root.is_table != statement.is_table:
        wanted, given = ("STREAM", "TABLE") if statement.is_table else ("TABLE", "STREAM")
        raise UserError(
            f"invalid result type: the SELECT gives a {wanted}, not a {given}",
            hint=f"Use CREATE {wanted} {statement.name} AS SELECT instead.",
            span=statement.span,
        )
    clause = WithClause.of(statement.properties, create_as=True)
    schema = planned.root.schema
    left = planned.sources[0]
    key_format = _key_format(clause, query, schema, left, properties)
    value_format = _value_format(clause, schema, left, properties)
    prefix = str(properties.get("ksql.output.topic.name.prefix", ""))
    window = planned.root.window
    if clause.integer("RETENTION_MS") is not None and statement.is_table and window is None:
        raise PropertyError("RETENTION_MS can only be set for streams and windowed tables")
    sink = Source(
        statement.name,
        statement.is_table,
        schema,
        clause.topic() or prefix + statement.name,
        key_format,
        value_format,
        clause.integer("PARTITIONS") or left.partition_count,
        window,
        timestamp_column(clause, schema),
        query_id,
        statement=statement.text,
    )
    return PlannedSink(
        SinkNode(planned.root, sink),
        planned.sources,
        sink.partition_count,
        clause.integer("REPLICAS"),
        clause.integer("RETENTION_MS"),
        _window_retention(planned),
        clause.integer("PARTITIONS") is not None,
    )


def plan_insert(
    statement: ast.InsertSelect, catalog: Catalog, properties: Mapping[str, object]
) -> PlannedSink:
    """Plans INSERT INTO … SELECT.

    Raises:
        UserError: The target is no stream that can be written, or the columns do not match.
    """
    sink = catalog.source(statement.target, statement.span)
    if sink.is_table:
        raise UserError(
            f"INSERT INTO can only be used to insert into a stream. {sink.name} is a table"
        )
    if sink.read_only:
        raise UserError(f"cannot insert into read-only stream: {sink.name}")
    query = _persistent(statement.query)
    planned = plan_query(query, catalog, persistent=True, properties=properties)
    if planned.root.is_table:
        raise UserError("INSERT INTO needs a SELECT that gives a STREAM, this gives a TABLE")
    planned = replace(planned, root=_converted(planned.root, sink))
    if (planned.root.window is None) != (sink.window is None):
        raise UserError("incompatible windows between results and sink")
    plan = SinkNode(planned.root, sink)
    return PlannedSink(plan, planned.sources, sink.partition_count, None, None, None)


def _converted(root: ProjectNode, sink: Source) -> ProjectNode:
    """The projection with the sink's types: names, types and order must match.

    Only a literal number may become a DECIMAL, any that has room for it.

    Raises:
        TypeMismatchError: They do not match.
    """
    wanted = (*sink.schema.key, *sink.schema.value)
    given = root.schema.columns
    fits = len(wanted) == len(given) and len(sink.schema.key) == len(root.schema.key)
    if not fits or any(
        to.name != name or not _fits(item, to.type)
        for to, (name, item) in zip(wanted, root.items, strict=True)
    ):
        raise TypeMismatchError(
            "incompatible schema between results and sink",
            detail=f"Result schema is {root.schema.sql()}. Sink schema is {sink.schema.sql()}.",
        )
    items = tuple(
        (to.name, item if to.type == item.result_type else convert(item, to.type))
        for to, (_, item) in zip(wanted, root.items, strict=True)
    )
    return replace(root, items=items, output=Schema(wanted))


def _fits(item: Expression, wanted: SqlType) -> bool:
    """Whether an item may go into a column without a cast."""
    if item.result_type == wanted:
        return True
    if not isinstance(item, Literal) or not isinstance(wanted, DecimalType):
        return False
    value = item.value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return bool(abs(Decimal(str(value))) < 10 ** (wanted.precision - wanted.scale))


def _persistent(query: ast.Query) -> ast.Query:
    if query.limit is not None:
        raise UserError(
            "LIMIT cannot be used in CREATE … AS SELECT or INSERT INTO",
            span=query.span,
        )
    return query


def _key_format(
    clause: WithClause,
    query: ast.Query,
    schema: Schema,
    left: Source,
    properties: Mapping[str, object],
) -> FormatSpec:
    if not schema.key:
        given = clause.format_name("key") if "KEY_FORMAT" in clause.given else None
        if query.partition_by is not None and given not in (None, "NONE"):
            raise KeyRuleError(f"key format {given} needs a key, but PARTITION BY NULL has none")
        if query.partition_by is not None or left.schema.key:
            return FormatSpec("NONE", wrapped=False)
        if given is None:
            return left.key_format
        return resolve_format(clause, "key", schema.key, properties)
    inherited = left.key_format if left.key_format.name != "NONE" else None
    return resolve_format(clause, "key", schema.key, properties, inherited)


def _value_format(
    clause: WithClause, schema: Schema, left: Source, properties: Mapping[str, object]
) -> FormatSpec:
    return resolve_format(clause, "value", schema.value, properties, left.value_format)


def _window_retention(planned: PlannedQuery) -> int | None:
    for node in planned.root.walk():
        if isinstance(node, AggregateNode) and node.over is not None:
            return node.over.retention_ms
    return None
