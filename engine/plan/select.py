"""The SELECT list: stars expanded, expressions bound, output names given.

Source: parity/statements.md, queries; semantics.md 12, item 20.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from merganser.engine.expression import ColumnRef, Dereference, Expression
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.draft import SelectedItem
from merganser.engine.plan.nodes import SourceNode
from merganser.engine.plan.scope import WINDOW_BOUNDS, SourceScope
from merganser.engine.schema import PSEUDO_COLUMNS, Column, Role
from merganser.engine.types import NULL, StructType
from merganser.errors import NameTakenError, Span, TypeMismatchError, UserError
from merganser.parser import ast
from merganser.parser.expressions import Dereference as DereferenceNode


def select_items(
    query: ast.Query, scope: SourceScope, *, persistent: bool
) -> tuple[SelectedItem, ...]:
    """The output columns of a query, in written order.

    Raises:
        UserError: Names clash, a pseudo column has no alias, a NULL has no type.
    """
    namer = ItemNamer(scope.nodes)
    items: list[SelectedItem] = []
    for item in query.items:
        match item:
            case ast.SelectAll():
                if query.partition_by is not None and len(scope.nodes) > 1:
                    items.extend(_rekeyed_join_star(item, scope))
                    continue
                found = _star(item, scope, persistent=persistent)
                items.extend(found if query.partition_by is None else _old_keys_last(found, scope))
            case ast.SelectStruct():
                items.extend(_struct_star(item, scope))
            case ast.SelectItem():
                items.append(_single(item, scope, namer, persistent=persistent))
    _check_names(items, query, persistent=persistent)
    return tuple(items)


def default_name(node: exp.Expression) -> str | None:
    """The name that an expression brings along: a column's or a struct field's."""
    match node:
        case exp.Column():
            return str(node.name)
        case DereferenceNode():
            return str(node.args["field"])
        case _:
            return None


class ItemNamer:
    """Gives names to select items without alias."""

    def __init__(self, nodes: Sequence[SourceNode]) -> None:
        self._taken = {inner for node in nodes for _, inner in node.columns}
        self._nodes = nodes
        self._used: set[str] = set()
        self._count = 0

    def name(self, node: exp.Expression) -> str:
        if isinstance(node, exp.Column):
            name = str(node.name)
            owners = [n for n in self._nodes if any(inner == name for _, inner in n.columns)]
            if node.table and (len(owners) > 1 or (owners and name in PSEUDO_COLUMNS)):
                return f"{node.table}_{name}"
            return name
        if isinstance(node, DereferenceNode):
            return self._free(str(node.args["field"]))
        while (name := f"KSQL_COL_{self._count}") in self._taken:
            self._count += 1
        self._count += 1
        return name

    def _free(self, field: str) -> str:
        name, index = field, 0
        while name in self._taken or name in self._used:
            index += 1
            name = f"{field}_{index}"
        self._used.add(name)
        return name


def _single(
    item: ast.SelectItem, scope: SourceScope, namer: ItemNamer, *, persistent: bool
) -> SelectedItem:
    expression = bind_expression(item.expression, scope)
    if expression.result_type == NULL:
        raise TypeMismatchError(
            "a NULL in the projection has no type",
            hint="Use CAST(NULL AS type).",
            span=item.span,
        )
    if (
        persistent
        and item.alias is None
        and isinstance(expression, ColumnRef)
        and len(scope.nodes) == 1
        and (bare := str(item.expression.name)) in PSEUDO_COLUMNS
    ):
        raise UserError(
            f"column {bare} needs an alias: its name is reserved",
            hint=f"Write {bare} AS another name.",
            span=item.span,
        )
    name = item.alias if item.alias is not None else namer.name(item.expression)
    return SelectedItem(name, expression, named=item.alias is not None)


def _star(item: ast.SelectAll, scope: SourceScope, *, persistent: bool) -> list[SelectedItem]:
    nodes = [n for n in scope.nodes if item.source in (None, n.alias)]
    if not nodes:
        raise UserError(f"'{item.source}' is not a source of this query", span=item.span)
    joined = len(scope.nodes) > 1
    items: list[SelectedItem] = []
    if joined and item.source is None:
        items.extend(SelectedItem(name, ref, named=False) for name, ref in scope.extra.items())
    for node in nodes:
        bounds_done = persistent or node.source.window is None
        for outer, inner in node.columns:
            if inner in PSEUDO_COLUMNS:
                continue
            column = node.output.find(outer)
            assert column is not None
            if not bounds_done and column.role is not Role.KEY:
                items.extend(_bounds(node, joined=joined))
                bounds_done = True
            name = f"{node.alias}_{inner}" if joined else inner
            items.append(SelectedItem(name, ColumnRef(outer, column.type), named=False))
        if not bounds_done:
            items.extend(_bounds(node, joined=joined))
    return items


def _old_keys_last(items: list[SelectedItem], scope: SourceScope) -> list[SelectedItem]:
    """PARTITION BY makes value columns of the old keys, behind those that were there."""
    keys = {column.name for node in scope.nodes for column in node.output.key}
    return sorted(
        items,
        key=lambda i: isinstance(i.expression, ColumnRef) and i.expression.name in keys,
    )


def _rekeyed_join_star(item: ast.SelectAll, scope: SourceScope) -> list[SelectedItem]:
    """A star over a join with PARTITION BY: of each source values, pseudo columns, keys.

    Source: the recorded cases; without PARTITION BY the pseudo columns stay out.
    """
    items: list[SelectedItem] = []
    for node in scope.nodes:
        if item.source not in (None, node.alias):
            continue
        own = [(inner, node.output.find(outer)) for outer, inner in node.columns]
        for inner, column in sorted(own, key=_place_after_rekey):
            assert column is not None
            name = f"{node.alias}_{inner}"
            items.append(SelectedItem(name, ColumnRef(column.name, column.type), named=False))
    return items


def _place_after_rekey(named: tuple[str, Column | None]) -> int:
    inner, column = named
    assert column is not None
    if inner in PSEUDO_COLUMNS:
        return 1
    return 2 if column.role is Role.KEY else 0


def _bounds(node: SourceNode, *, joined: bool) -> list[SelectedItem]:
    return [
        SelectedItem(
            f"{node.alias}_{name}" if joined else name,
            ColumnRef(f"{node.alias}_{name}" if joined else name, PSEUDO_COLUMNS[name]),
            named=False,
        )
        for name in WINDOW_BOUNDS
    ]


def _struct_star(item: ast.SelectStruct, scope: SourceScope) -> list[SelectedItem]:
    operand: Expression = bind_expression(item.expression, scope)
    if not isinstance(operand.result_type, StructType):
        raise TypeMismatchError(
            f"->* needs a STRUCT, this is {operand.result_type}", span=item.span
        )
    return [
        SelectedItem(f.name, Dereference(operand, f.name, f.type), named=False)
        for f in operand.result_type.fields
    ]


def _check_names(items: Sequence[SelectedItem], query: ast.Query, *, persistent: bool) -> None:
    seen: set[str] = set()
    for item in items:
        span: Span | None = query.span
        if item.name in seen:
            raise NameTakenError(
                f"the projection contains the column `{item.name}` twice", span=span
            )
        seen.add(item.name)
        if persistent and item.named and item.name in PSEUDO_COLUMNS:
            raise UserError(f"`{item.name}` is a reserved column name", span=span)
