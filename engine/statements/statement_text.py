"""Statements as they are shown: what they say and what follows from it, in ksqlDB's layout.

CREATE shows resolved types and the properties of the topic, sorted by name; CREATE … AS SELECT also
the source of each column and the name of each result. Values of INSERT and settings of connectors
are never shown.
Source: parity/rest-api.md, section 5; recorded exchanges of a ksqlDB server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from merganser.engine.formats.format import FORMATS
from merganser.engine.plan.build import source_nodes
from merganser.engine.plan.nodes import SourceNode
from merganser.engine.plan.resolve_type import resolve_type
from merganser.engine.plan.select import ItemNamer
from merganser.engine.plan.with_clause import WithClause
from merganser.engine.schema import PSEUDO_COLUMNS, Role
from merganser.engine.statements.handlers import Session
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType
from merganser.errors import UserError
from merganser.parser import ast
from merganser.parser.words import quote

RETENTION_MS_DEFAULT = 604_800_000  # Kafka's: seven days.
_SETTING = re.compile(r"['\"`]([^'\"`]+)['\"`](\s*=\s*)('(?:[^']|'')*'|[^\s,)]+)")
_BOUNDS = ("WINDOWSTART", "WINDOWEND")


def shown_text(statement: ast.Statement, session: Session) -> str:
    """The text of a statement that is run; its own text where that cannot be told."""
    try:
        match statement:
            case ast.CreateSource():
                return _create_source(statement, session)
            case ast.CreateAsSelect():
                return _create_as(statement, session)
            case ast.DropSource():
                return replace(statement, delete_topic=False).sql() + ";"
            case _:
                return statement.text
    except UserError:
        return statement.text


def inferred_text(statement: ast.Statement, session: Session) -> str | None:
    """The text of a CREATE that was run, with the columns that the registry gave; else None."""
    if not isinstance(statement, ast.CreateSource) or statement.columns:
        return None
    source = session.catalog.sources[statement.name]
    key = ast.ColumnConstraint.PRIMARY_KEY if source.is_table else ast.ColumnConstraint.KEY
    columns = tuple(
        ast.ColumnDefinition(
            column.name,
            _type_name(column.type),
            key if column.role is Role.KEY else ast.ColumnConstraint.NONE,
        )
        for column in source.schema
    )
    return shown_text(replace(statement, columns=columns), session)


def failed_text(statement: ast.Statement, session: Session) -> str:
    """The text of a statement that was refused."""
    if isinstance(statement, ast.CreateConnector):
        return _SETTING.sub(_hidden, statement.text)
    if isinstance(statement, ast.CreateSource) and (wrong := _wrong_column(statement)) is not None:
        return wrong
    if not isinstance(statement, ast.InsertValues):
        return shown_text(statement, session)
    columns = f" ({', '.join(map(quote, statement.columns))})" if statement.columns else ""
    values = ", ".join("'[value]'" for _ in statement.values)
    return f"INSERT INTO {quote(statement.target)}{columns} VALUES ({values});"


def _wrong_column(statement: ast.CreateSource) -> str | None:
    """What is shown where a column's mark cannot be: ksqlDB finds that before all else.

    For a key of the other kind that is the column's name, for a header of another type the
    statement as it was written.
    """
    marks = ast.ColumnConstraint
    other_key = marks.KEY if statement.is_table else marks.PRIMARY_KEY
    for column in statement.columns or ():
        if column.constraint is other_key:
            return f"`{column.name}`"
        if column.constraint is marks.HEADER and column.type.name != "BYTES":
            return statement.text
    return None


def _hidden(setting: re.Match[str]) -> str:
    name, between, _ = setting.groups()
    return setting.group() if name == "connector.class" else f"'{name}'{between}'[string]'"


# ---------------------------------------------------------------------- CREATE


def _create_source(statement: ast.CreateSource, session: Session) -> str:
    clause = WithClause.of(statement.properties, create_as=False)
    if not clause.given:
        return statement.text
    given = dict(clause.given)
    if "FORMAT" not in given and "KEY_FORMAT" not in given:
        default = session.setting("ksql.persistence.default.format.key")
        given["KEY_FORMAT"] = str(default or "KAFKA")
    if _can_be_made(statement, clause):
        windowed = clause.key_window() is not None
        given["CLEANUP_POLICY"] = _cleanup_policy(statement.is_table, windowed=windowed)
    columns = statement.columns and tuple(
        replace(column, type=_type_name(resolve_type(column.type, session.catalog.types)))
        for column in statement.columns
    )
    shown = replace(statement, columns=columns, properties=tuple(sorted(given.items())))
    return shown.sql() + ";"


def _can_be_made(statement: ast.CreateSource, clause: WithClause) -> bool:
    """Whether it goes as far as its topic: its formats are known, and so are its columns."""
    names = [clause.format_name(part) for part in ("key", "value")]
    values = [
        column
        for column in statement.columns or ()
        if column.constraint is ast.ColumnConstraint.NONE
    ]
    if not values and names[1] not in (None, "JSON", "KAFKA", "DELIMITED", "NONE"):
        return False  # They would come from the schema registry.
    return all(name is None or name in FORMATS for name in names)


def _cleanup_policy(is_table: bool, *, windowed: bool) -> str:
    if not is_table:
        return "delete"
    return "compact,delete" if windowed else "compact"


def _type_name(sql_type: SqlType) -> ast.TypeName:
    match sql_type:
        case ArrayType(element):
            return ast.TypeName("ARRAY", (_type_name(element),))
        case MapType(key, value):
            return ast.TypeName("MAP", (_type_name(key), _type_name(value)))
        case StructType(fields):
            members = tuple((field.name, _type_name(field.type)) for field in fields)
            return ast.TypeName("STRUCT", fields=members)
        case DecimalType(precision, scale):
            return ast.TypeName("DECIMAL", numbers=(precision, scale))
        case _:
            return ast.TypeName(sql_type.sql())


# ---------------------------------------------------------------------- CREATE … AS SELECT


def _create_as(statement: ast.CreateAsSelect, session: Session) -> str:
    if statement.query.is_compound:  # No statement of ksqlDB's, so there is no way to show it.
        return statement.text
    nodes = source_nodes(statement.query, session.catalog)
    clause = WithClause.of(statement.properties, create_as=True)
    given = dict(clause.given)
    prefix = str(session.setting("ksql.output.topic.name.prefix") or "")
    given.setdefault("KAFKA_TOPIC", prefix + statement.name)
    left = session.doing.topic(nodes[0].source.topic)
    given.setdefault("PARTITIONS", left.partition_count if left is not None else 1)
    given.setdefault("REPLICAS", left.replicas[0] if left is not None and left.replicas else 1)
    window = statement.query.window
    windowed = window is not None or any(node.source.window is not None for node in nodes)
    given["CLEANUP_POLICY"] = _cleanup_policy(statement.is_table, windowed=windowed)
    kept = window.retention.ms if window is not None and window.retention is not None else 0
    given.setdefault("RETENTION_MS", max(kept, RETENTION_MS_DEFAULT))
    shown = replace(
        statement,
        query=_shown_query(statement.query, nodes),
        properties=tuple(sorted(given.items())),
    )
    return shown.sql() + ";"


def _shown_query(query: ast.Query, nodes: Sequence[SourceNode]) -> ast.Query:
    """A query with sources and names written out."""
    owners = _owners(nodes)
    namer = ItemNamer(nodes)

    def shown(node: exp.Expression) -> exp.Expression:
        return _qualified(node, owners, frozenset())

    def keys(nodes: tuple[exp.Expression, ...] | None) -> tuple[exp.Expression, ...] | None:
        return None if nodes is None else tuple(map(shown, nodes))

    items: list[ast.SelectItem | ast.SelectAll | ast.SelectStruct] = []
    for item in query.items:
        match item:
            case ast.SelectItem():
                alias = item.alias if item.alias is not None else namer.name(item.expression)
                items.append(replace(item, expression=shown(item.expression), alias=alias))
            case ast.SelectStruct():
                items.append(replace(item, expression=shown(item.expression)))
            case _:
                items.append(item)
    return replace(
        query,
        items=tuple(items),
        source=_aliased(query.source),
        joins=tuple(
            replace(join, source=_aliased(join.source), on=shown(join.on)) for join in query.joins
        ),
        where=None if query.where is None else shown(query.where),
        qualify=None if query.qualify is None else shown(query.qualify),
        having=None if query.having is None else shown(query.having),
        group_by=keys(query.group_by),
        partition_by=keys(query.partition_by),
        emit=query.emit or ast.Emit.CHANGES,
    )


def _aliased(source: ast.SourceRef) -> ast.SourceRef:
    return replace(source, alias=source.alias or source.name)


def _owners(nodes: Sequence[SourceNode]) -> Mapping[str, str]:
    """Column → the one source that has it."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        names = {inner for _, inner in node.columns} | set(PSEUDO_COLUMNS)
        if node.source.window is None:
            names -= set(_BOUNDS)
        for name in names:
            found.setdefault(name, set()).add(node.alias)
    return {name: next(iter(aliases)) for name, aliases in found.items() if len(aliases) == 1}


def _qualified(
    node: exp.Expression, owners: Mapping[str, str], bound: frozenset[str]
) -> exp.Expression:
    """An expression with the source in front of each column; variables of lambdas are none."""
    if isinstance(node, exp.Lambda):
        bound |= {parameter.name for parameter in node.expressions}
    if isinstance(node, exp.Column):
        name = str(node.name)
        if node.args.get("table") or name in bound or name not in owners:
            return node
        table = exp.Identifier(this=owners[name], quoted=True)
        return exp.Column(this=node.this.copy(), table=table)
    shown = node.copy()
    for key, value in node.args.items():
        match value:
            case exp.Expression() if not isinstance(value, exp.Identifier):
                shown.set(key, _qualified(value, owners, bound))
            case list():
                parts = [
                    _qualified(part, owners, bound)
                    if isinstance(part, exp.Expression) and not isinstance(part, exp.Identifier)
                    else part
                    for part in value
                ]
                shown.set(key, parts)
            case _:
                pass
    return shown
