"""The columns of a source or of a plan node, key first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from merganser.engine.types import BIGINT, INTEGER, SqlType, quote_name

PSEUDO_COLUMNS: dict[str, SqlType] = {
    "ROWTIME": BIGINT,
    "ROWPARTITION": INTEGER,
    "ROWOFFSET": BIGINT,
    "WINDOWSTART": BIGINT,
    "WINDOWEND": BIGINT,
}
"""Columns that every row has (the last two only windowed ones), never declared by a user."""


class Role(StrEnum):
    """Where a column's value lives in the record."""

    KEY = "KEY"
    VALUE = "VALUE"
    HEADERS = "HEADERS"


@dataclass(frozen=True, slots=True)
class Column:
    """A named, typed column.

    Attributes:
        name: Exact name (unquoted SQL names are upper case).
        role: Key, value or headers.
        header: For `HEADER('k')` columns the header's name; None for `HEADERS`.
    """

    name: str
    type: SqlType
    role: Role = Role.VALUE
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns in logical order: keys first, then the others as declared. Names are unique."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def key(self) -> tuple[Column, ...]:
        """The key columns."""
        return tuple(column for column in self.columns if column.role is Role.KEY)

    @property
    def value(self) -> tuple[Column, ...]:
        """The value columns (no headers)."""
        return tuple(column for column in self.columns if column.role is Role.VALUE)

    @property
    def headers(self) -> tuple[Column, ...]:
        """The columns that are read from record headers."""
        return tuple(column for column in self.columns if column.role is Role.HEADERS)

    def find(self, name: str) -> Column | None:
        """The column of exactly that name."""
        return next((column for column in self.columns if column.name == name), None)

    def sql(self) -> str:
        """As ksqlDB prints a schema: ``` `ID` STRING KEY, `N` BIGINT ```."""
        suffix = {Role.KEY: " KEY", Role.VALUE: "", Role.HEADERS: " HEADERS"}
        return ", ".join(
            f"{quote_name(column.name)} {column.type.sql()}{suffix[column.role]}"
            for column in self.columns
        )
