"""The syntax tree: one frozen class a statement. Expressions are sqlglot nodes.

Trees print back to SQL with `sql()`, and parsing that gives an equal tree. Positions (`span`) do
not take part in comparison. Names are exact: the parser has upper-cased unquoted ones. A class is
made by the grammar rule of its name: `ListTopics` by `list_topics`.

Of the expression nodes, sqlglot's own are used where they fit (Column, Literal, Add, EQ, And, Case,
Between, In, Like, Is, Bracket, Anonymous for every function call, Lambda, …); what only ksqlDB has
stands in `merganser.parser.expressions`. The parts of statements stand in
`merganser.parser.clauses` and are read from here.
Source: parity/statements.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from merganser.errors import Span
from merganser.parser.clauses import (
    NO_SPAN,
    ColumnConstraint,
    ColumnDefinition,
    CommonTable,
    Duration,
    Emit,
    FunctionArgument,
    Join,
    JoinKind,
    LiteralValue,
    Properties,
    Query,
    SelectAll,
    SelectItem,
    SelectStruct,
    SourceRef,
    TimeUnit,
    TypeName,
    WindowClause,
    WindowKind,
    Within,
    joined,
    listed,
    properties_sql,
    value_sql,
)
from merganser.parser.expressions import braced_sql
from merganser.parser.words import dollar_sql, name_sql, quote, string_sql

__all__ = [  # Defined elsewhere; statements are named by their own definitions below.
    "NO_SPAN",
    "ColumnConstraint",
    "ColumnDefinition",
    "CommonTable",
    "Duration",
    "Emit",
    "FunctionArgument",
    "Join",
    "JoinKind",
    "LiteralValue",
    "Properties",
    "Query",
    "SelectAll",
    "SelectItem",
    "SelectStruct",
    "SourceRef",
    "TimeUnit",
    "TypeName",
    "WindowClause",
    "WindowKind",
    "Within",
]


def _kind(is_table: bool) -> str:
    return "TABLE" if is_table else "STREAM"


def _elements(columns: tuple[ColumnDefinition, ...] | None) -> str:
    return "" if columns is None else listed(column.sql() for column in columns)


def _names(names: tuple[str, ...]) -> str:
    return listed(map(name_sql, names)) if names else ""


def _values(values: tuple[exp.Expression, ...]) -> str:
    return listed(map(braced_sql, values))


def _query_or_all(query_id: str | None) -> str:
    return "ALL" if query_id is None else name_sql(query_id)


def _timeout(timeout: Duration | None) -> str:
    return f"TIMEOUT {timeout.sql()}" if timeout else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Base of all statements.

    Attributes:
        text: The statement as the user wrote it, `;` included; not compared.
        span: From its first character to the `;`; not compared.

    """

    text: str = field(default="", compare=False, repr=False)
    span: Span = field(default=NO_SPAN, compare=False, repr=False)

    def sql(self) -> str:
        """Write the statement without `;`, laid out as ksqlDB does; it parses to an equal tree."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSource(Statement):
    """`CREATE [OR REPLACE] [SOURCE] {STREAM|TABLE} [IF NOT EXISTS] name [(…)] [WITH (…)]`.

    `columns` is None where no column list is given.
    """

    name: str
    is_table: bool
    columns: tuple[ColumnDefinition, ...] | None = None
    properties: Properties = ()
    or_replace: bool = False
    read_only: bool = False
    if_not_exists: bool = False

    def sql(self) -> str:
        return joined(
            "CREATE",
            self.or_replace and "OR REPLACE",
            self.read_only and "SOURCE",
            _kind(self.is_table),
            self.if_not_exists and "IF NOT EXISTS",
            name_sql(self.name),
            _elements(self.columns),
            properties_sql(self.properties),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAsSelect(Statement):
    """`CREATE [OR REPLACE] {STREAM|TABLE} [IF NOT EXISTS] name [WITH (…)] AS query`."""

    name: str
    is_table: bool
    query: Query
    properties: Properties = ()
    or_replace: bool = False
    if_not_exists: bool = False

    def sql(self) -> str:
        return joined(
            "CREATE",
            self.or_replace and "OR REPLACE",
            _kind(self.is_table),
            self.if_not_exists and "IF NOT EXISTS",
            name_sql(self.name),
            properties_sql(self.properties),
            "AS",
            self.query.sql(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertSelect(Statement):
    """`INSERT INTO stream [WITH (QUERY_ID='id')] query`."""

    target: str
    query: Query
    properties: Properties = ()

    def sql(self) -> str:
        properties = properties_sql(self.properties)
        return joined("INSERT INTO", name_sql(self.target), properties, self.query.sql())


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertValues(Statement):
    """`INSERT INTO source [(col, …)] VALUES (expr, …)`."""

    target: str
    columns: tuple[str, ...] = ()
    values: tuple[exp.Expression, ...]

    def sql(self) -> str:
        target = name_sql(self.target)
        values = _values(self.values)
        return joined("INSERT INTO", target, _names(self.columns), "VALUES", values)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryStatement(Statement):
    """A top-level SELECT: a push query if it has EMIT, else a pull query."""

    query: Query

    def sql(self) -> str:
        return self.query.sql()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterSource(Statement):
    """`ALTER {STREAM|TABLE} name ADD [COLUMN] col type, …`."""

    name: str
    is_table: bool
    columns: tuple[ColumnDefinition, ...]

    def sql(self) -> str:
        additions = ", ".join(f"ADD COLUMN {column.sql()}" for column in self.columns)
        return joined("ALTER", _kind(self.is_table), name_sql(self.name), additions)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSource(Statement):
    """`DROP {STREAM|TABLE} [IF EXISTS] name [DELETE TOPIC]`."""

    name: str
    is_table: bool
    if_exists: bool = False
    delete_topic: bool = False

    def sql(self) -> str:
        return joined(
            "DROP",
            _kind(self.is_table),
            self.if_exists and "IF EXISTS",
            name_sql(self.name),
            self.delete_topic and "DELETE TOPIC",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateType(Statement):
    """`CREATE TYPE [IF NOT EXISTS] name AS type`."""

    name: str
    type: TypeName
    if_not_exists: bool = False

    def sql(self) -> str:
        condition = self.if_not_exists and "IF NOT EXISTS"
        return joined("CREATE TYPE", condition, name_sql(self.name), "AS", self.type.sql())


@dataclass(frozen=True, slots=True, kw_only=True)
class DropType(Statement):
    """`DROP TYPE [IF EXISTS] name`."""

    name: str
    if_exists: bool = False

    def sql(self) -> str:
        return joined("DROP TYPE", self.if_exists and "IF EXISTS", name_sql(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFunction(Statement):
    """`CREATE FUNCTION [IF NOT EXISTS] name(argument type, …) RETURNS type LANGUAGE l AS $$ … $$`.

    Attributes:
        arguments: Names in their own case, as the body spells them, and types.
        language: As written, in upper case.
    """

    name: str
    arguments: tuple[FunctionArgument, ...]
    returns: TypeName
    language: str
    body: str
    if_not_exists: bool = False

    def sql(self) -> str:
        condition = self.if_not_exists and "IF NOT EXISTS"
        arguments = ", ".join(argument.sql() for argument in self.arguments)
        return joined(
            "CREATE FUNCTION",
            condition,
            f"{name_sql(self.name)}({arguments})",
            "RETURNS",
            self.returns.sql(),
            "LANGUAGE",
            name_sql(self.language),
            "AS",
            dollar_sql(self.body),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFunction(Statement):
    """`DROP FUNCTION [IF EXISTS] name`."""

    name: str
    if_exists: bool = False

    def sql(self) -> str:
        return joined("DROP FUNCTION", self.if_exists and "IF EXISTS", name_sql(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProperty(Statement):
    """`SET 'name'='value'`."""

    name: str
    value: str

    def sql(self) -> str:
        return f"SET {string_sql(self.name)}={string_sql(self.value)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsetProperty(Statement):
    """`UNSET 'name'`."""

    name: str

    def sql(self) -> str:
        return f"UNSET {string_sql(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterSystem(Statement):
    """`ALTER SYSTEM 'name'='value'`."""

    name: str
    value: str

    def sql(self) -> str:
        return f"ALTER SYSTEM {string_sql(self.name)}={string_sql(self.value)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineVariable(Statement):
    """`DEFINE name = 'value'`."""

    name: str
    value: str

    def sql(self) -> str:
        return f"DEFINE {quote(self.name)}={string_sql(self.value)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefineVariable(Statement):
    """`UNDEFINE name`."""

    name: str

    def sql(self) -> str:
        return f"UNDEFINE {quote(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProperties(Statement):
    """`SHOW PROPERTIES`."""

    def sql(self) -> str:
        return "SHOW PROPERTIES"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTopics(Statement):
    """`SHOW [ALL] TOPICS [EXTENDED]`."""

    all: bool = False
    extended: bool = False

    def sql(self) -> str:
        return joined("SHOW", self.all and "ALL", "TOPICS", self.extended and "EXTENDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSources(Statement):
    """`SHOW STREAMS|TABLES [EXTENDED]`; `DESCRIBE STREAMS|TABLES [EXTENDED]`."""

    is_table: bool
    extended: bool = False
    describe: bool = False

    def sql(self) -> str:
        verb = "DESCRIBE" if self.describe else "SHOW"
        return joined(verb, f"{_kind(self.is_table)}S", self.extended and "EXTENDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQueries(Statement):
    """`SHOW QUERIES [EXTENDED]`."""

    extended: bool = False

    def sql(self) -> str:
        return joined("SHOW QUERIES", self.extended and "EXTENDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFunctions(Statement):
    """`SHOW FUNCTIONS`."""

    def sql(self) -> str:
        return "SHOW FUNCTIONS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTypes(Statement):
    """`SHOW TYPES`."""

    def sql(self) -> str:
        return "SHOW TYPES"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVariables(Statement):
    """`SHOW VARIABLES`."""

    def sql(self) -> str:
        return "SHOW VARIABLES"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConnectors(Statement):
    """`SHOW [SOURCE|SINK] CONNECTORS`."""

    scope: str | None = None

    def sql(self) -> str:
        return joined("SHOW", self.scope, "CONNECTORS")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConnectorPlugins(Statement):
    """`SHOW CONNECTOR PLUGINS`."""

    def sql(self) -> str:
        return "SHOW CONNECTOR PLUGINS"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeSource(Statement):
    """`DESCRIBE name [EXTENDED]`."""

    name: str
    extended: bool = False

    def sql(self) -> str:
        return joined("DESCRIBE", name_sql(self.name), self.extended and "EXTENDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeFunction(Statement):
    """`DESCRIBE FUNCTION name`."""

    name: str

    def sql(self) -> str:
        return f"DESCRIBE FUNCTION {name_sql(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConnector(Statement):
    """`DESCRIBE CONNECTOR name`."""

    name: str

    def sql(self) -> str:
        return f"DESCRIBE CONNECTOR {name_sql(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain(Statement):
    """`EXPLAIN {query_id | statement}`: exactly one is given."""

    query_id: str | None = None
    statement: Statement | None = None

    def sql(self) -> str:
        explained = self.statement.sql() if self.statement else name_sql(self.query_id or "")
        return f"EXPLAIN {explained}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintTopic(Statement):
    """`PRINT topic [FROM BEGINNING] [{INTERVAL|SAMPLE} n] [LIMIT n]`."""

    topic: str
    from_beginning: bool = False
    interval: int | None = None
    limit: int | None = None

    def sql(self) -> str:
        return joined(
            "PRINT",
            string_sql(self.topic),
            self.from_beginning and "FROM BEGINNING",
            self.interval is not None and f"INTERVAL {self.interval}",
            self.limit is not None and f"LIMIT {self.limit}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateQuery(Statement):
    """`TERMINATE {id|ALL}`; None is ALL."""

    query_id: str | None = None

    def sql(self) -> str:
        return f"TERMINATE {_query_or_all(self.query_id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseQuery(Statement):
    """`PAUSE {id|ALL}`; None is ALL."""

    query_id: str | None = None

    def sql(self) -> str:
        return f"PAUSE {_query_or_all(self.query_id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeQuery(Statement):
    """`RESUME {id|ALL}`; None is ALL."""

    query_id: str | None = None

    def sql(self) -> str:
        return f"RESUME {_query_or_all(self.query_id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertTopic(Statement):
    """`ASSERT [NOT EXISTS] TOPIC t [WITH (…)] [TIMEOUT n unit]`."""

    topic: str
    exists: bool = True
    properties: Properties = ()
    timeout: Duration | None = None

    def sql(self) -> str:
        return joined(
            "ASSERT",
            not self.exists and "NOT EXISTS",
            "TOPIC",
            string_sql(self.topic),
            properties_sql(self.properties),
            _timeout(self.timeout),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertSchema(Statement):
    """`ASSERT [NOT EXISTS] SCHEMA [SUBJECT s] [ID n] [TIMEOUT n unit]`."""

    subject: str | None = None
    schema_id: int | None = None
    exists: bool = True
    timeout: Duration | None = None

    def sql(self) -> str:
        return joined(
            "ASSERT",
            not self.exists and "NOT EXISTS",
            "SCHEMA",
            self.subject is not None and f"SUBJECT {string_sql(self.subject)}",
            self.schema_id is not None and f"ID {self.schema_id}",
            _timeout(self.timeout),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertValues(Statement):
    """`ASSERT VALUES src [(cols)] VALUES (…)`, in test files."""

    source: str
    columns: tuple[str, ...] = ()
    values: tuple[exp.Expression, ...]

    def sql(self) -> str:
        source = joined(name_sql(self.source), _names(self.columns))
        return f"ASSERT VALUES {source} VALUES {_values(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertNullValues(Statement):
    """`ASSERT NULL VALUES src [(cols)] KEY (…)`, in test files."""

    source: str
    columns: tuple[str, ...] = ()
    values: tuple[exp.Expression, ...]

    def sql(self) -> str:
        source = joined(name_sql(self.source), _names(self.columns))
        return f"ASSERT NULL VALUES {source} KEY {_values(self.values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertSource(Statement):
    """`ASSERT STREAM|TABLE src [(elems)] [WITH (…)]`, in test files."""

    name: str
    is_table: bool
    columns: tuple[ColumnDefinition, ...] | None = None
    properties: Properties = ()

    def sql(self) -> str:
        return joined(
            "ASSERT",
            _kind(self.is_table),
            name_sql(self.name),
            _elements(self.columns),
            properties_sql(self.properties),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateConnector(Statement):
    """`CREATE {SOURCE|SINK} CONNECTOR [IF NOT EXISTS] n WITH ('k'='v', …)`.

    Property names keep their case.
    """

    name: str
    is_source: bool
    properties: Properties = ()
    if_not_exists: bool = False

    def sql(self) -> str:
        pairs = (f"{string_sql(name)}={value_sql(value)}" for name, value in self.properties)
        return joined(
            "CREATE",
            "SOURCE" if self.is_source else "SINK",
            "CONNECTOR",
            self.if_not_exists and "IF NOT EXISTS",
            name_sql(self.name),
            f"WITH {listed(pairs)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DropConnector(Statement):
    """`DROP CONNECTOR [IF EXISTS] n`."""

    name: str
    if_exists: bool = False

    def sql(self) -> str:
        return joined("DROP CONNECTOR", self.if_exists and "IF EXISTS", name_sql(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScript(Statement):
    """`RUN SCRIPT 'file'`."""

    path: str

    def sql(self) -> str:
        return f"RUN SCRIPT {string_sql(self.path)}"


STATEMENTS: Final[dict[str, type[Statement]]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Statement) and kind is not Statement
}
"""Every class of statement, by the grammar rule that makes it.

(`Statement.__subclasses__()` also has the classes without slots that `dataclass` has replaced.)
"""
