"""An expression that can be written as SQL and evaluated over a row in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Value = Any  # What a row holds: the tests compare it, nothing computes with it unseen.
Row = Mapping[str, Value]


class Failed(Exception):  # noqa: N818 - what ksqlDB calls a row error
    """The evaluation of an expression raises."""


@dataclass(frozen=True, slots=True)
class Node:
    """An expression of a SQL type (its text, as `ARRAY<INT>`).

    Attributes:
        run: Its value over a row; raises Failed.
        is_condition: A BOOLEAN that is never NULL but where it raises.
    """

    sql: str
    kind: str
    run: Callable[[Row], Value]
    is_condition: bool = False

    def caught(self, row: Row) -> Value:
        """Its value at a place that goes on with NULL where it raises."""
        try:
            return self.run(row)
        except Failed:
            return None


def decimal_shape(kind: str) -> tuple[int, int]:
    """Precision and scale of `DECIMAL(p, s)`."""
    precision, _, scale = kind.removeprefix("DECIMAL(").removesuffix(")").partition(",")
    return int(precision), int(scale)


def element(kind: str) -> str:
    """The element of `ARRAY<…>`."""
    return kind.removeprefix("ARRAY<").removesuffix(">")


def given(value: Value) -> Value:
    """A value that has to be there; raises Failed for NULL."""
    if value is None:
        raise Failed
    return value


def quoted(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"
