"""A NULL argument gives NULL, unless the function gives it a meaning; for a primitive it fails."""

from __future__ import annotations

import pytest

from merganser.engine import types
from merganser.engine.duck import identifier, physical_type
from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.expression import Call, ColumnRef, Expression, Lambda, LambdaVariable, Literal
from merganser.engine.functions.function import SCALARS, Nulls, Overload
from merganser.engine.functions.signature import AnyDecimal, LambdaType, substitute
from merganser.engine.plan.resolve_function import generic_names
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType
from tests.expressions.evaluation import duck

_SAMPLES: dict[SqlType, str] = {
    types.INTEGER: "1",
    types.BIGINT: "1",
    types.DOUBLE: "1",
    types.STRING: "'a'",
    types.BOOLEAN: "TRUE",
    types.BYTES: "CAST('a' AS BLOB)",
    types.DATE: "DATE '2020-01-01'",
    types.TIME: "TIME '01:00:00'",
    types.TIMESTAMP: "TIMESTAMP '2020-01-01 00:00:00'",
}


def _concrete(kind: SqlType) -> SqlType:
    if isinstance(kind, AnyDecimal):
        return DecimalType(4, 2)
    return substitute(kind, dict.fromkeys(generic_names(kind), types.STRING))


def _sample_sql(kind: SqlType) -> str:
    match kind:
        case ArrayType():
            return "[]"
        case MapType():
            return "MAP {}"
        case DecimalType():
            return "1"
        case _:
            return _SAMPLES[kind]


def _call(name: str, index: int, null_at: int) -> tuple[Call, str]:
    """A call of an overload with a NULL column in one place, and the row it is evaluated on."""
    overload = SCALARS[name].overloads[index]
    arguments: list[Expression] = []
    columns: list[str] = []
    for position, parameter in enumerate(overload.signature.parameters):
        if isinstance(parameter.type, LambdaType):
            variables = tuple(
                LambdaVariable(f"V{number}", _concrete(kind))
                for number, kind in enumerate(parameter.type.inputs)
            )
            is_filter = parameter.type.result == types.BOOLEAN
            body = Literal(True, types.BOOLEAN) if is_filter else Literal("x", types.STRING)
            arguments.append(Lambda(variables, body))
            continue
        kind = _concrete(parameter.type)
        if kind == types.UNIT:
            arguments.append(Literal("DAY", kind))
            continue
        column = f"P{position}"
        sql = "NULL" if position == null_at else _sample_sql(kind)
        columns.append(f"CAST({sql} AS {physical_type(kind)}) AS {identifier(column)}")
        arguments.append(ColumnRef(column, kind))
    kinds = tuple(argument.result_type for argument in arguments)
    returns = _returns(overload, kinds)
    return Call(name, index, tuple(arguments), returns), f"(SELECT {', '.join(columns)})"


def _returns(overload: Overload, kinds: tuple[SqlType, ...]) -> SqlType:
    if overload.result is not None:
        return overload.result(kinds, (None,) * len(kinds))
    assert overload.signature.returns is not None
    return _concrete(overload.signature.returns)


_CASES = [
    pytest.param(name, index, position, id=f"{name}{overload.signature} argument {position + 1}")
    for name in SCALARS
    for index, overload in enumerate(SCALARS[name].overloads)
    for position, parameter in enumerate(overload.signature.parameters)
    if not isinstance(parameter.type, LambdaType)
    and parameter.type != types.UNIT
    and (overload.nulls is not Nulls.PASS or parameter.primitive)
]


@pytest.mark.parametrize(("name", "index", "position"), _CASES)
def test_null_gives_null(name: str, index: int, position: int) -> None:
    call, source = _call(name, index, position)
    compiled = compile_expression(call)
    failed = compiled.failed or "FALSE"
    ((value, fails),) = duck().rows(f"SELECT {compiled.sql}, {failed} FROM {source}")
    assert value is None
    assert fails is SCALARS[name].overloads[index].signature.parameters[position].primitive
