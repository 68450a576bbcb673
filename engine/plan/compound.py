"""Queries inside queries: WITH, sub-queries in FROM, UNION ALL.

All become one plan, so nothing is written in between:

- A name of WITH stands for its query, wherever FROM or JOIN has it.
- A sub-query follows the rules of CREATE … AS SELECT, so its key columns are selected.
- A sub-query in a JOIN only filters, projects and re-keys one source. Others change within an epoch
  without telling each version, which a join would have to see.
- UNION ALL puts streams together, column by column in written order, as they arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from merganser.engine.catalog import Source
from merganser.engine.expression import ColumnRef, Expression
from merganser.engine.plan.coercion import convert, merge_types
from merganser.engine.plan.nodes import (
    DerivedNode,
    FilterNode,
    FlatMapNode,
    JoinNode,
    PlanNode,
    ProjectNode,
    RekeyNode,
    RunningNode,
    SourceNode,
    UnionNode,
)
from merganser.engine.schema import Schema
from merganser.engine.types import SqlType
from merganser.errors import (
    KeyRuleError,
    NameTakenError,
    Span,
    TypeMismatchError,
    UnsupportedError,
    UserError,
)
from merganser.parser import ast

UNNAMED = "SUBQUERY"


def expanded(query: ast.Query, outer: Mapping[str, ast.Query] | None = None) -> ast.Query:
    """The query with each name of WITH replaced by the query that it stands for.

    A name is known behind its own definition only, and goes before a source of that name.

    Raises:
        NameTakenError: WITH gives a name twice.
    """
    known = dict(outer or {})
    mine: set[str] = set()
    for cte in query.ctes:
        if cte.name in mine:
            raise NameTakenError(f"WITH gives the name {cte.name} twice", span=cte.span)
        mine.add(cte.name)
        known[cte.name] = expanded(cte.query, known)
    if not known and not query.is_compound:
        return query

    def put_in(ref: ast.SourceRef) -> ast.SourceRef:
        if ref.query is not None:
            return replace(ref, query=expanded(ref.query, known))
        if ref.name in known:
            return replace(ref, query=known[ref.name], alias=ref.alias or ref.name)
        return ref

    return replace(
        query,
        ctes=(),
        source=put_in(query.source),
        joins=tuple(replace(join, source=put_in(join.source)) for join in query.joins),
        union=tuple(expanded(member, known) for member in query.union),
    )


def check_subquery(query: ast.Query, span: Span) -> None:
    """Raises UnsupportedError for clauses that only the whole query may have."""
    if query.limit is not None:
        raise UnsupportedError(
            "LIMIT cannot be used in a sub-query: it would end there, and not with the query",
            hint="QUALIFY ROW_NUMBER() OVER (PARTITION BY …) <= n keeps n rows of a key.",
            span=span,
        )
    if query.emit is not None:
        raise UnsupportedError(
            "EMIT cannot be used in a sub-query",
            hint="EMIT CHANGES stands once, at the end of the whole query. EMIT FINAL needs a "
            "CREATE TABLE … AS SELECT of its own.",
            span=span,
        )


def derived_source(root: ProjectNode, left: Source, name: str) -> Source:
    """A sub-query as what FROM knows of a stream or table. `left` is its leftmost source."""
    return replace(
        left,
        name=name,
        is_table=root.is_table,
        schema=root.schema,
        window=root.window,
        timestamp=None,
        query_id=None,
    )


def check_derived(query: ast.Query, nodes: Sequence[SourceNode]) -> None:
    """Raises UnsupportedError where a sub-query's rows do not suit what is above it."""
    joined = bool(query.joins)
    seen: dict[str, str] = {}
    for node, ref in zip(nodes, _refs(query), strict=True):
        if not isinstance(node, DerivedNode):
            _note_sources(node, seen, ref, joined=joined)
            continue
        if joined and not all(isinstance(part, _ROW_BY_ROW) for part in node.walk()):
            raise UnsupportedError(
                f"the sub-query {node.alias} cannot be joined: in a JOIN a sub-query can only "
                "select from, filter and re-key one stream or table",
                hint="Make it a stream or table with CREATE … AS SELECT, and join that.",
                span=ref.span,
            )
        if node.window is not None and (joined or query.group_by is not None):
            raise UnsupportedError(
                f"the windowed sub-query {node.alias} can only be filtered and selected from",
                hint="Make it a table with CREATE TABLE … AS SELECT.",
                span=ref.span,
            )
        if not joined and any(map(_joins_streams, node.walk())) and _has_union(node):
            raise UnsupportedError(
                "a UNION ALL over a join of streams cannot be a sub-query: the join's rows have "
                "no common order with the others'",
                hint="Make the join a stream with CREATE STREAM … AS SELECT.",
                span=ref.span,
            )
        _note_sources(node, seen, ref, joined=joined)


