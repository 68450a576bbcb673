"""QUALIFY and calls with OVER: from select items to nodes that keep what they need by key.

- In order of arrival (no ORDER BY) each row gets its number or the value before it once and for
  all: a stream stays a stream, and QUALIFY filters it.
- ROW_NUMBER in another order only with a bound, as QUALIFY's whole condition. What is first changes
  as rows come: that is a table, by key, and by key and number if a key may have several rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from merganser.engine.expression import (
    AggregateCall,
    ColumnRef,
    Comparison,
    Expression,
    Literal,
    TableCall,
    WindowCall,
)
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.draft import Draft, KeyPart, SelectedItem
from merganser.engine.plan.nodes import FilterNode, RunningNode, TopNode
from merganser.engine.plan.scope import SourceScope
from merganser.engine.schema import Column, Role, Schema
from merganser.engine.types import BIGINT, BOOLEAN, MapType
from merganser.errors import KeyRuleError, Span, TypeMismatchError, UnsupportedError
from merganser.parser import ast
from merganser.parser.expressions import WindowCall as ParsedCall
from merganser.parser.expressions import span_of

TOP_ROWS_MAX = 1_000
NUMBER = "KSQL_KEY_ROW_NUMBER"


def has_windows(query: ast.Query) -> bool:
    """Whether a query has QUALIFY or a call with OVER in its SELECT list."""
    items = [item.expression for item in query.items if isinstance(item, ast.SelectItem)]
    return query.qualify is not None or any(item.find(ParsedCall) for item in items)


def add_windows(
    query: ast.Query, draft: Draft, items: tuple[SelectedItem, ...], scope: SourceScope
) -> tuple[Draft, tuple[SelectedItem, ...]]:
    """Puts the nodes of QUALIFY and OVER on the tree; items then refer to their columns.

    Raises:
        UnsupportedError: What is asked for is not incremental.
    """
    span = query.span if query.qualify is None else span_of(query.qualify) or query.span
    _check_place(query, draft, items, span)
    scope = replace(scope, window_calls=True)
    condition = None if query.qualify is None else _condition(query, query.qualify, scope)
    roots = [item.expression for item in items] + ([condition] if condition else [])
    calls = list(dict.fromkeys(call for root in roots for call in _calls(root)))
    if not calls:
        raise UnsupportedError(
            "QUALIFY needs a call with OVER", hint="WHERE filters by columns.", span=span
        )
    if any(call.order for call in calls):
        return _top(query, draft, items, calls, condition)
    return _running(draft, items, calls, condition)


def _check_place(query: ast.Query, draft: Draft, items: Sequence[SelectedItem], span: Span) -> None:
    aggregated = any(
        isinstance(part, AggregateCall) for item in items for part in item.expression.walk()
    )
    if query.group_by is not None or query.window is not None or aggregated:
        raise UnsupportedError(
            "QUALIFY and OVER cannot be used with GROUP BY: an aggregation's rows change",
            hint="HAVING filters groups; TOPK and LATEST_BY_OFFSET are aggregates.",
            span=span,
        )
    if draft.node.is_table:
        raise UnsupportedError(
            "QUALIFY and OVER are not incremental over a table: for a row that goes, those behind "
            "it would have to be kept",
            hint="They can be used over the stream that the table is made from.",
            span=span,
        )
    if draft.node.window is not None:
        raise UnsupportedError("QUALIFY and OVER cannot be used with windowed streams", span=span)


def _condition(query: ast.Query, node: exp.Expression, scope: SourceScope) -> Expression:
    """QUALIFY's condition; names of select items with OVER stand for them."""
    named = {
        item.alias: item.expression
        for item in query.items
        if isinstance(item, ast.SelectItem) and item.alias and item.expression.find(ParsedCall)
    }

    def put_in(part: exp.Expression) -> exp.Expression:
        if isinstance(part, exp.Column) and not part.table and part.name in named:
            return named[part.name].copy()
        return part

    condition = bind_expression(node.transform(put_in), scope)
    if condition.result_type != BOOLEAN:
        raise TypeMismatchError(
            f"QUALIFY needs a BOOLEAN, this is {condition.result_type}", span=span_of(node)
        )
    return condition


def _calls(root: Expression) -> list[WindowCall]:
    found = [part for part in root.walk() if isinstance(part, WindowCall)]
    for call in found:
        for part in call.walk():
            if isinstance(part, TableCall | AggregateCall):
                raise UnsupportedError(f"{part} cannot be used inside OVER")
    return found


