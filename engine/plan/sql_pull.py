"""Pull queries in DuckDB's SQL: which tables a SELECT reads, and which of their columns.

The text goes to DuckDB as it is. It is taken apart here only to find its tables, which must be
materialised tables of the catalog: nothing else can be named. That a query can do no harm does not
rest on this (see `engine/duck_locked.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from merganser.engine.catalog import Catalog, Source
from merganser.errors import Span, SqlSyntaxError, UnknownNameError, UnsupportedError

_TAKES_ALL = (exp.Pivot, exp.Columns)
"""What reads columns that it does not name."""


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table that a SELECT reads.

    Attributes:
        names: Upper-cased names that may be its columns'; None if it may read all.
        with_rowtime: Whether ROWTIME is read; `*` leaves it out otherwise.
    """

    source: Source
    names: frozenset[str] | None
    with_rowtime: bool

    def reads(self, column: str) -> bool:
        """Whether the SELECT may read the column of that name."""
        return self.names is None or column.upper() in self.names


@dataclass(frozen=True, slots=True)
class SqlPull:
    """A SELECT in DuckDB's SQL and the tables that it reads, by name."""

    text: str
    tables: tuple[TableUse, ...]


def plan_sql_pull(text: str, catalog: Catalog) -> SqlPull:
    """Takes a SELECT apart.

    Raises:
        SqlSyntaxError: It is none, or there are several.
        UnknownNameError: It reads what is no table of the catalog.
        UnsupportedError: It reads a stream.
    """
    tree = _parsed(text)
    ctes = {cte.alias.upper() for cte in tree.find_all(exp.CTE)}
    found: dict[str, Source] = {}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # A table function: what it may do is DuckDB's configuration's matter.
        source = None if table.args.get("db") else _source(table.name, catalog)
        if source is not None:
            found[source.name] = source
        elif table.args.get("db") or table.name.upper() not in ctes:
            raise UnknownNameError(
                f"table {table.sql('duckdb')} does not exist",
                hint="Pull queries read the materialised tables of the server, no others.",
            )
    names = _names(tree, found)
    rowtime = any(node.name.upper() == "ROWTIME" for node in tree.find_all(exp.Identifier))
    uses = tuple(TableUse(source, names, rowtime) for source in found.values())
    for use in uses:
        if not use.source.is_table:
            raise UnsupportedError(
                f"{use.source.name} is a stream: it has no rows to pull with this SQL",
                hint="Materialise it as a table, or add EMIT CHANGES.",
            )
    return SqlPull(text.strip().rstrip(";"), uses)


def _parsed(text: str) -> exp.Query:
    try:
        trees = [tree for tree in sqlglot.parse(text, read="duckdb") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise _syntax_error(error) from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise SqlSyntaxError("a pull query is one SELECT")
    return trees[0]


def _syntax_error(error: Exception) -> SqlSyntaxError:
    places = getattr(error, "errors", None) or [{}]
    line, column = places[0].get("line"), places[0].get("col")
    what = str(places[0].get("description") or "the statement is nested too deeply")
    span = Span(line, column) if line is not None and column is not None else None
    return SqlSyntaxError(what.rstrip(".").lower(), span=span)


def _source(name: str, catalog: Catalog) -> Source | None:
    """The source of that name: exactly, or, as DuckDB takes names, in any letter case."""
    exact = catalog.sources.get(name) or catalog.sources.get(name.upper())
    if exact is not None:
        return exact
    alike = (s for known, s in catalog.sources.items() if known.upper() == name.upper())
    return next(alike, None)


def _names(tree: exp.Query, found: dict[str, Source]) -> frozenset[str] | None:
    """All names in a SELECT, if what it does not name it does not read; else None."""
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            return None
    if any(True for _ in tree.find_all(*_TAKES_ALL)):
        return None
    tables = {*(name.upper() for name in found)}
    for join in tree.find_all(exp.Join):
        if str(join.args.get("method", "")).upper() == "NATURAL":
            return None
    for table in tree.find_all(exp.Table):
        tables.add(table.alias_or_name.upper())
    columns = list(tree.find_all(exp.Column))
    if any(not column.table and column.name.upper() in tables for column in columns):
        return None  # A whole row as a STRUCT.
    return frozenset(node.name.upper() for node in tree.find_all(exp.Identifier))