def check_table_functions(node: PlanNode, span: Span) -> None:
    """Raises UnsupportedError if a table function's rows go to another one in the same query."""
    maps = [part for part in node.walk() if isinstance(part, FlatMapNode)]
    if any(isinstance(below, FlatMapNode) for part in maps for below in part.child.walk()):
        raise UnsupportedError(
            "table functions over the rows of a sub-query's table functions are not supported",
            hint="Make the sub-query a stream with CREATE STREAM … AS SELECT.",
            span=span,
        )


_ROW_BY_ROW = (SourceNode, DerivedNode, ProjectNode, FilterNode, RekeyNode, RunningNode)


def _refs(query: ast.Query) -> list[ast.SourceRef]:
    return [query.source, *(join.source for join in query.joins)]


def _note_sources(
    node: SourceNode, seen: dict[str, str], ref: ast.SourceRef, *, joined: bool
) -> None:
    for part in node.walk():
        if not isinstance(part, SourceNode) or isinstance(part, DerivedNode):
            continue
        if joined and part.source.name in seen:
            raise UserError(
                f"cannot join '{part.source.name}' to itself: self joins are not yet supported",
                span=ref.span,
            )
        seen[part.source.name] = node.alias


def _joins_streams(node: PlanNode) -> bool:
    return isinstance(node, JoinNode) and not node.right.is_table


def _has_union(node: PlanNode) -> bool:
    return any(isinstance(part, UnionNode) for part in node.walk())


def united(roots: Sequence[ProjectNode], members: Sequence[ast.Query]) -> ProjectNode:
    """The projections of all SELECTs of a UNION ALL as one; names are the first one's.

    Raises:
        UserError: One gives a table, or columns of other number, key or types.
    """
    first = roots[0]
    for root, member in zip(roots, members, strict=True):
        if root.is_table:
            raise UnsupportedError(
                "UNION ALL takes streams, this SELECT gives a table",
                detail="Rows of one key from both sides would have to be told apart for ever.",
                hint="A FULL OUTER JOIN of tables on their key has the rows of both.",
                span=member.span,
            )
        if root.window is not None:
            raise UnsupportedError("UNION ALL takes no windowed streams", span=member.span)
        _check_columns(first, root, member)
    kinds = [_common(roots, members, index) for index in range(len(first.items))]
    columns = tuple(
        replace(column, type=kind) for column, kind in zip(first.schema, kinds, strict=True)
    )
    schema = Schema(columns)
    inputs = tuple(
        replace(
            root,
            items=tuple(
                (column.name, convert(item, column.type))
                for column, (_, item) in zip(columns, root.items, strict=True)
            ),
            output=schema,
        )
        for root in roots
    )
    items: list[tuple[str, Expression]] = [(c.name, ColumnRef(c.name, c.type)) for c in columns]
    return ProjectNode(UnionNode(inputs, schema), tuple(items), schema)


def _check_columns(first: ProjectNode, root: ProjectNode, member: ast.Query) -> None:
    if len(root.items) != len(first.items):
        raise TypeMismatchError(
            f"UNION ALL needs the same number of columns: the first SELECT has "
            f"{len(first.items)}, this one {len(root.items)}",
            span=member.span,
        )
    mine, other = ([c.role for c in node.schema] for node in (first, root))
    if mine != other:
        raise KeyRuleError(
            "UNION ALL needs the same key columns in each SELECT: the first has "
            f"{first.schema.sql()}, this one {root.schema.sql()}",
            hint="PARTITION BY gives a stream another key.",
            span=member.span,
        )


def _common(roots: Sequence[ProjectNode], members: Sequence[ast.Query], index: int) -> SqlType:
    kind = roots[0].schema.columns[index].type
    for root, member in zip(roots[1:], members[1:], strict=True):
        column = root.schema.columns[index]
        merged = merge_types(kind, column.type)
        if merged is None:
            raise TypeMismatchError(
                f"UNION ALL needs one type for column {index + 1}: {column.name} is {column.type}, "
                f"before it was {kind}",
                hint="CAST one of them.",
                span=member.span,
            )
        kind = merged
    return kind
