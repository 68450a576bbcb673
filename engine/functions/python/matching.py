"""Which signature of a Python aggregate takes given arguments."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.functions.signature import AnyDecimal, Generic, Signature
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
)


def match(
    signature: Signature, arguments: Sequence[SqlType], *, widening: bool
) -> tuple[tuple[SqlType, ...], dict[str, SqlType]] | None:
    """The types in which the arguments are taken and what the type variables stand for.

    None if they do not fit. With `widening` numbers may become wider ones.
    """
    parameters = signature.parameters_for(len(arguments))
    if parameters is None:
        return None
    known: dict[str, SqlType] = {}
    taken: list[SqlType] = []
    for parameter, given in zip(parameters, arguments, strict=True):
        kind = _taken(parameter.type, given, known, widening=widening)
        if kind is None:
            return None
        taken.append(kind)
    return tuple(taken), known


def _taken(
    wanted: SqlType, given: SqlType, known: dict[str, SqlType], *, widening: bool
) -> SqlType | None:
    """The type in which an argument is taken, None if it does not fit; learns type variables."""
    match wanted, given:
        case Generic(name), _ if name.startswith("ANY"):
            return given
        case Generic(name), _:
            return given if known.setdefault(name, given) == given else None
        case AnyDecimal(), DecimalType():
            return given
        case ArrayType(inner), ArrayType(element):
            found = _taken(inner, element, known, widening=False)
            return None if found is None else ArrayType(found)
        case MapType(_, inner), MapType(key, element):
            found = _taken(inner, element, known, widening=False)
            return None if found is None else MapType(key, found)
        case _ if given in (wanted, types.NULL):
            return wanted
        case _:
            return wanted if widening and _widens(given, wanted) else None


def _widens(given: SqlType, wanted: SqlType) -> bool:
    if wanted == types.BIGINT:
        return given == types.INTEGER
    return wanted == types.DOUBLE and (
        given in (types.INTEGER, types.BIGINT) or isinstance(given, DecimalType)
    )
