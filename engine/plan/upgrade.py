"""What CREATE OR REPLACE and ALTER may change.

Source: parity/statements.md, upgrade rules.
"""

from __future__ import annotations

from merganser.engine.catalog import Source
from merganser.engine.plan.nodes import (
    AggregateNode,
    DerivedNode,
    FilterNode,
    FlatMapNode,
    JoinNode,
    PlanNode,
    ProjectNode,
    RekeyNode,
    RunningNode,
    SinkNode,
    SourceNode,
    TopNode,
    UnionNode,
)
from merganser.errors import UserError


def check_source_upgrade(old: Source, new: Source) -> None:
    """Raises UserError if `new` cannot take the place of `old`."""
    if old.is_table != new.is_table:
        raise _refused(old, f"a {old.kind} cannot become a {new.kind}")
    if old.read_only or new.read_only:
        raise _refused(old, "SOURCE streams and tables cannot be replaced")
    if old.topic != new.topic:
        raise _refused(old, f"the topic cannot change from {old.topic} to {new.topic}")
    for part, mine, other in (
        ("key format", old.key_format, new.key_format),
        ("value format", old.value_format, new.value_format),
    ):
        if (mine.name, mine.delimiter, mine.properties) != (
            other.name,
            other.delimiter,
            other.properties,
        ):
            raise _refused(old, f"the {part} cannot change from {mine.name} to {other.name}")
    if old.timestamp != new.timestamp:
        raise _refused(old, "the timestamp column cannot change")
    if old.window != new.window:
        raise _refused(old, "the window cannot change")
    if old.schema.key != new.schema.key:
        raise _refused(old, "key columns cannot change")
    if new.schema.value[: len(old.schema.value)] != old.schema.value:
        raise _refused(old, "columns are changed, missing or reordered")


def check_plan_upgrade(old: PlanNode, new: PlanNode) -> None:
    """Raises UserError if a query cannot go on with another plan on its old state."""
    mine, other = _shape(old), _shape(new)
    for node in (*mine, *other):
        if isinstance(
            node, JoinNode | FlatMapNode | DerivedNode | UnionNode | RunningNode | TopNode
        ) or (isinstance(node, AggregateNode) and (node.over is not None or node.child.is_table)):
            raise UserError(f"upgrades are not supported for a query with {node.label}")
        if isinstance(node, SourceNode) and node.window is not None:
            raise UserError("upgrades are not supported for windowed sources")
    if len(mine) != len(other):
        raise UserError("the steps of the query have changed: an upgrade cannot add or remove them")
    for before, after in zip(mine, other, strict=True):
        _check_step(before, after)


def _shape(plan: PlanNode) -> list[PlanNode]:
    """The steps that hold state or identity.

    Filters and projections may come and go, but not the filter below an aggregation.
    """
    nodes = list(plan.walk())
    aggregated = any(isinstance(node, AggregateNode) for node in nodes)
    free = (ProjectNode, SinkNode) if aggregated else (FilterNode, ProjectNode, SinkNode)
    return [node for node in nodes if not isinstance(node, free)]


def _check_step(before: PlanNode, after: PlanNode) -> None:
    if type(before) is not type(after):
        raise UserError(f"an upgrade cannot turn {before.label} into {after.label}")
    match before, after:
        case SourceNode(), SourceNode():
            if before.source.name != after.source.name:
                raise UserError("an upgrade cannot change the source")
        case RekeyNode(), RekeyNode():
            if before.keys != after.keys:
                raise UserError("an upgrade cannot change PARTITION BY")
        case AggregateNode(), AggregateNode():
            if (before.group, before.calls) != (after.group, after.calls):
                raise UserError("an upgrade cannot change grouping or aggregates")
        case _:
            pass


def _refused(source: Source, why: str) -> UserError:
    return UserError(f"cannot upgrade {source.kind} {source.name}: {why}")
