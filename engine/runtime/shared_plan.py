"""What subscribers of one stream ask of it, in a form that is cheap for a thousand of them.

Conditions that differ in constants only (`USER = 'ann'`, `USER = 'bob'`) are one template and a row
of parameters each. So all of them are one join of the batch with their parameters, by hash where
they compare for equality, and a subscriber that comes or goes changes the parameters, not the
statement.
"""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine.execution.expressions.compile import compile_expression, compile_predicate
from merganser.engine.expression import ColumnRef, Comparison, Expression, Literal, Logical, Negate
from merganser.engine.plan.nodes import FilterNode, PlanNode, ProjectNode, SourceNode
from merganser.engine.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, SqlType

_NUMBERS = (INTEGER, BIGINT, DOUBLE)


@dataclass(frozen=True, slots=True)
class Template:
    """A condition as SQL, with columns `$p0`, `$p1`, … for its parameters."""

    sql: str
    types: tuple[SqlType, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A template and values. Equal conditions are equal values."""

    template: Template
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class SharedPlan:
    """What a subscriber asks of the rows of a source.

    Attributes:
        condition: None if all rows pass.
        items: The output columns, as SQL.
        names: Theirs.
    """

    source: SourceNode
    condition: Condition | None
    items: tuple[str, ...]
    names: tuple[str, ...]


def shared_plan(root: ProjectNode) -> SharedPlan | None:
    """The plan for a shared reader; None if the query is more than conditions and columns."""
    node: PlanNode = root.child
    condition: Condition | None = None
    if isinstance(node, FilterNode):
        condition = condition_of(node.predicate)
        node = node.child
    if not isinstance(node, SourceNode) or node.is_table or node.strict_time:
        return None
    items = dict(root.items)
    if any(column.name not in items for column in root.schema):
        return None
    names = tuple(column.name for column in root.schema)
    columns = tuple(compile_expression(items[name]).sql for name in names)
    return SharedPlan(node, condition, columns, names)


def condition_of(predicate: Expression) -> Condition:
    """A predicate with the constants that it compares with taken out."""
    values: list[object] = []
    kinds: list[SqlType] = []

    def parameter(constant: Expression, other: Expression) -> Expression:
        found = _constant(constant)
        if found is None or not _alike(found.type, other.result_type):
            return constant
        values.append(found.value)
        kinds.append(found.type)
        return ColumnRef(f"$p{len(values) - 1}", found.type)

    def taken_out(node: Expression) -> Expression:
        match node:
            case Comparison(op, left, right):
                return Comparison(op, parameter(left, right), parameter(right, left))
            case Logical():
                return node.map_children(taken_out)
            case _:
                return node

    template = taken_out(predicate)
    return Condition(Template(compile_predicate(template).sql, tuple(kinds)), tuple(values))


def _constant(node: Expression) -> Literal | None:
    match node:
        case Literal(None, _):
            return None
        case Literal():
            return node
        case Negate(Literal(value, kind)) if isinstance(value, int | float):
            return Literal(-value, kind)
        case _:
            return None


def _alike(kind: SqlType, other: SqlType) -> bool:
    """Whether a column may stand for a constant of one type beside a value of another."""
    if kind in _NUMBERS:
        return other in _NUMBERS
    return kind in (STRING, BOOLEAN) and kind == other
