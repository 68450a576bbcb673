"""DuckDB's types as types of the language: the inverse of `physical_type`, and a bit more.

What DuckDB's functions give is wider than the language: small integers become INTEGER, large ones
DECIMAL, FLOAT a DOUBLE, JSON and UUID text, fixed-size lists ARRAYs. Intervals, bits and the like
have no counterpart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from merganser.engine import types
from merganser.engine.functions.signature import AnyDecimal, Generic
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)


class DuckdbType(Protocol):
    """A type, as DuckDB's Python interface describes it."""

    @property
    def id(self) -> str:
        """What it is: `list`, `struct`, `decimal` …; JSON is a `varchar`."""
        ...

    @property
    def children(self) -> Sequence[tuple[str, object]]:
        """Its parts by name."""
        ...


_PLAIN: dict[str, SqlType] = {
    "boolean": types.BOOLEAN,
    "tinyint": types.INTEGER,
    "smallint": types.INTEGER,
    "integer": types.INTEGER,
    "utinyint": types.INTEGER,
    "usmallint": types.INTEGER,
    "uinteger": types.BIGINT,
    "bigint": types.BIGINT,
    "ubigint": DecimalType(20, 0),
    "hugeint": DecimalType(38, 0),
    "uhugeint": DecimalType(38, 0),
    "float": types.DOUBLE,
    "double": types.DOUBLE,
    "varchar": types.STRING,
    "json": types.STRING,
    "uuid": types.STRING,
    "blob": types.BYTES,
    "time": types.TIME,
    "date": types.DATE,
    "timestamp": types.TIMESTAMP,
    "timestamp_s": types.TIMESTAMP,
    "timestamp_ms": types.TIMESTAMP,
    "timestamp_ns": types.TIMESTAMP,
    "timestamp with time zone": types.TIMESTAMP,
}
_OPEN = frozenset({"ANY", "T", "K", "V", "U", "LIST", "ARRAY", '"NULL"', "STRUCT"})
_LIST = re.compile(r"(.+)\[\w*\]")
_MASKED = re.compile(r"(.+)\$([0-9a-f]+)")


def plain_type(kind: DuckdbType) -> SqlType | None:
    """The type of the language that holds the values of a type of DuckDB; None: there is none."""
    match kind.id:
        case "list" | "array":
            element = plain_type(_part(kind, 0))
            return None if element is None else ArrayType(element)
        case "map":
            key, value = plain_type(_part(kind, 0)), plain_type(_part(kind, 1))
            return None if key is None or value is None else MapType(key, value)
        case "struct":
            return _struct(kind)
        case "decimal":
            precision, scale = (int(str(number)) for _, number in kind.children)
            return DecimalType(precision, scale)
        case _:
            return _PLAIN.get(kind.id)


def _struct(kind: DuckdbType) -> SqlType | None:
    fields = []
    for index, (name, _) in enumerate(kind.children):
        inner = plain_type(_part(kind, index))
        if inner is None or not name:
            return None
        fields.append(StructField(_field_name(name), inner))
    names = {f.name for f in fields}
    return StructType(tuple(fields)) if len(names) == len(fields) else None


def _field_name(name: str) -> str:
    """A field's name: that of one of the language's, or DuckDB's own in upper case."""
    found = _MASKED.fullmatch(name)
    return found[1] if found else name.upper()


def _part(kind: DuckdbType, index: int) -> DuckdbType:
    part: DuckdbType = kind.children[index][1]  # type: ignore[assignment] # not so for decimals.
    return part


def named_type(text: str) -> SqlType | None:
    """A type as DuckDB's catalogue writes it in signatures; None if the language has none."""
    if text in _OPEN:
        return Generic(text.strip('"').replace("NULL", "ANY"))
    if text == "DECIMAL":
        return AnyDecimal()
    if (found := _LIST.fullmatch(text)) is not None:
        element = named_type(found[1])
        return None if element is None else ArrayType(element)
    if text.startswith("MAP("):
        return MapType(Generic("K"), Generic("V"))
    if text.startswith("STRUCT("):
        return Generic("STRUCT")
    return _PLAIN.get(text.lower())
