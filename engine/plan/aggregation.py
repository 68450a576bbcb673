"""GROUP BY, windows, HAVING: from select items with aggregate calls to an aggregate node.

Source: parity/statements.md, GROUP BY; semantics.md, windows and aggregation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from merganser.engine.expression import (
    AggregateCall,
    ColumnRef,
    Expression,
    Literal,
    TableCall,
)
from merganser.engine.functions.function import AGGREGATES
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.draft import Draft, KeyPart, SelectedItem
from merganser.engine.plan.nodes import AggregateNode, FilterNode, PlanNode, Window
from merganser.engine.plan.scope import WINDOW_BOUNDS, SourceScope
from merganser.engine.plan.select import default_name
from merganser.engine.schema import Column, Role, Schema
from merganser.engine.types import INTEGER, MapType
from merganser.errors import KeyRuleError, UserError
from merganser.parser import ast

LOSES_EXPIRED = "merganser.emit.final.loses.expired"
DEFAULT_GRACE_MS = 24 * 3_600_000  # ksqlDB's: a window and its grace last a day together.


def aggregate_calls(
    items: Iterable[SelectedItem], having: Expression | None
) -> list[AggregateCall]:
    """The aggregate calls in a SELECT list and a HAVING, each once, in order."""
    found: dict[AggregateCall, None] = {}
    expressions = [item.expression for item in items]
    if having is not None:
        expressions.append(having)
    for expression in expressions:
        for node in expression.walk():
            if isinstance(node, AggregateCall):
                found[node] = None
    return list(found)


def add_aggregation(
    query: ast.Query,
    draft: Draft,
    items: tuple[SelectedItem, ...],
    having: Expression | None,
    scope: SourceScope,
    *,
    persistent: bool,
    properties: Mapping[str, object],
) -> tuple[Draft, tuple[SelectedItem, ...]]:
    """Puts an aggregate node (and HAVING) on the tree; items then refer to its columns.

    Raises:
        UserError: Something is neither grouped nor aggregated, no aggregate, a wrong window.
    """
    calls = aggregate_calls(items, having)
    _check(query, draft, calls, items, persistent=persistent)
    parts = _group_parts(query, draft, items, scope)
    over = resolve_window(query, properties) if query.window else None
    names = {call: f"KSQL_AGG_VARIABLE_{index}" for index, call in enumerate(calls)}
    keys = tuple(Column(p.column, p.source.result_type, Role.KEY) for p in parts if p.source)
    values = tuple(Column(name, call.type) for call, name in names.items())
    node: PlanNode = AggregateNode(
        draft.node,
        tuple((part.column, part.source) for part in parts if part.source is not None),
        tuple((name, call) for call, name in names.items()),
        over,
        query.emit is ast.Emit.FINAL,
        Schema(keys + values),
        _limits(calls, properties),
    )
    groups = {
        part.source: ColumnRef(part.column, part.source.result_type)
        for part in parts
        if part.source
    }
    lowered = tuple(
        replace(item, expression=_lower(item.expression, groups, names, "SELECT")) for item in items
    )
    if having is not None:
        node = FilterNode(node, _lower(having, groups, names, "HAVING"))
    return Draft(node, parts), lowered


def _limits(
    calls: Iterable[AggregateCall], properties: Mapping[str, object]
) -> tuple[tuple[str, object], ...]:
    named = {AGGREGATES[call.name].limit_property for call in calls}
    names = sorted(name for name in named if name is not None and name in properties)
    return tuple((name, properties[name]) for name in names)


def resolve_window(query: ast.Query, properties: Mapping[str, object]) -> Window:
    """A window clause in milliseconds, with defaults.

    Raises:
        UserError: Sizes that make no window.
    """
    clause = query.window
    assert clause is not None
    size, kind = clause.size.ms, clause.kind.value
    advance = clause.advance.ms if clause.advance else size
    if size < 0 or (size == 0 and kind != "SESSION"):
        raise UserError("the size of a window must be positive", span=clause.span)
    if kind != "SESSION" and not 0 < advance <= size:
        raise UserError(
            "ADVANCE BY must be positive and at most the window's size", span=clause.span
        )
    if clause.grace is not None:
        grace = clause.grace.ms
    elif query.emit is ast.Emit.FINAL:
        grace = 0
    else:
        grace = max(DEFAULT_GRACE_MS - size, 0)
    retention = clause.retention.ms if clause.retention else size + grace
    if retention < size + grace:
        raise UserError(
            f"RETENTION must be at least the window's size and grace period: {size + grace} ms",
            span=clause.span,
        )
    loses = str(properties.get(LOSES_EXPIRED, "false")).lower() == "true"
    return Window(kind, size, advance, grace, retention, loses)


def _check(
    query: ast.Query,
    draft: Draft,
    calls: list[AggregateCall],
    items: tuple[SelectedItem, ...],
    *,
    persistent: bool,
) -> None:
    if query.partition_by is not None:
        raise UserError("PARTITION BY cannot be used with GROUP BY")
    if not calls:
        raise UserError(
            "GROUP BY requires aggregate functions in either the SELECT or HAVING clause"
        )
    if query.group_by is None and persistent:
        raise UserError("use of aggregate functions requires a GROUP BY clause")
    if query.window is not None and draft.node.is_table:
        raise UserError("WINDOW can only be used with a stream source", span=query.window.span)
    if query.emit is ast.Emit.FINAL and query.window is None:
        raise UserError("EMIT FINAL is only supported for windowed aggregations")
    if any(isinstance(node, TableCall) for item in items for node in item.expression.walk()):
        raise UserError("table functions cannot be used with aggregations")
    for call in calls:
        for argument in call.children:
            for node in argument.walk():
                if isinstance(node, AggregateCall):
                    raise UserError(f"aggregate functions cannot be nested: {call}")
                if isinstance(node, ColumnRef) and query.window and node.name in WINDOW_BOUNDS:
                    raise UserError(f"{node.name} cannot be an argument of an aggregate")
        if draft.node.is_table and AGGREGATES[call.name].bind(call.arguments).undo is None:
            raise UserError(
                f"the aggregation function(s) {call.name} cannot be applied to a table source, "
                "only to a stream source"
            )


def _group_parts(
    query: ast.Query, draft: Draft, items: tuple[SelectedItem, ...], scope: SourceScope
) -> tuple[KeyPart, ...]:
    if query.group_by is None:
        return (KeyPart("KSQL_KEY_0", ("KSQL_KEY_0",), Literal(0, INTEGER), "KSQL_COL_0"),)
    if not query.group_by:
        raise UserError("GROUP BY needs at least one expression")
    aliases = {item.expression: item.name for item in items if item.named}
    parts: list[KeyPart] = []
    generated = 0
    for node in query.group_by:
        expression = bind_expression(node, scope)
        if isinstance(expression.result_type, MapType):
            raise KeyRuleError(f"GROUP BY cannot make a key of type {expression.result_type}")
        if any(isinstance(inner, TableCall) for inner in expression.walk()):
            raise UserError("table functions cannot be used in GROUP BY")
        if any(part.source == expression for part in parts):
            raise UserError(f"duplicate expression in GROUP BY: {expression}")
        default = aliases.get(expression) or default_name(node)
        if default is None:
            default, generated = f"KSQL_COL_{generated}", generated + 1
        column = f"KSQL_KEY_{len(parts)}"
        if isinstance(expression, ColumnRef) and draft.node.schema.find(expression.name):
            column = expression.name
        parts.append(KeyPart(column, (column,), expression, default))
    return tuple(parts)


def _lower(
    expression: Expression,
    groups: Mapping[Expression, ColumnRef],
    names: Mapping[AggregateCall, str],
    clause: str,
) -> Expression:
    """The expression over the aggregate node's columns."""
    if (group := groups.get(expression)) is not None:
        return group
    if isinstance(expression, AggregateCall):
        return ColumnRef(names[expression], expression.type)
    if isinstance(expression, ColumnRef):
        if clause == "SELECT" and expression.name in WINDOW_BOUNDS:
            return expression
        raise UserError(
            f"non-aggregate {clause} expression is not part of GROUP BY: {expression.name}",
            hint="Either add the column to the GROUP BY or remove it.",
        )
    return expression.map_children(lambda child: _lower(child, groups, names, clause))
