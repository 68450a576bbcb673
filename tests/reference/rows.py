"""What flows through the reference evaluator, and expressions over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

Value = object
Columns = Mapping[str, Value]
"""Columns by qualified name, `S.V`; one that is not there is NULL."""


class Window(NamedTuple):
    """A window's bounds, as its key carries them."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Row:
    """A stream's row, or a table's new row.

    Attributes:
        key: The key columns' values.
        columns: None: the record had no value; in a table the key is deleted.
        partition: Of the input record that caused it.
        old, old_time_ms: In a table the row that was there before.
    """

    key: tuple[Value, ...]
    columns: Columns | None
    time_ms: int
    partition: int
    window: Window | None = None
    old: Columns | None = None
    old_time_ms: int = -1


@dataclass(frozen=True, slots=True)
class Expr:
    """A column, with an integer added where `plus` is not 0."""

    column: str
    plus: int = 0

    def sql(self) -> str:
        """As SQL."""
        return f"{self.column} + {self.plus}" if self.plus else self.column

    def of(self, columns: Columns) -> Value:
        """Its value; NULL stays NULL."""
        found = columns.get(self.column)
        if found is None or not self.plus:
            return found
        assert isinstance(found, int)
        return found + self.plus


@dataclass(frozen=True, slots=True)
class Predicate:
    """A comparison of a column with a literal (a number or a text), or a test for NULL.

    Attributes:
        operator: `>`, `<=`, `=`, `IS NULL` or `IS NOT NULL`.
    """

    column: str
    operator: str
    literal: int | str | None = None

    def sql(self) -> str:
        """As SQL."""
        if self.literal is None:
            return f"{self.column} {self.operator}"
        literal = f"'{self.literal}'" if isinstance(self.literal, str) else str(self.literal)
        return f"{self.column} {self.operator} {literal}"

    def holds(self, columns: Columns) -> bool:
        """Whether it is true; what compares with NULL is not."""
        found = columns.get(self.column)
        match self.operator:
            case "IS NULL":
                return found is None
            case "IS NOT NULL":
                return found is not None
            case "=":
                return found == self.literal
            case ">":
                return found is not None and found > self.literal  # type: ignore[operator]  # numbers.
            case _:
                return found is not None and found <= self.literal  # type: ignore[operator]  # numbers.
