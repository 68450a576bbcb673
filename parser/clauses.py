"""The parts that statements are made of: types, columns, durations, windows, queries.

Every class prints back to SQL with `sql()`. Positions (`span`) do not take part in comparison.
Callers read these names from `merganser.parser.ast`.
Source: parity/statements.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlglot import exp

from merganser.errors import Span
from merganser.parser.expressions import braced_sql, term_sql
from merganser.parser.words import name_sql, quote, string_sql

NO_SPAN: Final = Span(1, 1, 0)

LiteralValue = str | int | float | bool | None

Properties = tuple[tuple[str, LiteralValue], ...]
"""WITH properties in order; names upper case."""


def joined(*parts: object) -> str:
    """Join the parts that are texts with blanks; `condition and text` leaves one out.

    >>> joined("DROP", "TYPE", False and "IF EXISTS", "T")
    'DROP TYPE T'
    """
    return " ".join(part for part in parts if isinstance(part, str) and part)


def listed(parts: Iterable[str]) -> str:
    """Join the parts with commas, in parentheses."""
    return f"({', '.join(parts)})"


def value_sql(value: LiteralValue) -> str:
    """Write the value of a property as a literal."""
    if isinstance(value, str):
        return string_sql(value)
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    return repr(value)


def properties_sql(properties: Properties) -> str:
    """Write a WITH clause; nothing if there are no properties."""
    if not properties:
        return ""
    pairs = (f"{name_sql(name)}={value_sql(value)}" for name, value in properties)
    return f"WITH {listed(pairs)}"


# ------------------------------------------------------------------ types


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written: a name with parameters.

    `ARRAY<T>` has one argument, `MAP<K, V>` two, `DECIMAL(p, s)` two numbers, `STRUCT` fields;
    any other name is a primitive or a custom type, resolved by the engine.
    """

    name: str
    arguments: tuple[TypeName, ...] = ()
    numbers: tuple[int, ...] = ()
    fields: tuple[tuple[str, TypeName], ...] = ()
    quoted: bool = False
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the type as in a column list."""
        if self.fields or (self.name == "STRUCT" and not self.quoted):
            inner = ", ".join(f"{name_sql(name)} {kind.sql()}" for name, kind in self.fields)
            return f"STRUCT<{inner}>"
        if self.arguments:
            return f"{self.name}<{', '.join(argument.sql() for argument in self.arguments)}>"
        if self.numbers:
            return f"{self.name}({', '.join(map(str, self.numbers))})"
        return quote(self.name) if self.quoted else self.name


class ColumnConstraint(StrEnum):
    """What stands behind a column's type."""

    NONE = ""
    KEY = "KEY"
    PRIMARY_KEY = "PRIMARY KEY"
    HEADERS = "HEADERS"
    HEADER = "HEADER"


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """`name type [[PRIMARY] KEY | HEADERS | HEADER('k')]`."""

    name: str
    type: TypeName
    constraint: ColumnConstraint = ColumnConstraint.NONE
    header: str | None = None
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the column as in a column list."""
        header = f"({string_sql(self.header)})" if self.header is not None else ""
        return joined(name_sql(self.name), self.type.sql(), self.constraint + header)


@dataclass(frozen=True, slots=True)
class FunctionArgument:
    """`name type` of CREATE FUNCTION."""

    name: str
    type: TypeName
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the argument as in CREATE FUNCTION."""
        return joined(name_sql(self.name), self.type.sql())


# ------------------------------------------------------------------ queries


class TimeUnit(StrEnum):
    """Units of durations, singular."""

    DAY = "DAY"
    HOUR = "HOUR"
    MINUTE = "MINUTE"
    SECOND = "SECOND"
    MILLISECOND = "MILLISECOND"


_UNIT_MS = {
    TimeUnit.DAY: 86_400_000,
    TimeUnit.HOUR: 3_600_000,
    TimeUnit.MINUTE: 60_000,
    TimeUnit.SECOND: 1000,
    TimeUnit.MILLISECOND: 1,
}


@dataclass(frozen=True, slots=True)
class Duration:
    """`n unit`."""

    amount: int
    unit: TimeUnit

    @property
    def ms(self) -> int:
        """In milliseconds."""
        return self.amount * _UNIT_MS[self.unit]

    def sql(self) -> str:
        """Write the amount with its unit, which is always in the plural."""
        return f"{self.amount} {self.unit}S"


class WindowKind(StrEnum):
    """The kinds of windows."""

    TUMBLING = "TUMBLING"
    HOPPING = "HOPPING"
    SESSION = "SESSION"


@dataclass(frozen=True, slots=True)
class WindowClause:
    """`WINDOW [name] TUMBLING (SIZE …) | HOPPING (…) | SESSION (gap …)`.

    `size` is a session's inactivity gap.
    """

    kind: WindowKind
    size: Duration
    advance: Duration | None = None
    retention: Duration | None = None
    grace: Duration | None = None
    name: str | None = None
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the clause, WINDOW included."""
        size = "" if self.kind is WindowKind.SESSION else "SIZE "
        parts = [size + self.size.sql()]
        if self.advance is not None:
            parts.append(f"ADVANCE BY {self.advance.sql()}")
        if self.retention is not None:
            parts.append(f"RETENTION {self.retention.sql()}")
        if self.grace is not None:
            parts.append(f"GRACE PERIOD {self.grace.sql()}")
        name = self.name is not None and name_sql(self.name)
        # The blanks, also the one at the end, are ksqlDB's.
        return joined("WINDOW", name, self.kind, f"( {' , '.join(parts)} ) ")


@dataclass(frozen=True, slots=True)
class SelectItem:
    """`expr [[AS] alias]`."""

    expression: exp.Expression
    alias: str | None = None
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the item."""
        alias = self.alias is not None and name_sql(self.alias)
        return joined(braced_sql(self.expression), alias)


