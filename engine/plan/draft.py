"""A plan under construction: the tree so far, and which columns may stand for its key."""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine.expression import Expression
from merganser.engine.plan.nodes import PlanNode


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One key column of the tree.

    Attributes:
        column: Its name in the tree's schema.
        equivalents: Column names that hold the same value, so that selecting one of them selects
            the key (both sides of an equality join); `column` first.
        source: The expression it was made from (GROUP BY, PARTITION BY), for select items that
            repeat the expression.
        default_name: The output name if the projection gives none.
        must_select: A persistent query has to select it.
    """

    column: str
    equivalents: tuple[str, ...]
    source: Expression | None = None
    default_name: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A tree and its key."""

    node: PlanNode
    key: tuple[KeyPart, ...]


@dataclass(frozen=True, slots=True)
class SelectedItem:
    """One output column, bound to the sources' columns.

    Attributes:
        name: Output name.
        expression: Over the source columns (aggregates and table functions still inside).
        named: The user gave the name.
    """

    name: str
    expression: Expression
    named: bool
