"""The last step of a SELECT: output columns, and which of them are the key.

Source: parity/statements.md, queries: a persistent projection holds every key column exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merganser.engine.expression import ColumnRef, Expression
from merganser.engine.plan.draft import Draft, KeyPart, SelectedItem
from merganser.engine.plan.nodes import ProjectNode
from merganser.engine.schema import Column, Role, Schema
from merganser.errors import KeyRuleError, NameTakenError
from merganser.parser import ast


def project(
    query: ast.Query,
    draft: Draft,
    items: tuple[SelectedItem, ...],
    *,
    persistent: bool,
    properties: Mapping[str, object],
    needs_values: bool = True,
) -> ProjectNode:
    """The projection node: persistent ones list key columns first, transient ones as written.

    Raises:
        KeyRuleError: A key column is missing or twice, or no value column is left.
    """
    rekeyed = query.partition_by is not None
    items = _expand_star_after_rekey(query, draft, items) if rekeyed else items
    lowered = [(item, _over_key(item.expression, draft.key)) for item in items]
    chosen = _choose_keys(draft, lowered, once=persistent)
    if not persistent:
        return _transient(draft, lowered, chosen)
    key_is_optional = (
        str(properties.get("ksql.new.query.planner.enabled", "false")).lower() == "true"
    )
    keys: list[tuple[str, Expression, Column]] = []
    for part in draft.key:
        index = chosen.get(part.column)
        if index is None:
            if key_is_optional:
                continue
            wanted = " or ".join(f"`{name}`" for name in part.equivalents)
            if part.default_name is not None and part.column.startswith("KSQL_KEY_"):
                wanted = str(part.source)
            raise KeyRuleError(
                f"key missing from projection: the query result must contain {wanted}",
                hint="Add the key column to the SELECT list; it may have an alias.",
                span=query.span,
            )
        column = draft.node.schema.find(part.column)
        assert column is not None
        name = lowered[index][0].name
        keys.append(
            (name, ColumnRef(part.column, column.type), Column(name, column.type, Role.KEY))
        )
    taken = set(chosen.values())
    values = [
        (item.name, expression, Column(item.name, expression.result_type))
        for index, (item, expression) in enumerate(lowered)
        if index not in taken
    ]
    if needs_values and not values:
        raise KeyRuleError("the projection contains no value columns")
    columns = tuple(column for *_, column in keys + values)
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise NameTakenError(f"the projection contains the column `{name}` twice")
    return ProjectNode(
        draft.node,
        tuple((name, expression) for name, expression, _ in keys + values),
        Schema(columns),
    )


def _transient(
    draft: Draft, lowered: Sequence[tuple[SelectedItem, Expression]], chosen: Mapping[str, int]
) -> ProjectNode:
    taken = set(chosen.values())
    columns = tuple(
        Column(item.name, expression.result_type, Role.KEY if index in taken else Role.VALUE)
        for index, (item, expression) in enumerate(lowered)
    )
    return ProjectNode(draft.node, tuple((item.name, e) for item, e in lowered), Schema(columns))


def _over_key(expression: Expression, key: Sequence[KeyPart]) -> Expression:
    """PARTITION BY expressions that the SELECT list repeats become the new key column."""
    for part in key:
        if part.source is not None and part.source == expression:
            return ColumnRef(part.column, part.source.result_type)
    return expression


def _choose_keys(
    draft: Draft, lowered: Sequence[tuple[SelectedItem, Expression]], *, once: bool
) -> dict[str, int]:
    """Key column → index of the select item that shows it; the first equivalent wins.

    `once` refuses a key column that is shown twice: records have one key.
    """
    chosen: dict[str, int] = {}
    for part in draft.key:
        for name in part.equivalents:
            shown = [
                index
                for index, (_, expression) in enumerate(lowered)
                if isinstance(expression, ColumnRef) and expression.name == name
            ]
            if once and len(shown) > 1:
                names = ", ".join(f"`{lowered[index][0].name}`" for index in shown)
                raise KeyRuleError(
                    f"the projection contains a key column more than once: {names}",
                    hint="Use AS_VALUE to copy a key column into the value.",
                )
            if shown:
                chosen[part.column] = shown[0]
                break
    return chosen


def _expand_star_after_rekey(
    query: ast.Query, draft: Draft, items: tuple[SelectedItem, ...]
) -> tuple[SelectedItem, ...]:
    """After PARTITION BY a star also holds the new key columns that were computed."""
    if not any(isinstance(item, ast.SelectAll) for item in query.items):
        return items
    new = []
    for part in draft.key:
        assert part.source is not None
        selected = any(item.expression == part.source for item in items)
        if not selected and part.default_name is not None:
            new.append(SelectedItem(part.default_name, part.source, named=False))
    return (*new, *items)
