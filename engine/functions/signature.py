"""Signatures of functions, written as text: `(ARRAY<T>, INT!, STRING...) -> T`.

=============  ==================================================================
`INT` …        a SQL type; `DECIMAL` alone is a DECIMAL of any precision and scale
`T`            one capital letter: any type, the same wherever it stands
`ANY`          any type, each time anew
`UNIT`         a bare interval unit (`DAYS`)
`S...`         any number of S, none included
`INT!`         a Java primitive: NULL there makes the call raise
`(K, V) => R`  a lambda of two parameters; its result must be R. `T => R` takes one
`pos INT`      a parameter with the name that DESCRIBE FUNCTION shows, in lower case
=============  ==================================================================

The result of a signature may also be left out; a function then computes it from the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from merganser.engine import types
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import InternalError


@dataclass(frozen=True, slots=True)
class Generic(SqlType):
    """A type variable inside a signature."""

    name: str

    def sql(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AnyDecimal(SqlType):
    """A DECIMAL of any precision and scale, inside a signature."""

    def sql(self) -> str:
        return "DECIMAL"


@dataclass(frozen=True, slots=True)
class LambdaType(SqlType):
    """The type of a lambda parameter, inside a signature."""

    inputs: tuple[SqlType, ...]
    result: SqlType

    def sql(self) -> str:
        inputs = ", ".join(map(str, self.inputs))
        return f"LAMBDA ({inputs}) => {self.result}"


def substitute(kind: SqlType, generics: Mapping[str, SqlType]) -> SqlType:
    """A signature's type with its type variables put in; unknown ones stay."""
    match kind:
        case Generic(name):
            return generics.get(name, kind)
        case ArrayType(element):
            return ArrayType(substitute(element, generics))
        case MapType(key, value):
            return MapType(substitute(key, generics), substitute(value, generics))
        case StructType(fields):
            return StructType(
                tuple(StructField(f.name, substitute(f.type, generics)) for f in fields)
            )
        case _:
            return kind


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        variadic: Takes any number of arguments.
        primitive: A NULL argument makes the call raise.
        name: For those who read about the function; mostly empty.
    """

    type: SqlType
    variadic: bool = False
    primitive: bool = False
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.type}{'...' if self.variadic else ''}"


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters and result; `returns` is None if the function computes it."""

    parameters: tuple[Parameter, ...]
    returns: SqlType | None

    @property
    def variadic_index(self) -> int | None:
        """The place of the variadic parameter."""
        return next((i for i, p in enumerate(self.parameters) if p.variadic), None)

    def parameters_for(self, count: int) -> tuple[Parameter, ...] | None:
        """The parameter of each of `count` arguments, or None if the count does not fit."""
        index = self.variadic_index
        if index is None:
            return self.parameters if len(self.parameters) == count else None
        repeat = count - len(self.parameters) + 1
        if repeat < 0:
            return None
        middle = (self.parameters[index],) * repeat
        return (*self.parameters[:index], *middle, *self.parameters[index + 1 :])

    def __str__(self) -> str:
        result = f" -> {self.returns}" if self.returns is not None else ""
        return f"({', '.join(map(str, self.parameters))}){result}"


_TOKEN = re.compile(r"\s*(->|=>|\.\.\.|[A-Za-z_]\w*|`[^`]*`|\d+|[(),<>!])")

_NAMED: dict[str, SqlType] = {
    "BOOLEAN": types.BOOLEAN,
    "INT": types.INTEGER,
    "INTEGER": types.INTEGER,
    "BIGINT": types.BIGINT,
    "DOUBLE": types.DOUBLE,
    "STRING": types.STRING,
    "BYTES": types.BYTES,
    "TIME": types.TIME,
    "DATE": types.DATE,
    "TIMESTAMP": types.TIMESTAMP,
    "UNIT": types.UNIT,
}


class _Reader:
    """Reads the text of one signature."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._at = 0
        self._any_count = 0

    def signature(self) -> Signature:
        self._expect("(")
        parameters: list[Parameter] = []
        while not self._take(")"):
            name = self._next() if self._tokens[self._at][0].islower() else ""
            parameters.append(replace(self._parameter(), name=name))
            self._take(",")
        returns = self._type() if self._take("->") else None
        if self._at != len(self._tokens):
            raise InternalError(f"signature not understood: {self._text}")
        return Signature(tuple(parameters), returns)

    def _parameter(self) -> Parameter:
        if self._take("("):
            inputs = [self._type()]
            while self._take(","):
                inputs.append(self._type())
            self._expect(")")
            self._expect("=>")
            return Parameter(LambdaType(tuple(inputs), self._type()))
        kind = self._type()
        if self._take("=>"):
            return Parameter(LambdaType((kind,), self._type()))
        primitive = self._take("!")
        return Parameter(kind, variadic=self._take("..."), primitive=primitive)

    def _type(self) -> SqlType:
        word = self._next()
        if word == "ANY":
            self._any_count += 1
            return Generic(f"ANY{self._any_count}")
        if len(word) == 1 and word.isupper():
            return Generic(word)
        if word in _NAMED:
            return _NAMED[word]
        if word == "DECIMAL":
            return self._decimal()
        if word in ("ARRAY", "MAP", "STRUCT"):
            self._expect("<")
            made = self._container(word)
            self._expect(">")
            return made
        raise InternalError(f"type {word} in signature {self._text}")

    def _decimal(self) -> SqlType:
        if not self._take("("):
            return AnyDecimal()
        precision = int(self._next())
        self._expect(",")
        scale = int(self._next())
        self._expect(")")
        return DecimalType(precision, scale)

    def _container(self, word: str) -> SqlType:
        if word == "ARRAY":
            return ArrayType(self._type())
        if word == "MAP":
            key = self._type()
            self._expect(",")
            return MapType(key, self._type())
        fields: list[StructField] = []
        while True:
            name = self._next().strip("`")
            fields.append(StructField(name, self._type()))
            if not self._take(","):
                return StructType(tuple(fields))

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise InternalError(f"signature ends early: {self._text}")
        token: str = self._tokens[self._at]
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise InternalError(f"{token!r} is missing in signature {self._text}")


def parse_signature(text: str) -> Signature:
    """The signature that a text describes.

    Raises:
        InternalError: The text is no signature (our own mistake).
    """
    return _Reader(text).signature()
