"""Operators without state: filter, projection, PARTITION BY, table functions.

They only wrap SQL, so a run of them is one statement.
State: none. Time: nothing moves.
Source: parity/semantics.md, sections 2, 7 and 8.
"""

from __future__ import annotations

from dataclasses import replace

from merganser.engine.duck import identifier
from merganser.engine.execution.expressions.compile import compile_expression, compile_predicate
from merganser.engine.execution.rows import Changes, ErrorCheck, Rows
from merganser.engine.expression import ColumnRef
from merganser.engine.plan.nodes import FilterNode, FlatMapNode, ProjectNode, RekeyNode

SEQ_STRIDE = 1 << 22  # Room between two rows' `$seq` for what a table function makes of one.


def filter_rows(node: FilterNode, rows: Rows) -> Rows:
    """Rows that pass a predicate. A stream's record without value is dropped.

    Over retracting rows each side of an update is judged for itself, so a row that stops matching
    leaves only its −1: a tombstone downstream.
    """
    predicate = compile_predicate(node.predicate)
    if rows.changes is Changes.STREAM:
        rows = rows.filter('NOT "$tombstone"')
    else:
        assert rows.changes is Changes.RETRACT
    rows = rows.checked(*ErrorCheck.of(rows.source, predicate, "WHERE", node.predicate))
    return rows.filter(predicate.sql)


def filter_changes(node: FilterNode, rows: Rows) -> Rows:
    """Upserts that pass a predicate; all others become tombstones.

    For rows whose old versions nobody keeps: parity/semantics.md, section 12, item 24.
    """
    assert rows.changes is Changes.UPSERT
    predicate = compile_predicate(node.predicate)
    rows = rows.checked(*ErrorCheck.of(rows.source, predicate, "WHERE", node.predicate))
    gone = f'"$tombstone" OR ({predicate.sql}) IS NOT TRUE'
    return replace(rows, source=f'(SELECT * REPLACE ({gone} AS "$tombstone") FROM {rows.source})')


def project_rows(node: ProjectNode, rows: Rows) -> Rows:
    """The output columns."""
    columns: list[str] = []
    source = rows
    for name, item in node.items:
        compiled = compile_expression(item)
        columns.append(f"{compiled.sql} AS {identifier(name)}")
        rows = rows.checked(*ErrorCheck.of(source.source, compiled, "SELECT", item))
    return rows.select(columns, schema=node.schema)


def rekey_rows(node: RekeyNode, rows: Rows) -> Rows:
    """PARTITION BY: a failing key expression gives a NULL key.

    So does a record without value, but where only key columns are used.
    """
    columns: list[str] = []
    source = rows
    moved = dict(node.keys)
    old_keys = {column.name for column in node.child.schema.key}
    for column in node.schema:
        key = moved.get(column.name)
        if key is None:
            columns.append(identifier(column.name))
            continue
        compiled = compile_expression(key)
        used = {inner.name for inner in key.walk() if isinstance(inner, ColumnRef)}
        sql = compiled.sql
        if used and not used <= old_keys:
            sql = f'CASE WHEN NOT "$tombstone" THEN {sql} END'
        columns.append(f"{sql} AS {identifier(column.name)}")
        rows = rows.checked(*ErrorCheck.of(source.source, compiled, "PARTITION BY", key))
    return rows.select(columns, schema=node.schema)


def flat_map_rows(node: FlatMapNode, rows: Rows) -> Rows:
    """One row per element of the longest list; shorter lists are padded with NULL."""
    rows = rows.filter('NOT "$tombstone"')
    source = rows
    lists: list[str] = []
    for _, call in node.calls:
        compiled = compile_expression(call)
        lists.append(compiled.sql)
        rows = rows.checked(*ErrorCheck.of(source.source, compiled, "SELECT", call))
    names = [identifier(f"$list_{index}") for index in range(len(lists))]
    old = [identifier(column.name) for column in source.schema]
    engine = [name for name in source.engine_columns if name != '"$seq"']
    with_lists = ", ".join(
        [*old, *source.engine_columns]
        + [f"{sql} AS {name}" for sql, name in zip(lists, names, strict=True)]
    )
    longest = f"greatest({', '.join(f'coalesce(len({name}), 0)' for name in names)})"
    unnested = [
        f"unnest({name}) AS {identifier(column)}"
        for name, (column, _) in zip(names, node.calls, strict=True)
    ]
    outer = ", ".join(
        [*old, *unnested, *engine, f'unnest(range({longest})) AS "$element"', '"$seq"']
    )
    final = ", ".join(
        [
            *(identifier(column.name) for column in node.schema),
            *engine,
            f'"$seq" * {SEQ_STRIDE} + "$element" AS "$seq"',
        ]
    )
    sql = f"(SELECT {final} FROM (SELECT {outer} FROM (SELECT {with_lists} FROM {source.source})))"
    return Rows(sql, node.schema, rows.changes, rows.windowed, rows.ordered, rows.checks)
