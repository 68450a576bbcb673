"""The plan of CREATE SOURCE TABLE: the table's rows, kept and written nowhere."""

from __future__ import annotations

from merganser.engine.catalog import Source
from merganser.engine.expression import ColumnRef
from merganser.engine.plan.joins import source_node
from merganser.engine.plan.nodes import ProjectNode
from merganser.engine.schema import Schema


def materialize_plan(source: Source) -> ProjectNode:
    """All columns of a table."""
    node = source_node(source, source.name, frozenset(), joined=False)
    columns = tuple(column for column in node.schema)
    items = tuple((column.name, ColumnRef(column.name, column.type)) for column in columns)
    return ProjectNode(node, items, Schema(columns))
