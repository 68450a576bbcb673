"""Binding of function calls: scalar, aggregate and table functions, and their lambdas."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from merganser.engine import types
from merganser.engine.expression import (
    AggregateCall,
    Call,
    ColumnRef,
    Expression,
    Lambda,
    LambdaVariable,
    Literal,
    TableCall,
)
from merganser.engine.functions.duckdb_scalars import result_type
from merganser.engine.functions.function import AGGREGATES, SCALARS, TABLES, Overload
from merganser.engine.functions.scalar_calls import (
    borrowed_function,
    borrowed_functions,
    overload_of,
)
from merganser.engine.functions.signature import AnyDecimal, LambdaType, substitute
from merganser.engine.plan.coercion import as_decimal, convert
from merganser.engine.plan.resolve_function import (
    LambdaShape,
    Match,
    generic_names,
    resolve_overload,
)
from merganser.engine.types import SqlType
from merganser.errors import NameTakenError, Span, TypeMismatchError, UnknownNameError, UserError
from merganser.parser import expressions as parsed

if TYPE_CHECKING:
    from merganser.engine.plan.bind_expression import Binder

_UNITS = ("DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND")


def bind_call(binder: Binder, node: exp.Anonymous) -> Expression:
    """A call of whatever kind of function has the name.

    Raises:
        UnknownNameError: No function has it.
        TypeMismatchError: No overload takes the arguments, or the place does not allow the kind.
    """
    name = str(node.this).upper()
    if name in SCALARS:
        match, arguments, returns = _resolve(binder, node, SCALARS[name].overloads)
        return Call(name, match.index, arguments, returns)
    if name in AGGREGATES:
        return _aggregate(binder, node)
    if name in TABLES:
        if not binder.scope.allow_table_functions:
            raise TypeMismatchError(
                f"table function {name} cannot be called here", span=parsed.span_of(node)
            )
        if any(is_table_call(part) for a in node.expressions for part in a.find_all(exp.Anonymous)):
            raise TypeMismatchError("table functions cannot be nested", span=parsed.span_of(node))
        match, arguments, returns = _resolve(binder, node, TABLES[name].overloads)
        return TableCall(name, match.index, arguments, returns)
    if borrowed_function(name) is not None:
        return _borrowed(binder, node)
    known = [*SCALARS, *AGGREGATES, *TABLES]
    near = difflib.get_close_matches(name, [*known, *borrowed_functions()], n=1)
    raise UnknownNameError(
        f"function {name} does not exist",
        hint=f"Did you mean {near[0]}?" if near else None,
        span=parsed.span_of(node),
    )


def _borrowed(binder: Binder, node: exp.Anonymous) -> Call:
    """A call of a function that only the back end has, with the types that it tells."""
    name, span = str(node.this).upper(), parsed.span_of(node)
    for argument in node.expressions:
        if isinstance(argument, exp.Lambda):
            raise TypeMismatchError(
                f"function {name} is DuckDB's, which takes no lambdas",
                hint="TRANSFORM, FILTER and REDUCE do.",
                span=parsed.span_of(argument) or span,
            )
    arguments = tuple(binder.bind(argument) for argument in node.expressions)
    if any(
        isinstance(part, Call) and overload_of(part).volatile
        for a in arguments
        for part in a.walk()
    ):
        raise TypeMismatchError(
            f"function {name} is DuckDB's, which takes no value that is another one at each call",
            span=span,
        )
    kinds = tuple(argument.result_type for argument in arguments)
    values = tuple(a.value if isinstance(a, Literal) else None for a in arguments)
    try:
        returns = result_type(name, kinds, values)
    except TypeMismatchError as error:
        # It is kept, so it is not changed.
        raise TypeMismatchError(
            error.message, detail=error.detail, hint=error.hint, span=span
        ) from error
    return Call(name, 0, arguments, returns, borrowed=True)


def is_table_call(node: exp.Anonymous) -> bool:
    """Whether a call is one of a table function."""
    return str(node.this) in TABLES


def _aggregate(binder: Binder, node: exp.Anonymous) -> Expression:
    name, span = str(node.this).upper(), parsed.span_of(node)
    if not binder.scope.allow_aggregates:
        raise TypeMismatchError(f"aggregate function {name} cannot be called here", span=span)
    arguments = [
        _event_time(binder, argument) if isinstance(argument, exp.Star) else binder.bind(argument)
        for argument in node.expressions or [exp.Star()]
    ]
    if any(isinstance(part, AggregateCall) for a in arguments for part in a.walk()):
        raise TypeMismatchError(
            f"aggregate functions cannot be nested: {name}({', '.join(map(str, arguments))})",
            span=span,
        )
    try:
        accumulator = AGGREGATES[name].bind(arguments)
    except TypeMismatchError as error:
        error.span = error.span or span
        raise
    return AggregateCall(name, tuple(arguments), accumulator.returns)


def bind_filter(binder: Binder, node: exp.Filter) -> Expression:
    """An aggregate call over the rows for which a condition is true.

    Raises:
        TypeMismatchError: It is no aggregate, or the condition is none.
    """
    call = binder.bind(node.this)
    span = parsed.span_of(node.this)
    if not isinstance(call, AggregateCall):
        raise TypeMismatchError(
            "FILTER (WHERE ...) is only possible behind an aggregate function",
            hint="To leave rows out of the whole query, use WHERE.",
            span=span,
        )
    condition = binder.bind(node.expression.this)
    if any(isinstance(part, AggregateCall | TableCall) for part in condition.walk()):
        raise TypeMismatchError(
            "the condition of FILTER (WHERE ...) is told of single rows: it takes no aggregates",
            hint="To leave groups out, use HAVING.",
            span=span,
        )
    if condition.result_type not in (types.BOOLEAN, types.NULL):
        raise TypeMismatchError(
            f"the condition of FILTER (WHERE ...) must be BOOLEAN, found {condition.result_type}",
            span=parsed.span_of(node.expression.this) or span,
        )
    return replace(call, where=condition)


def _event_time(binder: Binder, star: exp.Star) -> ColumnRef:
    """What `*` means in an aggregate: the row's event time, which is never NULL."""
    del star
    return ColumnRef("ROWTIME", types.BIGINT)


