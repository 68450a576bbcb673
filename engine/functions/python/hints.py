"""Type hints as SQL types.

======================================  =======================================================
`bool`, `int`, `float`, `str`, `bytes`  BOOLEAN, BIGINT, DOUBLE, STRING, BYTES
`date`, `time`, `datetime`              DATE, TIME, TIMESTAMP
`list[T]`, `dict[str, T]`               ARRAY<T>, MAP<STRING, T>
a dataclass, a `TypedDict`              STRUCT, its fields in upper case
`Annotated[T, "DECIMAL(10, 2)"]`        the SQL type that the text says
`T | None`                              as T: every SQL value may be NULL
======================================  =======================================================
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import types as python_types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Union

from merganser.engine import types
from merganser.engine.functions.signature import Signature, parse_signature
from merganser.engine.types import ArrayType, MapType, SqlType, StructField, StructType
from merganser.errors import InternalError, UserError

_SCALARS: dict[object, SqlType] = {
    bool: types.BOOLEAN,
    int: types.BIGINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
    datetime.date: types.DATE,
    datetime.time: types.TIME,
    datetime.datetime: types.TIMESTAMP,
}
_LISTS = (list, Sequence, Iterable, Iterator, Collection)


class DefinitionError(UserError):
    """A Python function cannot be a function of SQL as it is written."""


@dataclasses.dataclass(frozen=True, slots=True)
class Hint:
    """A SQL type and the Python class that its values have.

    Attributes:
        shape: The dataclass of a STRUCT; None for a dict and for all other types.
        inner: Of elements, map values or fields, in order.
        names: By which Python knows the fields of a STRUCT; empty if they are SQL's.
    """

    type: SqlType
    shape: Callable[..., object] | None = None
    inner: tuple[Hint, ...] = ()
    names: tuple[str, ...] = ()


def hint_of(annotation: object) -> Hint:
    """What a type hint says.

    Raises:
        DefinitionError: It says no SQL type.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments)
    if origin in (Union, python_types.UnionType):
        (*others,) = (each for each in arguments if each is not type(None))
        if len(others) == 1:
            return hint_of(others[0])
    if (found := _SCALARS.get(annotation)) is not None:
        return Hint(found)
    if origin in _LISTS and len(arguments) == 1:
        element = hint_of(arguments[0])
        return Hint(ArrayType(element.type), None, (element,))
    if origin in (dict, Mapping) and len(arguments) == 2 and arguments[0] is str:
        value = hint_of(arguments[1])
        return Hint(MapType(types.STRING, value.type), None, (value,))
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return _struct(annotation, annotation)
    if typing.is_typeddict(annotation):
        return _struct(annotation, None)
    raise DefinitionError(f"the type hint {_shown(annotation)} is no SQL type", hint=_ADVICE)


_ADVICE = (
    "Name the SQL types: types=['DECIMAL(10, 2)', 'STRING'], returns='BIGINT', or "
    "Annotated[Decimal, 'DECIMAL(10, 2)']."
)


def _annotated(arguments: tuple[object, ...]) -> Hint:
    texts = [each for each in arguments[1:] if isinstance(each, str)]
    if not texts:
        return hint_of(arguments[0])
    kind = sql_type(texts[0])
    try:
        shaped = hint_of(arguments[0])
    except DefinitionError:
        return Hint(kind)
    return dataclasses.replace(shaped, type=kind)


def _struct(annotation: object, shape: type[typing.Any] | None) -> Hint:
    hints = typing.get_type_hints(annotation, include_extras=True)
    names = list(hints)
    if shape is not None:
        names = [field.name for field in dataclasses.fields(shape) if field.init]
    inner = tuple(hint_of(hints[name]) for name in names)
    fields = tuple(
        StructField(name.upper(), each.type) for name, each in zip(names, inner, strict=True)
    )
    return Hint(StructType(fields), shape, inner, tuple(names))


def sql_type(text: str) -> SqlType:
    """The SQL type that a text names.

    Raises:
        DefinitionError: It names none.
    """
    returns = read_signature([], text).returns
    assert returns is not None
    return returns


def read_signature(parameters: Sequence[str], returns: str | None) -> Signature:
    """A signature by the texts of its types (see `merganser.engine.functions.signature`).

    Raises:
        DefinitionError: One of them is no type.
    """
    tail = f" -> {returns}" if returns is not None else ""
    text = f"({', '.join(parameters)}){tail}"
    try:
        return parse_signature(_upper(text))
    except (InternalError, ValueError) as error:
        raise DefinitionError(f"{text} is no signature: {error}", hint=_ADVICE) from error


def _upper(text: str) -> str:
    """Types in any letter case, as SQL takes them; names in back-quotes stay."""
    parts = re.split(r"(`[^`]*`)", text)
    upper = [part if part.startswith("`") else part.upper() for part in parts]
    return re.sub(r"\bVARCHAR\b", "STRING", "".join(upper))


def _shown(annotation: object) -> str:
    if annotation is Decimal:
        return "Decimal without precision and scale"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def hints_for(
    signature: Signature, hints: Sequence[Hint], kinds: Sequence[SqlType]
) -> tuple[Hint, ...]:
    """The hint of each argument of a call, with the type that it has in this call."""
    index = signature.variadic_index
    repeated = list(hints)
    if index is not None:
        repeated[index : index + 1] = [hints[index]] * (len(kinds) - len(hints) + 1)
    return tuple(
        hint if hint.type == kind else Hint(kind)
        for hint, kind in zip(repeated, kinds, strict=True)
    )
