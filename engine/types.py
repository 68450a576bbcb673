"""The SQL types of the language, as values.

A type prints as ksqlDB prints it (``sql()``): ``INTEGER``, ``STRING``, ``DECIMAL(10, 2)``,
``ARRAY<STRING>``, ``MAP<STRING, BIGINT>``, ``STRUCT<`A` INTEGER>``.
Source: parity/statements.md, types.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SqlType:
    """Base of all types. Types are frozen, hashable and equal by structure."""

    __slots__ = ()

    def sql(self) -> str:
        """The type as ksqlDB writes it."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.sql()


class Kind(StrEnum):
    """The types without parameters."""

    BOOLEAN = "BOOLEAN"
    INTEGER = "INTEGER"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    STRING = "STRING"
    BYTES = "BYTES"
    TIME = "TIME"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    JSON = "JSON"  # Any JSON value, held as its text. ksqlDB has no such type.
    NULL = "NULL"  # The type of an untyped NULL literal; no column has it.
    UNIT = "UNIT"  # The type of a bare interval unit argument (`DATEADD(DAYS, …)`).


@dataclass(frozen=True, slots=True)
class ScalarType(SqlType):
    """A type without parameters."""

    kind: Kind

    def sql(self) -> str:
        return self.kind.value


@dataclass(frozen=True, slots=True)
class DecimalType(SqlType):
    """Exact numbers of `precision` digits, `scale` of them behind the point."""

    precision: int
    scale: int

    def sql(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


@dataclass(frozen=True, slots=True)
class ArrayType(SqlType):
    """A list of elements of one type."""

    element: SqlType

    def sql(self) -> str:
        return f"ARRAY<{self.element.sql()}>"


@dataclass(frozen=True, slots=True)
class MapType(SqlType):
    """Values by key."""

    key: SqlType
    value: SqlType

    def sql(self) -> str:
        return f"MAP<{self.key.sql()}, {self.value.sql()}>"


@dataclass(frozen=True, slots=True)
class StructField:
    """One field of a struct; names are exact."""

    name: str
    type: SqlType

    def sql(self) -> str:
        """The field as it stands in a struct type."""
        return f"{quote_name(self.name)} {self.type.sql()}"


@dataclass(frozen=True, slots=True)
class StructType(SqlType):
    """Named fields in order."""

    fields: tuple[StructField, ...]

    def sql(self) -> str:
        return f"STRUCT<{', '.join(field.sql() for field in self.fields) or ' '}>"

    def field(self, name: str) -> StructField | None:
        """The field of exactly that name."""
        return next((field for field in self.fields if field.name == name), None)


def json_as_text(kind: SqlType) -> SqlType:
    """The type with STRING for each JSON in it, for what knows no such values."""
    match kind:
        case ArrayType(element):
            return ArrayType(json_as_text(element))
        case MapType(key, value):
            return MapType(json_as_text(key), json_as_text(value))
        case StructType(fields):
            return StructType(tuple(StructField(f.name, json_as_text(f.type)) for f in fields))
        case _:
            return STRING if kind == JSON else kind


BOOLEAN = ScalarType(Kind.BOOLEAN)
INTEGER = ScalarType(Kind.INTEGER)
BIGINT = ScalarType(Kind.BIGINT)
DOUBLE = ScalarType(Kind.DOUBLE)
STRING = ScalarType(Kind.STRING)
BYTES = ScalarType(Kind.BYTES)
TIME = ScalarType(Kind.TIME)
DATE = ScalarType(Kind.DATE)
TIMESTAMP = ScalarType(Kind.TIMESTAMP)
JSON = ScalarType(Kind.JSON)
NULL = ScalarType(Kind.NULL)
UNIT = ScalarType(Kind.UNIT)


def quote_name(name: str) -> str:
    """An identifier in back-quotes, as ksqlDB prints column and field names."""
    return "`" + name.replace("`", "``") + "`"