@dataclass(frozen=True, slots=True)
class SelectAll:
    """`*` or `source.*`."""

    source: str | None = None
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the item."""
        return "*" if self.source is None else f"{name_sql(self.source)}.*"


@dataclass(frozen=True, slots=True)
class SelectStruct:
    """`expr->*`: all fields of a struct."""

    expression: exp.Expression
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the item."""
        return f"{term_sql(self.expression)}->*"


@dataclass(frozen=True, slots=True)
class SourceRef:
    """`name [[AS] alias]` or `(query) [[AS] alias]`, which has no name."""

    name: str
    alias: str | None = None
    query: Query | None = None
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the source and its alias."""
        alias = self.alias is not None and name_sql(self.alias)
        source = name_sql(self.name) if self.query is None else f"(\n{self.query.sql()}\n)"
        return joined(source, alias)


class JoinKind(StrEnum):
    """The kinds of joins."""

    INNER = "INNER"
    LEFT = "LEFT"
    RIGHT = "RIGHT"
    FULL = "FULL"


@dataclass(frozen=True, slots=True)
class Within:
    """`WITHIN n unit` (before = after) or `WITHIN (before, after)`, `[GRACE PERIOD n unit]`."""

    before: Duration
    after: Duration
    grace: Duration | None = None
    symmetric: bool = True

    def sql(self) -> str:
        """Write the clause, WITHIN included."""
        before, after = self.before.sql(), self.after.sql()
        reach = before if self.symmetric else listed((before, after))
        return joined("WITHIN", reach, self.grace and f"GRACE PERIOD {self.grace.sql()}")


@dataclass(frozen=True, slots=True)
class Join:
    """One joined source of a FROM clause."""

    kind: JoinKind
    source: SourceRef
    on: exp.Expression
    within: Within | None = None
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the join, its kind and condition included."""
        kind = self.kind if self.kind is JoinKind.INNER else f"{self.kind} OUTER"
        within = self.within and self.within.sql()
        return joined(kind, "JOIN", self.source.sql(), within, f"ON ({braced_sql(self.on)})")


class Emit(StrEnum):
    """`EMIT …`."""

    CHANGES = "CHANGES"
    FINAL = "FINAL"


@dataclass(frozen=True, slots=True)
class CommonTable:
    """`name AS (query)` of a WITH clause in front of a SELECT."""

    name: str
    query: Query
    span: Span = field(default=NO_SPAN, compare=False)

    def sql(self) -> str:
        """Write the name and its query."""
        return f"{name_sql(self.name)} AS (\n{self.query.sql()}\n)"


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT, in any of its roles.

    `group_by` and `partition_by` are None where the clause is absent. `union` are the SELECTs that
    follow with UNION ALL; `emit` and `limit` are those of the whole.
    """

    items: tuple[SelectItem | SelectAll | SelectStruct, ...]
    source: SourceRef
    joins: tuple[Join, ...] = ()
    window: WindowClause | None = None
    where: exp.Expression | None = None
    group_by: tuple[exp.Expression, ...] | None = None
    partition_by: tuple[exp.Expression, ...] | None = None
    having: exp.Expression | None = None
    qualify: exp.Expression | None = None
    emit: Emit | None = None
    limit: int | None = None
    ctes: tuple[CommonTable, ...] = ()
    union: tuple[Query, ...] = ()
    span: Span = field(default=NO_SPAN, compare=False)

    @property
    def is_compound(self) -> bool:
        """Whether it holds other queries, as no query of ksqlDB's does."""
        refs = [self.source, *(join.source for join in self.joins)]
        return bool(self.ctes or self.union) or any(ref.query is not None for ref in refs)

    def sql(self) -> str:
        """Write the query as ksqlDB lays it out, which clients see: a line a clause."""
        lines = ["WITH " + ",\n".join(cte.sql() for cte in self.ctes)] if self.ctes else []
        lines += _select_lines(self)
        for member in self.union:
            lines += ["UNION ALL", *_select_lines(member)]
        if self.emit is not None:
            lines.append(f"EMIT {self.emit}")
        if self.limit is not None:
            lines.append(f"LIMIT {self.limit}")
        return "\n".join(lines)


def _select_lines(query: Query) -> list[str]:
    """Write a SELECT by itself, a line a clause."""
    items = [item.sql() for item in query.items]
    lines = [
        f"SELECT {items[0]}" if len(items) == 1 else "SELECT\n  " + ",\n  ".join(items),
        f"FROM {query.source.sql()}",
        *(join.sql() for join in query.joins),
    ]
    if query.window is not None:
        lines.append(query.window.sql())
    if query.where is not None:
        lines.append(f"WHERE {braced_sql(query.where)}")
    if query.group_by is not None:
        lines.append(f"GROUP BY {_grouping(query.group_by)}")
    if query.partition_by is not None:
        lines.append(f"PARTITION BY {_grouping(query.partition_by)}")
    if query.having is not None:
        lines.append(f"HAVING {braced_sql(query.having)}")
    if query.qualify is not None:
        lines.append(f"QUALIFY {braced_sql(query.qualify)}")
    return lines


def _grouping(keys: tuple[exp.Expression, ...]) -> str:
    """Write the keys of GROUP BY or PARTITION BY."""
    return ", ".join(map(term_sql, keys)) or "()"
