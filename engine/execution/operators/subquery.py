"""Sub-queries and UNION ALL: they only wrap SQL, so their rows stay in one statement.

State: none. Time: nothing moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merganser.engine.duck import identifier
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.operators.stateless import SEQ_STRIDE
from merganser.engine.execution.rows import Changes, Rows
from merganser.engine.expression import ColumnRef
from merganser.engine.plan.nodes import (
    DerivedNode,
    FlatMapNode,
    JoinNode,
    PlanNode,
    UnionNode,
)
from merganser.engine.schema import PSEUDO_COLUMNS


def derived_rows(node: DerivedNode, rows: Rows) -> Rows:
    """A sub-query's rows under the names that they have above it."""
    if all(outer == inner for outer, inner in node.columns):
        return replace(rows, schema=node.schema)
    columns = []
    for outer, inner in node.columns:
        kind = PSEUDO_COLUMNS.get(inner)
        sql = identifier(inner) if kind is None else _pseudo(inner)
        columns.append(f"{sql} AS {identifier(outer)}")
    return rows.select(columns, schema=node.schema)


def _pseudo(name: str) -> str:
    return compile_expression(ColumnRef(name, PSEUDO_COLUMNS[name])).sql


def union_rows(node: UnionNode, inputs: Sequence[Rows]) -> Rows:
    """The rows of all inputs, in the order of the records that they come from.

    Two inputs may make a row of one record: then the first input's comes first. Behind a join of
    streams `$seq` counts the join's own rows, so that order only holds within it.
    """
    widest = max(map(_stride, node.inputs))
    parts, names = [], [identifier(column.name) for column in node.schema]
    for index, (child, rows) in enumerate(zip(node.inputs, inputs, strict=True)):
        assert rows.changes is Changes.STREAM
        assert not rows.windowed
        scale = widest // _stride(child) * len(inputs)
        engine = [name for name in rows.engine_columns if name != '"$seq"']
        listed = ", ".join([*names, *engine, f'"$seq" * {scale} + {index} AS "$seq"'])
        parts.append(f"SELECT {listed} FROM {rows.source}")
    checks = tuple(check for rows in inputs for check in rows.checks)
    source = f"({' UNION ALL '.join(parts)})"
    return Rows(source, node.schema, Changes.STREAM, ordered=False, checks=checks)


def _stride(node: PlanNode) -> int:
    """What lies between the `$seq` of rows of two records that follow one another."""
    match node:
        case FlatMapNode():
            return SEQ_STRIDE * _stride(node.child)
        case UnionNode():
            return len(node.inputs) * max(map(_stride, node.inputs))
        case JoinNode():
            return 1 if not node.right.is_table else _stride(node.left)
        case _:
            return max(map(_stride, node.children), default=1)
