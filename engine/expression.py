"""Typed expressions: what the binder makes of a parsed expression and what back ends compile.

Every node knows its SQL type; names are resolved, overloads chosen, implicit conversions written
out as `Cast`. Nodes are frozen, compare by structure and print as SQL that binds back to the same
tree (so a stored plan holds text). Nothing here knows a back end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Self

from merganser.engine import types
from merganser.engine.types import SqlType, StructType, quote_name


@dataclass(frozen=True, slots=True)
class Expression:
    """Base of all typed expressions; every node has a field or property `type`."""

    @property
    def children(self) -> tuple[Expression, ...]:
        """Direct operands, in order."""
        found: list[Expression] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Expression):
                found.append(value)
            elif isinstance(value, tuple):
                found.extend(item for item in value if isinstance(item, Expression))
        return tuple(found)

    def walk(self) -> Iterator[Expression]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def map_children(self, function: Callable[[Expression], Expression]) -> Self:
        """The same node over changed operands."""
        changes: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Expression):
                changes[field.name] = function(value)
            elif isinstance(value, tuple) and any(isinstance(item, Expression) for item in value):
                changes[field.name] = tuple(
                    function(item) if isinstance(item, Expression) else item for item in value
                )
        return replace(self, **changes) if changes else self

    @property
    def result_type(self) -> SqlType:
        """The SQL type of the value."""
        kind: SqlType = getattr(self, "type")  # noqa: B009 — subclasses declare it as a field.
        return kind


@dataclass(frozen=True, slots=True)
class ColumnRef(Expression):
    """A column of the input, by its exact name; pseudo columns by theirs (ROWTIME, …)."""

    name: str
    type: SqlType

    def __str__(self) -> str:
        return quote_name(self.name)


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """A constant. `value` is a Python bool, int, float, Decimal, str or bytes, or None for NULL.

    A literal of type UNIT holds an interval unit's singular name (`"DAY"`).
    """

    value: object
    type: SqlType

    def __str__(self) -> str:
        if self.value is None:
            return "NULL"
        if isinstance(self.value, str) and self.type != types.UNIT:
            return "'" + self.value.replace("'", "''") + "'"
        if isinstance(self.value, bool):
            return str(self.value).upper()
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A scalar function call. `overload` is the index of the chosen overload in the registry.

    A `borrowed` function is none of the registry but the back end's own.
    """

    name: str
    overload: int
    arguments: tuple[Expression, ...]
    type: SqlType
    borrowed: bool = False

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class AggregateCall(Expression):
    """An aggregate function call; only directly under an aggregate node's calls.

    `where`: only rows for which it is true are aggregated.
    """

    name: str
    arguments: tuple[Expression, ...]
    type: SqlType
    where: Expression | None = None

    def __str__(self) -> str:
        call = f"{self.name}({', '.join(map(str, self.arguments))})"
        return f"{call} FILTER (WHERE {self.where})" if self.where is not None else call


@dataclass(frozen=True, slots=True)
class TableCall(Expression):
    """A table function call; only directly under a flat-map node's calls. `type` is a row's."""

    name: str
    overload: int
    arguments: tuple[Expression, ...]
    type: SqlType

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Ordering(Expression):
    """One key of an OVER clause's ORDER BY; NULLs come last either way."""

    key: Expression
    descending: bool

    @property
    def type(self) -> SqlType:
        return self.key.result_type

    def __str__(self) -> str:
        return f"{self.key} DESC" if self.descending else str(self.key)


@dataclass(frozen=True, slots=True)
class WindowCall(Expression):
    """ROW_NUMBER or LAG over the rows of a key; only until the planner gives it a column.

    Attributes:
        offset: How many rows LAG looks back.
        arguments: LAG's value and, if there is one, what stands for a row that is not there.
        order: Empty: as the rows arrive.
    """

    name: str
    arguments: tuple[Expression, ...]
    partition: tuple[Expression, ...]
    order: tuple[Ordering, ...]
    type: SqlType
    offset: int = 0

    def __str__(self) -> str:
        arguments = [str(argument) for argument in self.arguments]
        if self.name == "LAG":
            arguments.insert(1, str(self.offset))
        keys = f"PARTITION BY {', '.join(map(str, self.partition))}" if self.partition else ""
        order = f" ORDER BY {', '.join(map(str, self.order))}" if self.order else ""
        return f"{self.name}({', '.join(arguments)}) OVER ({keys}{order})"


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    """CAST(operand AS type). `implicit` ones were put in by the binder and must not round."""

    operand: Expression
    type: SqlType
    implicit: bool = False

    def __str__(self) -> str:
        return f"CAST({self.operand} AS {self.type.sql()})"


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """`left op right`, op one of + - * / %; also + on STRING. Operand types are as bound."""

    op: str
    left: Expression
    right: Expression
    type: SqlType

    def __str__(self) -> str:
        return f"({self.left} {self.op} {self.right})"


