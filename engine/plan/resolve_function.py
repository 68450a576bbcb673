"""Chooses the overload of a function for typed arguments.

Rules, in this order: exact types; else implicit widening (INT → BIGINT → DECIMAL → DOUBLE, STRING →
TIME, DATE, TIMESTAMP and BYTES). Of several that fit: not variadic before variadic; more
parameters; fewer type variables; the variadic parameter later in the list. Else it is ambiguous.
A NULL literal fits any type. Source: parity/functions.md, section 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from merganser.engine import types
from merganser.engine.functions.function import Overload
from merganser.engine.functions.signature import AnyDecimal, Generic, LambdaType, Parameter
from merganser.engine.plan.coercion import widens
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructType,
)
from merganser.errors import Span, TypeMismatchError


@dataclass(frozen=True, slots=True)
class LambdaShape(SqlType):
    """The type of a lambda argument before its body is bound: how many parameters it has."""

    count: int

    def sql(self) -> str:
        return "LAMBDA"


@dataclass(slots=True)
class Match:
    """An overload that fits.

    Attributes:
        index: Its place among the function's overloads.
        parameters: The parameter of each argument.
        generics: What each type variable stands for; a lambda's result is not yet known.
    """

    index: int
    overload: Overload
    parameters: tuple[Parameter, ...]
    generics: dict[str, SqlType] = field(default_factory=dict)


def resolve_overload(
    name: str, overloads: Sequence[Overload], arguments: Sequence[SqlType], span: Span | None
) -> Match:
    """The overload to call.

    Raises:
        TypeMismatchError: None fits, or several fit equally well.
    """
    for widening in (False, True):
        found = [
            match
            for index, overload in enumerate(overloads)
            if (match := _match(index, overload, arguments, widening=widening)) is not None
        ]
        if not found:
            continue
        best = max(map(_preference, found))
        chosen = [match for match in found if _preference(match) == best]
        first = [match for match in chosen if not match.overload.last]
        if len(first) == 1 or len(chosen) == 1:
            return (first or chosen)[0]
        raise TypeMismatchError(
            f"function {name} cannot be resolved due to ambiguous parameters "
            f"({', '.join(map(_shown, arguments))})",
            hint="Cast the arguments to the types that you mean.",
            span=span,
        )
    alternatives = "; ".join(f"{name}{overload.signature}" for overload in overloads)
    raise TypeMismatchError(
        f"function {name} does not accept parameters ({', '.join(map(_shown, arguments))})",
        detail=f"Valid alternatives are: {alternatives}",
        span=span,
    )


def generic_names(kind: SqlType) -> set[str]:
    """The type variables in a signature's type."""
    match kind:
        case Generic(name):
            return {name}
        case ArrayType(element):
            return generic_names(element)
        case MapType(key, value):
            return generic_names(key) | generic_names(value)
        case StructType(fields):
            return {name for f in fields for name in generic_names(f.type)}
        case LambdaType(inputs, result):
            return {name for part in (*inputs, result) for name in generic_names(part)}
        case _:
            return set()


def _shown(kind: SqlType) -> str:
    return "null" if kind == types.NULL else kind.sql()


def _preference(match: Match) -> tuple[int, int, int, int]:
    signature = match.overload.signature
    variadic = signature.variadic_index
    generic_count = sum(1 for p in signature.parameters if generic_names(p.type))
    return (
        1 if variadic is None else 0,
        len(signature.parameters),
        -generic_count,
        -1 if variadic is None else variadic,
    )


def _match(
    index: int, overload: Overload, arguments: Sequence[SqlType], *, widening: bool
) -> Match | None:
    parameters = overload.signature.parameters_for(len(arguments))
    if parameters is None:
        return None
    generics: dict[str, SqlType] = {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        if not _fits(parameter.type, argument, generics, widening=widening):
            return None
    return Match(index, overload, parameters, generics)


def _fits(wanted: SqlType, given: SqlType, generics: dict[str, SqlType], *, widening: bool) -> bool:
    """Whether an argument fits a parameter; learns type variables."""
    if isinstance(wanted, LambdaType) or isinstance(given, LambdaShape):
        return (
            isinstance(wanted, LambdaType)
            and isinstance(given, LambdaShape)
            and len(wanted.inputs) == given.count
        )
    if given == types.NULL:
        return wanted != types.UNIT
    match wanted, given:
        case Generic(name), _:
            if given == types.UNIT:
                return False
            return generics.setdefault(name, given) == given
        case AnyDecimal(), _:
            return isinstance(given, DecimalType) or (
                widening and given in (types.INTEGER, types.BIGINT)
            )
        case ArrayType(inner), ArrayType(element):
            return _fits(inner, element, generics, widening=widening)
        case MapType(key, value), MapType(given_key, given_value):
            return _fits(key, given_key, generics, widening=widening) and _fits(
                value, given_value, generics, widening=widening
            )
        case StructType(fields), StructType(given_fields):
            return len(fields) == len(given_fields) and all(
                f.name == g.name and _fits(f.type, g.type, generics, widening=False)
                for f, g in zip(fields, given_fields, strict=True)
            )
        case _:
            return wanted == given or (widening and widens(given, wanted))
