"""Whether the rows of one key all come from one input partition.

Where they do, a window is closed by its own partition's stream time; where rows were given another
key on the way, those of one key come from all partitions, and the least stream time counts.
"""

from __future__ import annotations

from merganser.engine.expression import ColumnRef, Expression
from merganser.engine.plan.nodes import AggregateNode, JoinNode, PlanNode, RekeyNode


def moves_keys(node: PlanNode) -> bool:
    """Whether rows of one key of a node's result can come from several partitions."""
    if any(moves_keys(child) for child in node.children):
        return True
    match node:
        case RekeyNode():
            return True
        case AggregateNode():
            return not _is_key(node.child, [expression for _, expression in node.group])
        case JoinNode(foreign_key=True):
            return False  # The left side's key stays.
        case JoinNode():
            return not (
                _is_key(node.left, [node.left_key]) and _is_key(node.right, [node.right_key])
            )
        case _:
            return False


def _is_key(child: PlanNode, expressions: list[Expression]) -> bool:
    """Whether expressions are just the key columns that rows come with, in order."""
    return expressions == [ColumnRef(c.name, c.type) for c in child.schema.key]
