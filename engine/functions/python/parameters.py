"""Signatures by the type hints of Python functions, or by the types that are named for them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merganser.engine.functions.python.hints import (
    DefinitionError,
    Hint,
    hint_of,
    read_signature,
    sql_type,
)
from merganser.engine.functions.python.options import Options
from merganser.engine.functions.signature import Parameter, Signature
from merganser.engine.types import ArrayType


@dataclass(frozen=True, slots=True)
class Place:
    """A parameter of a Python function.

    Attributes:
        optional: It has a default, and may be left out with all behind it.
        primitive: NULL there is a failed call.
    """

    hint: Hint
    variadic: bool = False
    optional: bool = False
    primitive: bool = False

    def sql(self) -> Parameter:
        """As a part of a signature."""
        return Parameter(self.hint.type, self.variadic, self.primitive)


def signature_of(parameters: Sequence[Place], returns: Hint) -> Signature:
    """The signature of some parameters and a result."""
    return Signature(tuple(p.sql() for p in parameters), returns.type)


def counts(parameters: Sequence[Place]) -> range:
    """With how many parameters the function may be called; those with defaults may be left out."""
    optional = sum(1 for p in parameters if p.optional)
    variadic = any(p.variadic for p in parameters)
    fewest = len(parameters) if variadic else len(parameters) - optional
    return range(fewest, len(parameters) + 1)


def parameters_of(
    function: Callable[..., object], options: Options, name: str, *, skip: int = 0
) -> list[Place]:
    """The parameters behind the first `skip`.

    Raises:
        DefinitionError: Neither hints nor options say their types.
    """
    if options.types is None:
        return hinted_parameters(function, skip=skip)
    signature = read_signature(options.types, None)
    places = [
        p for p in list(inspect.signature(function).parameters.values())[skip:] if _positional(p)
    ]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in places)
    if len(places) != len(signature.parameters) and not takes_any:
        raise DefinitionError(
            f"function {name} has {len(places)} parameters and {len(signature.parameters)} types"
        )
    return [Place(Hint(p.type), p.variadic, primitive=p.primitive) for p in signature.parameters]


def hinted_parameters(function: Callable[..., object], *, skip: int) -> list[Place]:
    """The parameters behind the first `skip`, as the hints say them."""
    hints = _hints(function)
    found: list[Place] = []
    for place in list(inspect.signature(function).parameters.values())[skip:]:
        if not _positional(place):
            if place.default is place.empty and place.kind is not place.VAR_KEYWORD:
                raise DefinitionError(f"parameter {place.name} can only be given by name")
            continue
        if place.name not in hints:
            raise DefinitionError(f"parameter {place.name} has no type hint")
        found.append(
            Place(
                hint_of(hints[place.name]),
                variadic=place.kind is place.VAR_POSITIONAL,
                optional=place.default is not place.empty,
            )
        )
    return found


def _positional(place: inspect.Parameter) -> bool:
    return place.kind in (
        place.POSITIONAL_ONLY,
        place.POSITIONAL_OR_KEYWORD,
        place.VAR_POSITIONAL,
    )


def returned(function: Callable[..., object], options: Options, *, table: bool = False) -> Hint:
    """What a function returns; of a table function the list, whose elements are rows.

    Raises:
        DefinitionError: Neither hints nor options say it.
    """
    if options.returns is not None:
        kind = sql_type(options.returns)
        return Hint(ArrayType(kind)) if table else Hint(kind)
    annotation = _hints(function).get("return")
    if annotation is None:
        raise DefinitionError(f"{function.__name__} does not say what it returns")
    hint = hint_of(annotation)
    if table and not isinstance(hint.type, ArrayType):
        raise DefinitionError(f"table function {function.__name__} must return a list")
    return hint


def _hints(function: Callable[..., object]) -> dict[str, object]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise DefinitionError(f"a type hint of {function.__name__}: {error}") from error
