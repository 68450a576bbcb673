"""The syntax tree: one frozen class a statement or clause. Expressions are sqlglot nodes.

Trees print back to SQL with `sql()`, and parsing that gives an equal tree. Positions (`span`) do
not take part in comparison. Names are exact: the parser has upper-cased unquoted ones.

Of the expression nodes, sqlglot's own are used where they fit (Column, Literal, Add, EQ, And, Case,
Cast, Between, In, Like, Is, Bracket, Anonymous for every function call, Lambda, …); what only
ksqlDB has stands in `merganser.parser.expressions`.
Source: parity/statements.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sqlglot import exp

from merganser.errors import Span

NO_SPAN = Span(1, 1, 0)

Properties = tuple[tuple[str, "LiteralValue"], ...]
"""WITH properties in order; names upper case."""

LiteralValue = str | int | float | bool | None


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


@dataclass(frozen=True, slots=True)
class SelectItem:
    """`expr [[AS] alias]`."""

    expression: exp.Expression
    alias: str | None = None
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class SelectAll:
    """`*` or `source.*`."""

    source: str | None = None
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class SelectStruct:
    """`expr->*`: all fields of a struct."""

    expression: exp.Expression
    span: Span = field(default=NO_SPAN, compare=False)


@dataclass(frozen=True, slots=True)
class SourceRef:
    """`name [[AS] alias]`."""

    name: str
    alias: str | None = None
    span: Span = field(default=NO_SPAN, compare=False)


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


@dataclass(frozen=True, slots=True)
class Join:
    """One joined source of a FROM clause."""

    kind: JoinKind
    source: SourceRef
    on: exp.Expression
    within: Within | None = None
    span: Span = field(default=NO_SPAN, compare=False)


class Emit(StrEnum):
    """`EMIT …`."""

    CHANGES = "CHANGES"
    FINAL = "FINAL"


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT, in any of its roles.

    `group_by` and `partition_by` are None where the clause is absent.
    """

    items: tuple[SelectItem | SelectAll | SelectStruct, ...]
    source: SourceRef
    joins: tuple[Join, ...] = ()
    window: WindowClause | None = None
    where: exp.Expression | None = None
    group_by: tuple[exp.Expression, ...] | None = None
    partition_by: tuple[exp.Expression, ...] | None = None
    having: exp.Expression | None = None
    emit: Emit | None = None
    limit: int | None = None
    span: Span = field(default=NO_SPAN, compare=False)


# ------------------------------------------------------------------ statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Base of all statements.

    Attributes:
        text: The statement as the user wrote it, `;` included; not compared.
    """

    text: str = field(default="", compare=False, repr=False)
    span: Span = field(default=NO_SPAN, compare=False, repr=False)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAsSelect(Statement):
    """`CREATE [OR REPLACE] {STREAM|TABLE} [IF NOT EXISTS] name [WITH (…)] AS query`."""

    name: str
    is_table: bool
    query: Query
    properties: Properties = ()
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertSelect(Statement):
    """`INSERT INTO stream [WITH (QUERY_ID='id')] query`."""

    target: str
    query: Query
    properties: Properties = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertValues(Statement):
    """`INSERT INTO source [(col, …)] VALUES (expr, …)`."""

    target: str
    columns: tuple[str, ...]
    values: tuple[exp.Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryStatement(Statement):
    """A top-level SELECT: a push query if it has EMIT, else a pull query."""

    query: Query


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterSource(Statement):
    """`ALTER {STREAM|TABLE} name ADD [COLUMN] col type, …`."""

    name: str
    is_table: bool
    columns: tuple[ColumnDefinition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSource(Statement):
    """`DROP {STREAM|TABLE} [IF EXISTS] name [DELETE TOPIC]`."""

    name: str
    is_table: bool
    if_exists: bool = False
    delete_topic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateType(Statement):
    """`CREATE TYPE [IF NOT EXISTS] name AS type`."""

    name: str
    type: TypeName
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropType(Statement):
    """`DROP TYPE [IF EXISTS] name`."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProperty(Statement):
    """`SET 'name'='value'`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsetProperty(Statement):
    """`UNSET 'name'`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterSystem(Statement):
    """`ALTER SYSTEM 'name'='value'`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineVariable(Statement):
    """`DEFINE name = 'value'`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefineVariable(Statement):
    """`UNDEFINE name`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProperties(Statement):
    """`SHOW PROPERTIES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTopics(Statement):
    """`SHOW [ALL] TOPICS [EXTENDED]`."""

    all: bool = False
    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSources(Statement):
    """`SHOW STREAMS|TABLES [EXTENDED]`; `DESCRIBE STREAMS|TABLES [EXTENDED]`."""

    is_table: bool
    extended: bool = False
    describe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQueries(Statement):
    """`SHOW QUERIES [EXTENDED]`."""

    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFunctions(Statement):
    """`SHOW FUNCTIONS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTypes(Statement):
    """`SHOW TYPES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVariables(Statement):
    """`SHOW VARIABLES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConnectors(Statement):
    """`SHOW [SOURCE|SINK] CONNECTORS`."""

    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConnectorPlugins(Statement):
    """`SHOW CONNECTOR PLUGINS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeSource(Statement):
    """`DESCRIBE name [EXTENDED]`."""

    name: str
    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeFunction(Statement):
    """`DESCRIBE FUNCTION name`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConnector(Statement):
    """`DESCRIBE CONNECTOR name`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain(Statement):
    """`EXPLAIN {query_id | statement}`: exactly one is given."""

    query_id: str | None = None
    statement: Statement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintTopic(Statement):
    """`PRINT topic [FROM BEGINNING] [{INTERVAL|SAMPLE} n] [LIMIT n]`."""

    topic: str
    from_beginning: bool = False
    interval: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateQuery(Statement):
    """`TERMINATE {id|ALL}`; None is ALL."""

    query_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseQuery(Statement):
    """`PAUSE {id|ALL}`; None is ALL."""

    query_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeQuery(Statement):
    """`RESUME {id|ALL}`; None is ALL."""

    query_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertTopic(Statement):
    """`ASSERT [NOT EXISTS] TOPIC t [WITH (…)] [TIMEOUT n unit]`."""

    topic: str
    exists: bool = True
    properties: Properties = ()
    timeout: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertSchema(Statement):
    """`ASSERT [NOT EXISTS] SCHEMA [SUBJECT s] [ID n] [TIMEOUT n unit]`."""

    subject: str | None = None
    schema_id: int | None = None
    exists: bool = True
    timeout: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertValues(Statement):
    """`ASSERT VALUES src [(cols)] VALUES (…)`, in test files."""

    source: str
    columns: tuple[str, ...]
    values: tuple[exp.Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertNullValues(Statement):
    """`ASSERT NULL VALUES src [(cols)] KEY (…)`, in test files."""

    source: str
    columns: tuple[str, ...]
    values: tuple[exp.Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertSource(Statement):
    """`ASSERT STREAM|TABLE src [(elems)] [WITH (…)]`, in test files."""

    name: str
    is_table: bool
    columns: tuple[ColumnDefinition, ...] | None = None
    properties: Properties = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateConnector(Statement):
    """`CREATE {SOURCE|SINK} CONNECTOR [IF NOT EXISTS] n WITH ('k'='v', …)`; names keep their case."""

    name: str
    is_source: bool
    properties: Properties = ()
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropConnector(Statement):
    """`DROP CONNECTOR [IF EXISTS] n`."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScript(Statement):
    """`RUN SCRIPT 'file'`."""

    path: str