@dataclass(frozen=True, slots=True)
class Negate(Expression):
    """`-operand`."""

    operand: Expression
    type: SqlType

    def __str__(self) -> str:
        return f"(-{self.operand})"


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`left op right` giving BOOLEAN; op one of = <> < <= > >= and IS [NOT] DISTINCT FROM.

    Two-valued: a NULL operand gives FALSE, but for the DISTINCT forms.
    """

    op: str
    left: Expression
    right: Expression

    @property
    def type(self) -> SqlType:
        return types.BOOLEAN

    def __str__(self) -> str:
        return f"({self.left} {self.op} {self.right})"


@dataclass(frozen=True, slots=True)
class Logical(Expression):
    """AND or OR."""

    op: str
    left: Expression
    right: Expression

    @property
    def type(self) -> SqlType:
        return types.BOOLEAN

    def __str__(self) -> str:
        return f"({self.left} {self.op} {self.right})"


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """NOT operand."""

    operand: Expression

    @property
    def type(self) -> SqlType:
        return types.BOOLEAN

    def __str__(self) -> str:
        return f"(NOT {self.operand})"


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """operand IS [NOT] NULL."""

    operand: Expression
    negated: bool = False

    @property
    def type(self) -> SqlType:
        return types.BOOLEAN

    def __str__(self) -> str:
        return f"({self.operand} IS {'NOT ' if self.negated else ''}NULL)"


@dataclass(frozen=True, slots=True)
class InList(Expression):
    """operand [NOT] IN (items…); items share the operand's type."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False

    @property
    def type(self) -> SqlType:
        return types.BOOLEAN

    def __str__(self) -> str:
        word = "NOT IN" if self.negated else "IN"
        return f"({self.operand} {word} ({', '.join(map(str, self.items))}))"


@dataclass(frozen=True, slots=True)
class Like(Expression):
    """operand [NOT] LIKE pattern [ESCAPE c]."""

    operand: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False

    @property
    def type(self) -> SqlType:
        return types.BOOLEAN

    def __str__(self) -> str:
        tail = f" ESCAPE '{self.escape}'" if self.escape else ""
        return f"({self.operand} {'NOT ' if self.negated else ''}LIKE {self.pattern}{tail})"


@dataclass(frozen=True, slots=True)
class When(Expression):
    """One branch of a CASE."""

    condition: Expression
    result: Expression

    @property
    def type(self) -> SqlType:
        return self.result.result_type

    def __str__(self) -> str:
        return f"WHEN {self.condition} THEN {self.result}"


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """Searched CASE, lazy."""

    branches: tuple[When, ...]
    default: Expression | None
    type: SqlType

    def __str__(self) -> str:
        tail = f" ELSE {self.default}" if self.default is not None else ""
        return f"CASE {' '.join(map(str, self.branches))}{tail} END"


@dataclass(frozen=True, slots=True)
class Subscript(Expression):
    """array[i] (1-based, negative from the end) or map[key]."""

    operand: Expression
    index: Expression
    type: SqlType

    def __str__(self) -> str:
        return f"{self.operand}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Dereference(Expression):
    """struct->field."""

    operand: Expression
    field: str
    type: SqlType

    def __str__(self) -> str:
        return f"{self.operand}->{quote_name(self.field)}"


@dataclass(frozen=True, slots=True)
class JsonPart(Expression):
    """operand -> 'path' (JSON) or operand ->> 'path' (STRING), of a JSON value or a JSON text.

    `path` begins with `$`. What is not there, and `null`, give NULL.
    """

    operand: Expression
    path: str
    type: SqlType

    def __str__(self) -> str:
        arrow = "->>" if self.type == types.STRING else "->"
        path = self.path.replace("'", "''")
        return f"{self.operand}{arrow}'{path}'"


@dataclass(frozen=True, slots=True)
class ArrayOf(Expression):
    """ARRAY[…]; items have the element type."""

    items: tuple[Expression, ...]
    type: SqlType

    def __str__(self) -> str:
        return f"ARRAY[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class MapOf(Expression):
    """MAP(k := v, …); keys and values pairwise."""

    keys: tuple[Expression, ...]
    values: tuple[Expression, ...]
    type: SqlType

    def __str__(self) -> str:
        pairs = zip(self.keys, self.values, strict=True)
        return f"MAP({', '.join(f'{key} := {value}' for key, value in pairs)})"


@dataclass(frozen=True, slots=True)
class StructOf(Expression):
    """STRUCT(f := e, …); values in the order of the type's fields."""

    values: tuple[Expression, ...]
    type: StructType

    def __str__(self) -> str:
        pairs = zip(self.type.fields, self.values, strict=True)
        return f"STRUCT({', '.join(f'{quote_name(f.name)} := {v}' for f, v in pairs)})"


@dataclass(frozen=True, slots=True)
class LambdaVariable(Expression):
    """A parameter inside a lambda's body."""

    name: str
    type: SqlType

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Lambda(Expression):
    """`(a, b) => body`, only as an argument of a function that takes lambdas; `type` is body's."""

    parameters: tuple[LambdaVariable, ...]
    body: Expression

    @property
    def type(self) -> SqlType:
        return self.body.result_type

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parameters))}) => {self.body}"