def _running(
    draft: Draft,
    items: tuple[SelectedItem, ...],
    calls: Sequence[WindowCall],
    condition: Expression | None,
) -> tuple[Draft, tuple[SelectedItem, ...]]:
    """A node for each PARTITION BY; QUALIFY is a filter above them."""
    names = {call: f"KSQL_OVER_{index}" for index, call in enumerate(calls)}
    node = draft.node
    for partition in dict.fromkeys(call.partition for call in calls):
        mine = tuple((names[call], call) for call in calls if call.partition == partition)
        added = tuple(Column(name, call.type) for name, call in mine)
        node = RunningNode(node, partition, mine, Schema(node.schema.columns + added))

    def lowered(expression: Expression) -> Expression:
        if isinstance(expression, WindowCall):
            return ColumnRef(names[expression], expression.type)
        return expression.map_children(lowered)

    if condition is not None:
        node = FilterNode(node, lowered(condition))
    changed = tuple(replace(item, expression=lowered(item.expression)) for item in items)
    return replace(draft, node=node), changed


def _top(
    query: ast.Query,
    draft: Draft,
    items: tuple[SelectedItem, ...],
    calls: Sequence[WindowCall],
    condition: Expression | None,
) -> tuple[Draft, tuple[SelectedItem, ...]]:
    span = query.span if query.qualify is None else span_of(query.qualify) or query.span
    limit = None if condition is None else _bound(condition)
    if len(calls) != 1 or limit is None:
        raise UnsupportedError(
            "ROW_NUMBER with ORDER BY is only incremental with a bound: a row may come before all "
            "others, and then every number changes",
            hint="Let QUALIFY be ROW_NUMBER() OVER (…) <= n and nothing else. Without ORDER BY "
            "rows are numbered as they arrive.",
            span=span,
        )
    if not 1 <= limit <= TOP_ROWS_MAX:
        raise UnsupportedError(
            f"the bound of ROW_NUMBER must be from 1 to {TOP_ROWS_MAX}, not {limit}", span=span
        )
    if query.partition_by is not None:
        raise UnsupportedError(
            "PARTITION BY cannot be used with ROW_NUMBER in an order: its table has a key of its "
            "own",
            span=span,
        )
    (call,) = calls
    parts = _key_parts(call, draft, items, query)
    moved = {part.column for part in parts}
    keys = [
        Column(part.column, part.source.result_type, Role.KEY)
        for part in parts
        if part.source is not None
    ]
    rest = [replace(c, role=Role.VALUE) for c in draft.node.schema if c.name not in moved]
    number = Column(NUMBER, BIGINT, Role.KEY if limit > 1 else Role.VALUE)
    columns = (*keys, *([number] if limit > 1 else []), *rest, *([number] if limit == 1 else []))
    node = TopNode(
        draft.node,
        tuple((part.column, part.source) for part in parts if part.source is not None),
        call.order,
        limit,
        NUMBER,
        Schema(columns),
    )
    if limit > 1:
        parts = (*parts, KeyPart(NUMBER, (NUMBER,), call, NUMBER))

    def lowered(expression: Expression) -> Expression:
        if expression == call:
            return ColumnRef(NUMBER, BIGINT)
        return expression.map_children(lowered)

    changed = tuple(replace(item, expression=lowered(item.expression)) for item in items)
    return Draft(node, parts), changed


def _bound(condition: Expression) -> int | None:
    """The n of `ROW_NUMBER() … <= n`, `< n + 1` or `= 1`, either way round."""
    if not isinstance(condition, Comparison):
        return None
    op, left, right = condition.op, condition.left, condition.right
    if isinstance(right, WindowCall):
        op, left, right = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(op, op), right, left
    if not isinstance(left, WindowCall) or left.name != "ROW_NUMBER":
        return None
    number = right.value if isinstance(right, Literal) else None
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    if op == "<=" or (op == "=" and number == 1):
        return number
    return number - 1 if op == "<" else None


def _key_parts(
    call: WindowCall, draft: Draft, items: Sequence[SelectedItem], query: ast.Query
) -> tuple[KeyPart, ...]:
    aliases = {item.expression: item.name for item in items if item.named}
    parts: list[KeyPart] = []
    for key in call.partition:
        if isinstance(key.result_type, MapType):
            raise KeyRuleError(
                f"PARTITION BY cannot make a key of type {key.result_type}", span=query.span
            )
        if any(part.source == key for part in parts):
            raise KeyRuleError(f"PARTITION BY has {key} twice", span=query.span)
        column = f"KSQL_KEY_{len(parts)}"
        if isinstance(key, ColumnRef) and draft.node.schema.find(key.name):
            column = key.name
        parts.append(KeyPart(column, (column,), key, aliases.get(key) or column))
    return tuple(parts)