def _resolve(
    binder: Binder, node: exp.Anonymous, overloads: tuple[Overload, ...]
) -> tuple[Match, tuple[Expression, ...], SqlType]:
    name, span = str(node.this).upper(), parsed.span_of(node)
    takes_units = any(
        p.type == types.UNIT for overload in overloads for p in overload.signature.parameters
    )
    bound: list[Expression | None] = [
        _argument(binder, argument, takes_units=takes_units) for argument in node.expressions
    ]
    kinds: list[SqlType] = [
        LambdaShape(len(argument.expressions))
        if isinstance(argument, exp.Lambda)
        else done.result_type  # type: ignore[union-attr] # only lambdas are not bound yet.
        for argument, done in zip(node.expressions, bound, strict=True)
    ]
    match = resolve_overload(name, overloads, kinds, span)
    for index, argument in enumerate(node.expressions):
        if isinstance(argument, exp.Lambda):
            bound[index] = _lambda(binder, argument, match, index)
    arguments = tuple(
        _converted(argument, match, index) for index, argument in enumerate(bound) if argument
    )
    return match, arguments, _returns(name, match, arguments, node)


def _argument(binder: Binder, node: exp.Expression, *, takes_units: bool) -> Expression | None:
    if isinstance(node, exp.Lambda):
        return None
    if isinstance(node, parsed.IntervalUnit):
        return Literal(str(node.this).upper().removesuffix("S"), types.UNIT)
    if takes_units and isinstance(node, exp.Column) and node.name.upper() in _UNITS:
        try:
            return binder.bind(node)
        except UnknownNameError as error:
            error.hint = f"An interval unit is written {node.name.upper()}S."
            raise
    return binder.bind(node)


def _lambda(binder: Binder, node: exp.Lambda, match: Match, index: int) -> Lambda:
    wanted = match.parameters[index].type
    assert isinstance(wanted, LambdaType)
    span = parsed.span_of(node)
    names = [parameter.name for parameter in node.expressions]
    for name in names:
        _check_parameter(binder, name, span)
    if len(set(names)) != len(names):
        raise NameTakenError("a lambda's parameters must have different names", span=span)
    variables = tuple(
        LambdaVariable(name, substitute(kind, match.generics))
        for name, kind in zip(names, wanted.inputs, strict=True)
    )
    body = binder.within({v.name: v for v in variables}).bind(node.this)
    result = substitute(wanted.result, match.generics)
    for unknown in generic_names(result):
        match.generics[unknown] = body.result_type
    result = substitute(result, match.generics)
    if body.result_type != result:
        if body.result_type != types.NULL:
            raise TypeMismatchError(
                f"the lambda must give {result}, found {body.result_type}", span=span
            )
        body = convert(body, result)
    return Lambda(variables, body)


def _check_parameter(binder: Binder, name: str, span: Span | None) -> None:
    """Raises if a parameter of a lambda has the name of a column or of an outer parameter."""
    if name in binder.variables:
        raise NameTakenError(f"lambda argument {name} is used by a lambda around it", span=span)
    try:
        binder.scope.resolve(None, name, span)
    except UserError:
        return
    raise NameTakenError(f"lambda argument {name} is the name of a column", span=span)


def _converted(argument: Expression, match: Match, index: int) -> Expression:
    """The argument in the type that the parameter takes."""
    wanted = substitute(match.parameters[index].type, match.generics)
    if isinstance(argument, Lambda):
        return argument
    if isinstance(wanted, AnyDecimal):
        if argument.result_type == types.NULL:
            return argument
        return convert(argument, as_decimal(argument.result_type))
    inside = wanted.element if isinstance(wanted, types.ArrayType) else wanted
    if generic_names(wanted) or isinstance(inside, AnyDecimal):
        return argument
    return convert(argument, wanted)


def _returns(
    name: str, match: Match, arguments: tuple[Expression, ...], node: exp.Anonymous
) -> SqlType:
    overload = match.overload
    span = parsed.span_of(node)
    if overload.result is not None:
        kinds = tuple(argument.result_type for argument in arguments)
        values = tuple(
            argument.value if isinstance(argument, Literal) else None for argument in arguments
        )
        try:
            return overload.result(kinds, values)
        except TypeMismatchError as error:
            error.span = error.span or span
            raise
    assert overload.signature.returns is not None, name
    returns = substitute(overload.signature.returns, match.generics)
    if generic_names(returns):
        raise TypeMismatchError(
            f"the type of {name} cannot be told from NULL arguments",
            hint="Cast an argument.",
            span=span,
        )
    return returns
