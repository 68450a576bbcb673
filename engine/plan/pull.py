"""Pull queries: a SELECT over the rows that a table has at this moment.

Source: parity/statements.md, pull query rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from merganser.engine.catalog import Catalog, Source
from merganser.engine.expression import AggregateCall, ColumnRef, Expression, TableCall
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.joins import source_node
from merganser.engine.plan.scope import WINDOW_BOUNDS, SourceScope
from merganser.engine.plan.select import select_items
from merganser.engine.schema import Column, Role
from merganser.engine.types import BOOLEAN
from merganser.errors import TypeMismatchError, UnsupportedError, UserError
from merganser.parser import ast

PULL_FORBIDDEN = frozenset({"ROWPARTITION", "ROWOFFSET"})
"""What a row lost when it was materialized; ksqlDB refuses it on streams, too."""


@dataclass(frozen=True, slots=True)
class PulledQuery:
    """A planned pull query.

    Attributes:
        items: Output column → expression over the table's columns; keys come first for `*`.
        columns: The output columns; KEY marks those that show a key column.
    """

    source: Source
    items: tuple[Expression, ...]
    columns: tuple[Column, ...]
    where: Expression | None
    limit: int | None


def plan_pull(query: ast.Query, catalog: Catalog) -> PulledQuery:
    """Plans a pull query on a table.

    Raises:
        UserError: A clause that pull queries do not have, unknown names, wrong types.
    """
    source = catalog.source(query.source.name, query.source.span)
    check_pull_clauses(query)
    node = source_node(source, query.source.alias or source.name, frozenset(), joined=False)
    scope = SourceScope(
        [node],
        forbidden=PULL_FORBIDDEN,
        custom_types=catalog.types,
    )
    selecting = replace(scope, allow_aggregates=True, allow_table_functions=True)
    items = select_items(query, selecting, persistent=False)
    for item in items:
        for inner in item.expression.walk():
            if isinstance(inner, AggregateCall | TableCall):
                raise UnsupportedError(
                    f"pull queries cannot use aggregate or table functions: {inner}"
                )
    where = None
    if query.where is not None:
        where = bind_expression(query.where, replace(scope, time_texts=True))
        if where.result_type != BOOLEAN:
            raise TypeMismatchError(
                f"WHERE needs a BOOLEAN, this is {where.result_type}",
                span=query.where.meta.get("span"),
            )
    keys = {column.name for column in source.schema.key} | set(WINDOW_BOUNDS)
    columns = tuple(
        Column(
            item.name,
            item.expression.result_type,
            Role.KEY
            if isinstance(item.expression, ColumnRef) and item.expression.name in keys
            else Role.VALUE,
        )
        for item in items
    )
    if query.limit is not None and query.limit < 0:
        raise UserError("LIMIT must not be negative")
    return PulledQuery(
        source, tuple(item.expression for item in items), columns, where, query.limit
    )


def check_pull_clauses(query: ast.Query) -> None:
    """Raises UserError for clauses that only push queries have."""
    for clause, present in (
        ("JOIN", bool(query.joins)),
        ("WINDOW", query.window is not None),
        ("GROUP BY", query.group_by is not None),
        ("PARTITION BY", query.partition_by is not None),
        ("HAVING", query.having is not None),
        ("QUALIFY", query.qualify is not None),
    ):
        if present:
            raise UserError(
                f"pull queries do not support {clause} clauses",
                hint="Add EMIT CHANGES for a push query.",
                span=query.span,
            )
