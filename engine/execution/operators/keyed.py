"""What operators that keep something by an OVER clause's PARTITION BY have in common."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.execution.expressions.compile import compile_expression
from merganser.engine.execution.rows import ErrorCheck, Rows
from merganser.engine.expression import Expression

# A stream's record without value is no row.
LIVE = 'NOT "$tombstone"'


def computed(
    rows: Rows, expressions: Sequence[Expression], prefix: str, step: str
) -> tuple[list[str], tuple[ErrorCheck, ...]]:
    """Expressions as columns `$<prefix>0` …, and the places where they can fail."""
    columns: list[str] = []
    checks: tuple[ErrorCheck, ...] = ()
    for index, expression in enumerate(expressions):
        compiled = compile_expression(expression)
        columns.append(f'{compiled.sql} AS "${prefix}{index}"')
        checks += ErrorCheck.of(rows.source, compiled, step, expression)
    return columns, checks


def numbered(prefix: str, count: int, alias: str = "") -> list[str]:
    """The names of such columns."""
    return [f'{alias}"${prefix}{index}"' for index in range(count)]


def same_key(count: int, left: str, right: str) -> str:
    """The predicate that two rows have one key; NULL is a key like others."""
    return " AND ".join(
        f'{left}."$p{index}" IS NOT DISTINCT FROM {right}."$p{index}"' for index in range(count)
    )
