"""From a parsed SELECT to a logical plan.

Order of work, as ksqlDB has it: sources and joins, WHERE, table functions, PARTITION BY or
GROUP BY, HAVING, projection. Key rules are checked where the projection meets the key.
Source: parity/statements.md, queries; semantics.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from merganser.engine.catalog import Catalog, Source
from merganser.engine.expression import (
    AggregateCall,
    ColumnRef,
    Expression,
    TableCall,
)
from merganser.engine.plan.aggregation import add_aggregation, aggregate_calls
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.compound import (
    UNNAMED,
    check_derived,
    check_subquery,
    check_table_functions,
    derived_source,
    expanded,
    united,
)
from merganser.engine.plan.draft import Draft, KeyPart, SelectedItem
from merganser.engine.plan.joins import add_joins, source_node
from merganser.engine.plan.nodes import (
    DerivedNode,
    FilterNode,
    FlatMapNode,
    PlanNode,
    ProjectNode,
    RekeyNode,
    SourceNode,
)
from merganser.engine.plan.projection import project
from merganser.engine.plan.scope import WINDOW_BOUNDS, SourceScope
from merganser.engine.plan.select import default_name, select_items
from merganser.engine.plan.windows import add_windows, has_windows
from merganser.engine.schema import PSEUDO_COLUMNS, Column, Role, Schema
from merganser.engine.types import BOOLEAN, MapType, SqlType
from merganser.errors import KeyRuleError, TypeMismatchError, UnsupportedError, UserError
from merganser.parser import ast


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    """A planned SELECT, before it is given a sink.

    Attributes:
        root: The projection.
        sources: The sources it reads, leftmost first.
        key_dropped: PARTITION BY NULL, or a source without key columns.
    """

    root: ProjectNode
    sources: tuple[Source, ...]


def plan_query(
    query: ast.Query,
    catalog: Catalog,
    *,
    persistent: bool,
    properties: Mapping[str, object],
    is_inner: bool = False,
    forbidden: frozenset[str] = frozenset(),
) -> PlannedQuery:
    """Plans a push query's or a persistent query's SELECT. `forbidden` columns may not be used.

    `is_inner`: it is a sub-query, so it need not have columns beside its key.

    Raises:
        UserError: A rule of the language is broken; with position where it is known.
    """
    query = expanded(query)
    if query.union:
        return _plan_union(
            query, catalog, persistent=persistent, properties=properties, is_inner=is_inner
        )
    nodes, sources = _planned_nodes(query, catalog, properties)
    if str(properties.get(STRICT_TIME, "false")).lower() == "true":
        nodes = [replace(node, strict_time=True) for node in nodes]
    _check_sources(query, nodes, persistent=persistent)
    scope = SourceScope(
        nodes,
        bounds=query.window is not None and not query.joins,
        forbidden=forbidden,
        custom_types=catalog.types,
    )
    draft, scope = add_joins(query, nodes, scope)
    where_scope = replace(
        scope, forbidden=forbidden | frozenset(WINDOW_BOUNDS if query.window else ())
    )
    if query.where is not None:
        predicate = _predicate(query.where, where_scope, "WHERE")
        draft = replace(draft, node=FilterNode(draft.node, predicate))
    items = select_items(
        query,
        replace(scope, allow_aggregates=True, allow_table_functions=True, window_calls=True),
        persistent=persistent,
    )
    having = None
    if query.having is not None:
        having = _predicate(query.having, replace(scope, allow_aggregates=True), "HAVING")
    draft, items = _add_table_functions(draft, items)
    if has_windows(query):
        draft, items = add_windows(query, draft, items, scope)
    if query.partition_by is not None:
        draft = _add_partition_by(query, draft, items, scope)
    if query.group_by is not None or aggregate_calls(items, having):
        draft, items = add_aggregation(
            query, draft, items, having, where_scope, persistent=persistent, properties=properties
        )
    else:
        _check_no_aggregation(query)
    root = project(
        query,
        draft,
        items,
        persistent=persistent,
        properties=properties,
        needs_values=not is_inner,
    )
    check_table_functions(root, query.span)
    for node in root.walk():
        node.check()
    return PlannedQuery(root, sources)


def _plan_union(
    query: ast.Query,
    catalog: Catalog,
    *,
    persistent: bool,
    properties: Mapping[str, object],
    is_inner: bool,
) -> PlannedQuery:
    """Plans each SELECT of a UNION ALL for itself, and puts them together."""
    if query.emit is ast.Emit.FINAL:
        raise UserError("EMIT FINAL is only for windowed aggregations", span=query.span)
    members = [replace(query, union=(), limit=None), *query.union]
    planned = [
        plan_query(member, catalog, persistent=persistent, properties=properties, is_inner=is_inner)
        for member in members
    ]
    root = united([each.root for each in planned], members)
    for node in root.walk():
        node.check()
    sources = {source.name: source for each in planned for source in each.sources}
    return PlannedQuery(root, tuple(sources.values()))


def _planned_nodes(
    query: ast.Query, catalog: Catalog, properties: Mapping[str, object]
) -> tuple[list[SourceNode], tuple[Source, ...]]:
    """The sources of a query, sub-queries planned; and what they read, leftmost first."""
    if not query.is_compound:
        nodes = source_nodes(query, catalog)
        return nodes, tuple(node.source for node in nodes)
    plans: dict[int, PlannedQuery] = {}
    known = catalog
    refs: list[ast.SourceRef] = []
    for index, ref in enumerate([query.source, *(join.source for join in query.joins)]):
        if ref.query is None:
            refs.append(ref)
            continue
        check_subquery(ref.query, ref.span)
        inner = plan_query(
            ref.query, catalog, persistent=True, properties=properties, is_inner=True
        )
        plans[index] = inner
        alias = ref.alias or UNNAMED
        # In brackets, as no stream or table is.
        source = derived_source(inner.root, inner.sources[0], f"({alias})")
        known = known.with_source(source, replace_existing=True)
        refs.append(ast.SourceRef(source.name, alias, span=ref.span))
    first, *others = refs
    joins = tuple(replace(join, source=ref) for join, ref in zip(query.joins, others, strict=True))
    nodes = source_nodes(replace(query, source=first, joins=joins), known)
    sources: dict[str, Source] = {}
    for index, node in enumerate(nodes):
        if index in plans:
            nodes[index] = DerivedNode(
                node.source, node.alias, node.columns, node.output, child=plans[index].root
            )
            sources.update((source.name, source) for source in plans[index].sources)
        else:
            sources[node.source.name] = node.source
    check_derived(query, nodes)
    return nodes, tuple(sources.values())


STRICT_TIME = "ksql.timestamp.throw.on.invalid"


def source_nodes(query: ast.Query, catalog: Catalog) -> list[SourceNode]:
    """The sources of a query in written order.

    Raises:
        UserError: There is no such source, or one stands there twice.
    """
    refs = [query.source, *(join.source for join in query.joins)]
    joined = len(refs) > 1
    names: set[str] = set()
    aliases: set[str] = set()
    nodes = []
    for ref in refs:
        source = catalog.source(ref.name, ref.span)
        if ref.name in names:
            raise UserError(
                f"cannot join '{ref.name}' to itself: self joins are not yet supported",
                span=ref.span,
            )
        names.add(ref.name)
        alias = ref.alias or ref.name
        if alias in aliases:
            raise UserError(f"the source name {alias} is used twice", span=ref.span)
        aliases.add(alias)
        nodes.append(source_node(source, alias, _pseudo_used(query, alias, ref), joined=joined))
    return nodes


def _pseudo_used(query: ast.Query, alias: str, ref: ast.SourceRef) -> frozenset[str]:
    """Pseudo columns that the query takes from this source of a join, by qualified name.

    Behind PARTITION BY a star holds them too.
    """
    used: set[str] = set()
    stars = [item for item in query.items if isinstance(item, ast.SelectAll)]
    if query.partition_by and any(star.source in (None, alias) for star in stars):
        used.update(PSEUDO_COLUMNS.keys() - set(WINDOW_BOUNDS))
    roots = [item.expression for item in query.items if not isinstance(item, ast.SelectAll)]
    roots += [e for e in (query.where, query.having, query.qualify) if e is not None]
    roots += [*(query.group_by or ()), *(query.partition_by or ())]
    roots += [join.on for join in query.joins]
    for root in roots:
        for column in root.find_all(exp.Column):
            if column.table in (alias, ref.name):
                used.add(str(column.name))
    return frozenset(used)


def _check_sources(query: ast.Query, nodes: list[SourceNode], *, persistent: bool) -> None:
    windowed = [node.source for node in nodes if node.source.window is not None]
    if windowed and len(windowed) != len(nodes):
        raise UserError("windowed and non-windowed sources cannot be joined")
    kinds = {node.source.window.kind == "SESSION" for node in nodes if node.source.window}
    if len(kinds) > 1:
        raise UserError("session windows can only be joined with session windows")
    if persistent:
        derived = {node.source.name for node in nodes if isinstance(node, DerivedNode)}
        for source in windowed:
            if source.is_table and source.name not in derived:
                raise UnsupportedError(
                    f"persistent queries on windowed tables are not supported: {source.name}"
                )
    for node in nodes:
        stateful = query.joins or query.group_by is not None or node.source.is_table
        if stateful and node.source.value_format.name == "KAFKA" and persistent:
            raise UserError(
                "sources with value format KAFKA can only be used in queries without state: "
                f"not in JOIN, GROUP BY or as a table, as {node.source.name} is"
            )


def _predicate(node: exp.Expression, scope: SourceScope, clause: str) -> Expression:
    predicate = bind_expression(node, replace(scope, time_texts=True))
    if predicate.result_type != BOOLEAN:
        raise TypeMismatchError(
            f"{clause} needs a BOOLEAN, this is {predicate.result_type}",
            span=node.meta.get("span"),
        )
    if any(isinstance(inner, TableCall) for inner in predicate.walk()):
        raise UserError(f"table functions cannot be used in {clause}")
    return predicate


def _add_table_functions(
    draft: Draft, items: tuple[SelectedItem, ...]
) -> tuple[Draft, tuple[SelectedItem, ...]]:
    calls: dict[TableCall, str] = {}

    def lift(expression: Expression) -> Expression:
        if isinstance(expression, TableCall):
            name = calls.setdefault(expression, f"KSQL_SYNTH_{len(calls)}")
            return ColumnRef(name, expression.type)
        return expression.map_children(lift)

    lifted = [replace(item, expression=lift(item.expression)) for item in items]
    if not calls:
        return draft, items
    if draft.node.is_table:
        raise UserError("table functions can only be used with a stream source")
    added = tuple(Column(name, call.type) for call, name in calls.items())
    node = FlatMapNode(
        draft.node,
        tuple((name, call) for call, name in calls.items()),
        Schema(draft.node.schema.columns + added),
    )
    return replace(draft, node=node), tuple(lifted)


def _add_partition_by(
    query: ast.Query, draft: Draft, items: tuple[SelectedItem, ...], scope: SourceScope
) -> Draft:
    assert query.partition_by is not None
    if query.group_by is not None:
        raise UserError("PARTITION BY cannot be used with GROUP BY")
    if draft.node.is_table:
        raise UserError("PARTITION BY can only be used with streams")
    if draft.node.window is not None:
        raise UserError("PARTITION BY cannot be used with windowed sources")
    nodes = query.partition_by
    if len(nodes) == 1 and isinstance(nodes[0], exp.Null):
        return _rekeyed(draft, ())
    names = {item.expression: item.name for item in items if item.named}
    parts: list[KeyPart] = []
    generated = 0
    for node in nodes:
        expression = bind_expression(node, scope)
        if isinstance(node, exp.Null):
            raise UserError("PARTITION BY NULL cannot be combined with other expressions")
        check_key_type(expression.result_type, "PARTITION BY")
        default = names.get(expression) or default_name(node)
        if default is None:
            default, generated = f"KSQL_COL_{generated}", generated + 1
        column = (
            expression.name
            if isinstance(expression, ColumnRef) and draft.node.schema.find(expression.name)
            else f"KSQL_KEY_{len(parts)}"
        )
        if any(part.source == expression for part in parts):
            raise UserError(f"PARTITION BY has {expression} twice")
        parts.append(KeyPart(column, (column,), expression, default))
    return _rekeyed(draft, tuple(parts))


def _rekeyed(draft: Draft, parts: tuple[KeyPart, ...]) -> Draft:
    moved = {part.column for part in parts}
    keys = tuple(
        Column(part.column, part.source.result_type, Role.KEY)
        for part in parts
        if part.source is not None
    )
    rest = tuple(
        replace(column, role=Role.VALUE) for column in draft.node.schema if column.name not in moved
    )
    node: PlanNode = RekeyNode(
        draft.node,
        tuple((part.column, part.source) for part in parts if part.source is not None),
        Schema(keys + rest),
    )
    return Draft(node, parts)


def check_key_type(sql_type: SqlType, clause: str) -> None:
    """Raises KeyRuleError for types that no key can have."""
    if isinstance(sql_type, MapType):
        raise KeyRuleError(f"{clause} cannot make a key of type {sql_type}: MAP is not supported")


def _check_no_aggregation(query: ast.Query) -> None:
    if query.window is not None:
        raise UserError("WINDOW needs GROUP BY", span=query.window.span)
    if query.having is not None:
        raise UserError("HAVING needs GROUP BY")
    if query.emit is ast.Emit.FINAL:
        raise UserError("EMIT FINAL is only for windowed aggregations")


def has_aggregates(expression: Expression) -> bool:
    """Whether an aggregate call stands anywhere inside."""
    return any(isinstance(node, AggregateCall) for node in expression.walk())
