"""Evaluates SQL texts of expressions over rows, for the tests of expressions and functions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from merganser.engine.duck import Duck, identifier, physical_name, physical_type
from merganser.engine.execution.expressions.compile import compile_expression, compile_predicate
from merganser.engine.expression import ColumnRef, Expression
from merganser.engine.functions.python_function import register_functions
from merganser.engine.plan.bind_expression import bind_expression
from merganser.engine.plan.resolve_type import resolve_type
from merganser.engine.schema import PSEUDO_COLUMNS
from merganser.engine.types import ArrayType, MapType, SqlType, StructType
from merganser.errors import Span, UnknownNameError
from merganser.parser.build import parse_expression, parse_type

Value = object
Column = tuple[str, Value]
"""The SQL type of a column, as text, and its value in the row."""


@dataclass(frozen=True)
class TestScope:
    """A scope of columns by name and type."""

    __test__ = False

    columns: Mapping[str, SqlType]
    allow_aggregates: bool = True
    allow_table_functions: bool = True
    time_texts: bool = True
    custom_types: Mapping[str, SqlType] = field(default_factory=dict)

    def resolve(self, source: str | None, name: str, span: Span | None) -> ColumnRef:
        """The column of that name."""
        kind = self.columns.get(name, PSEUDO_COLUMNS.get(name))
        if kind is None or source is not None:
            raise UnknownNameError(f"column {name} cannot be resolved", span=span)
        return ColumnRef(name, kind)


@functools.cache
def duck() -> Duck:
    """One DuckDB instance for all tests."""
    made = Duck.memory(threads=1)
    register_functions(made)
    return made


def type_of(text: str) -> SqlType:
    """The SQL type that a text names."""
    return resolve_type(parse_type(text), {})


def bind(text: str, **columns: str) -> Expression:
    """The typed expression of a text over columns of these types."""
    scope = TestScope({name: type_of(kind) for name, kind in columns.items()})
    return bind_expression(parse_expression(text), scope)


@dataclass(frozen=True)
class Result:
    """What an expression gave on a row."""

    value: Value
    failed: bool
    type: SqlType


def evaluate(text: str, **columns: Column) -> Result:
    """Evaluates an expression over one row; checks that its physical type is the right one."""
    expression = bind(text, **{name: kind for name, (kind, _) in columns.items()})
    compiled = compile_expression(expression)
    kind = expression.result_type
    source, values = _row(columns)
    failed = compiled.failed or "FALSE"
    # Both in one statement, as operators have it, and the parts not folded over constants.
    ((value, fails, physical),) = duck().rows(
        f"SELECT {compiled.sql}, {failed}, typeof({compiled.sql}) FROM {source}", values
    )
    ((expected,),) = duck().rows(f"SELECT typeof(CAST(NULL AS {physical_type(kind)}))")
    assert physical == expected, f"{text} is {physical}, not {expected}"
    assert isinstance(fails, bool), f"{compiled.failed} is {fails}"
    return Result(logical(value, kind), fails, kind)


def evaluate_all(texts: Sequence[str], **columns: Column) -> list[tuple[Value, Value]]:
    """The values of several expressions over one row, and whether they fail, in one statement."""
    kinds = {name: kind for name, (kind, _) in columns.items()}
    bound = [bind(text, **kinds) for text in texts]
    compiled = [compile_expression(expression) for expression in bound]
    source, values = _row(columns)
    items = [sql for each in compiled for sql in (each.sql, each.failed or "FALSE")]
    (row,) = duck().rows(f"SELECT {', '.join(items)} FROM {source}", values)
    pairs = zip(row[::2], row[1::2], strict=True)
    return [
        (logical(value, expression.result_type), failed)
        for expression, (value, failed) in zip(bound, pairs, strict=True)
    ]


def value_of(text: str, **columns: Column) -> Value:
    """The value of an expression over one row."""
    return evaluate(text, **columns).value


def passes(text: str, **columns: Column) -> bool:
    """Whether a row passes a predicate."""
    expression = bind(text, **{name: kind for name, (kind, _) in columns.items()})
    source, values = _row(columns)
    where = compile_predicate(expression).sql
    return bool(duck().rows(f"SELECT 1 FROM {source} WHERE {where}", values))


def _row(columns: Mapping[str, Column]) -> tuple[str, Sequence[object]]:
    parts = [
        f"CAST(? AS {physical_type(type_of(kind))}) AS {identifier(name)}"
        for name, (kind, _) in columns.items()
    ]
    parts.append('CAST(1000 AS BIGINT) AS "$rowtime"')
    return f"(SELECT {', '.join(parts)})", [value for _, value in columns.values()]


def logical(value: Value, kind: SqlType) -> Value:
    """A value with the field names of its SQL type."""
    match value, kind:
        case list(), ArrayType(element):
            return [logical(item, element) for item in value]
        case dict(), MapType(_, inner):
            return {key: logical(item, inner) for key, item in value.items()}
        case dict(), StructType(fields):
            return {f.name: logical(value[physical_name(f.name)], f.type) for f in fields}
        case _:
            return value
