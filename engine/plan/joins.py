"""Sources and joins of a FROM clause.

Source: parity/semantics.md, joins (kinds, key of the result); statements.md, ON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from merganser.engine.catalog import Source
from merganser.engine.expression import ColumnRef, Expression
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.draft import Draft, KeyPart
from merganser.engine.plan.nodes import JoinNode, PlanNode, SourceNode
from merganser.engine.plan.scope import WINDOW_BOUNDS, SourceScope
from merganser.engine.schema import PSEUDO_COLUMNS, Column, Role, Schema
from merganser.errors import KeyRuleError, TypeMismatchError, UnsupportedError, UserError
from merganser.parser import ast

SYNTHETIC_KEY = "ROWKEY"


def source_node(source: Source, alias: str, pseudo: frozenset[str], *, joined: bool) -> SourceNode:
    """The node that reads a source; in a join its columns carry the alias."""
    columns: list[tuple[str, str]] = []
    output: list[Column] = []
    for column in source.schema:
        name = f"{alias}_{column.name}" if joined else column.name
        role = Role.KEY if column.role is Role.KEY else Role.VALUE
        columns.append((name, column.name))
        output.append(Column(name, column.type, role))
    if joined:
        bounds = frozenset(WINDOW_BOUNDS) if source.window else frozenset()
        for name in PSEUDO_COLUMNS:
            if name in pseudo and (name not in WINDOW_BOUNDS or name in bounds):
                columns.append((f"{alias}_{name}", name))
                output.append(Column(f"{alias}_{name}", PSEUDO_COLUMNS[name]))
    return SourceNode(source, alias, tuple(columns), Schema(tuple(output)))


def add_joins(
    query: ast.Query, nodes: Sequence[SourceNode], scope: SourceScope
) -> tuple[Draft, SourceScope]:
    """The left-deep tree of all joins, and the scope with a synthetic key if there is one."""
    first = nodes[0]
    draft = Draft(first, tuple(KeyPart(c.name, (c.name,)) for c in first.schema.key))
    for index, join in enumerate(query.joins, start=1):
        node = draft.node
        if isinstance(node, JoinNode) and node.kind == "FULL" and node.is_table:
            raise UnsupportedError("a FULL OUTER join of tables cannot be followed by another join")
        on = _Criteria.of(join, nodes[:index], nodes[index], scope)
        draft = _joined(draft, nodes[index], join, on)
        part = draft.key[0]
        if part.default_name is not None and part.column.startswith(SYNTHETIC_KEY):
            column = draft.node.schema.find(part.column)
            assert column is not None
            scope = replace(scope, extra={part.column: ColumnRef(part.column, column.type)})
        elif scope.extra:
            scope = replace(scope, extra={})
    return draft, scope


@dataclass(frozen=True, slots=True)
class _Criteria:
    """The two sides of ON, told apart."""

    left: Expression
    right: Expression

    @classmethod
    def of(
        cls,
        join: ast.Join,
        before: Sequence[SourceNode],
        new: SourceNode,
        scope: SourceScope,
    ) -> _Criteria:
        node = join.on
        span = node.meta.get("span") or join.span
        if not isinstance(node, exp.EQ):
            raise UnsupportedError("ON needs exactly one equality of the two sources", span=span)
        inner = replace(scope, nodes=(*before, new))
        sides = (bind_expression(node.this, inner), bind_expression(node.expression, inner))
        of_new = {name for name, _ in new.columns}
        of_left = {name for n in before for name, _ in n.columns} | set(scope.extra)
        used = [_columns(side) for side in sides]
        if any(not columns for columns in used):
            raise UnsupportedError("each side of ON must use one of the sources", span=span)
        if used[0] <= of_left and used[1] <= of_new:
            left, right = sides
        elif used[1] <= of_left and used[0] <= of_new:
            right, left = sides
        else:
            raise UnsupportedError(
                "each side of ON must use exactly one source, and one the joined source",
                span=span,
            )
        if left.result_type != right.result_type:
            raise TypeMismatchError(
                f"ON compares {left.result_type} with {right.result_type}",
                hint="Use CAST so that both sides have one type.",
                span=span,
            )
        return cls(left, right)


def _columns(expression: Expression) -> set[str]:
    return {node.name for node in expression.walk() if isinstance(node, ColumnRef)}


def _joined(draft: Draft, right: SourceNode, join: ast.Join, on: _Criteria) -> Draft:
    left = draft.node
    foreign = _check_kinds(draft, right, join, on)
    _check_windowed(draft, right, on)
    if not foreign:
        _check_partitions(left, right)
    kind = join.kind.value
    left_key = _left_key(draft, on.left)
    equivalents = [side.name for side in (on.left, on.right) if isinstance(side, ColumnRef)]
    synthetic: str | None = None
    if foreign:
        key = draft.key
    elif kind == "FULL" or not equivalents:
        synthetic = _synthetic_name(left, right)
        key = (KeyPart(synthetic, (synthetic,), None, synthetic),)
    else:
        old = next(
            (part.equivalents for part in draft.key if set(equivalents) & set(part.equivalents)),
            (),
        )
        names = tuple(dict.fromkeys([*equivalents, *old]))
        key = (KeyPart(names[0], names),)
    key_columns = {part.column for part in key}
    others = tuple(
        replace(column, role=Role.KEY if column.name in key_columns else Role.VALUE)
        for column in (*left.schema, *right.schema)
        # The synthetic key of a join below is of no use any more.
        if not (isinstance(left, JoinNode) and column.name == left.synthetic_key)
    )
    extra = (Column(synthetic, on.left.result_type, Role.KEY),) if synthetic else ()
    keys_first = tuple(sorted((*extra, *others), key=lambda c: c.role is not Role.KEY))
    return Draft(
        JoinNode(
            left,
            right,
            kind,
            left_key,
            on.right,
            Schema(keys_first),
            join.within.before.ms if join.within else None,
            join.within.after.ms if join.within else None,
            join.within.grace.ms if join.within and join.within.grace else None,
            foreign,
            synthetic,
        ),
        key,
    )


def _left_key(draft: Draft, on_left: Expression) -> Expression:
    """What the left rows are joined on: the key that they have, whichever name ON has for it.

    So a join on the padded side of an outer join below finds rows all the same.
    """
    part = draft.key[0] if len(draft.key) == 1 else None
    if part is None or not isinstance(on_left, ColumnRef) or not isinstance(draft.node, JoinNode):
        return on_left
    return replace(on_left, name=part.column) if on_left.name in part.equivalents else on_left


def _synthetic_name(left: PlanNode, right: PlanNode) -> str:
    sources = [n for n in (*left.walk(), *right.walk()) if isinstance(n, SourceNode)]
    taken = {name for node in sources for pair in node.columns for name in pair}
    name, index = SYNTHETIC_KEY, 0
    while name in taken:
        index += 1
        name = f"{SYNTHETIC_KEY}_{index}"
    return name


def _check_kinds(draft: Draft, right: SourceNode, join: ast.Join, on: _Criteria) -> bool:
    """Checks that the kinds of the sides can be joined so; True for a foreign-key join."""
    left = draft.node
    if left.is_table and not right.is_table:
        raise UserError(
            "invalid join order: table-stream joins are not supported, only stream-table joins",
            span=join.span,
        )
    if not left.is_table and not right.is_table:
        if join.within is None:
            raise UserError("stream-stream joins need WITHIN", span=join.span)
        return False
    if join.within is not None:
        raise UserError("WITHIN is only for stream-stream joins", span=join.span)
    right_keys = right.schema.key
    on_right_key = (
        len(right_keys) == 1
        and isinstance(on.right, ColumnRef)
        and on.right.name == right_keys[0].name
    )
    if not on_right_key:
        raise KeyRuleError(
            f"table {right.source.name} can only be joined on its primary key, this is {on.right}",
            span=join.span,
        )
    if not left.is_table:
        if join.kind in (ast.JoinKind.RIGHT, ast.JoinKind.FULL):
            raise UserError(
                f"{join.kind.value} OUTER joins of a stream with a table are not supported",
                span=join.span,
            )
        return False
    on_left_key = (
        len(draft.key) == 1
        and isinstance(on.left, ColumnRef)
        and on.left.name in draft.key[0].equivalents
    )
    if on_left_key:
        return False
    if join.kind in (ast.JoinKind.RIGHT, ast.JoinKind.FULL):
        raise UserError(
            f"{join.kind.value} OUTER foreign-key joins are not supported", span=join.span
        )
    if not isinstance(left, SourceNode):
        raise UnsupportedError(
            "a foreign-key join can only be the first of several joins", span=join.span
        )
    if left.window is not None or right.window is not None:
        raise UnsupportedError("foreign-key joins of windowed tables are not supported")
    return True


def _check_windowed(draft: Draft, right: SourceNode, on: _Criteria) -> None:
    """A windowed stream cannot be re-keyed, so it has to be joined on its key."""
    left_keys = {name for part in draft.key for name in part.equivalents}
    right_keys = {column.name for column in right.schema.key}
    for node, side, keys in ((draft.node, on.left, left_keys), (right, on.right, right_keys)):
        if node.window is not None and not (isinstance(side, ColumnRef) and side.name in keys):
            raise UnsupportedError(
                f"a windowed source can only be joined on its key, this is {side}"
            )


def _check_partitions(left: PlanNode, right: SourceNode) -> None:
    first = next(node for node in left.walk() if isinstance(node, SourceNode))
    mine, other = first.source.partition_count, right.source.partition_count
    if mine != other:
        raise UserError(
            f"cannot join {first.source.name} to {right.source.name}: the number of partitions "
            f"does not match. {first.source.name} has {mine}, {right.source.name} has {other}",
            hint="Repartition one of them so that the counts match.",
        )
