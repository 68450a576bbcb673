"""What a function is: signatures, how DuckDB computes it, and examples that are tests.

Add a function: one entry in one family module under scalar/, aggregate/ or table/.
Source: parity/functions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merganser.engine.expression import Expression
from merganser.engine.registry import Registry
from merganser.engine.types import SqlType


@dataclass(frozen=True, slots=True)
class Accumulator:
    """How one aggregate call is kept, as DuckDB SQL.

    The state of a group is one DuckDB value. A batch's rows of a group become a state by
    `partial`; states are combined by `merge`, older rows first. So any cut gives one result.

    Attributes:
        returns: SQL type of the result.
        state: DuckDB type of the state.
        partial: Aggregate expression over the rows of a group in one batch. `{0}`, `{1}`, … are
            the arguments; `"$seq"` orders the rows, so `list({0} ORDER BY "$seq")`.
        merge: Expression over `{old}` and `{new}`, two states, neither NULL.
        final: Expression over `{state}`: the result.
        empty: The state of no rows.
        undo: Expression over `{old}` and `{new}`: the state without the rows of `new`, for
            aggregates over tables. None: only over streams.
    """

    returns: SqlType
    state: str
    partial: str
    merge: str
    final: str
    empty: str
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """An aggregate function.

    Attributes:
        signatures: For DESCRIBE FUNCTION, such as `(INT) -> INT`.
        bind: The accumulator for typed arguments (literal ones are `Literal`); raises
            TypeMismatchError if no signature fits. No implicit widening.
        examples: SQL text of a whole SELECT over VALUES is not needed: pairs of input rows and
            the expected result, checked by a test in several cuts.
    """

    signatures: tuple[str, ...]
    bind: Callable[[Sequence[Expression]], Accumulator]
    doc: str
    category: str = "AGGREGATE"
    examples: tuple[tuple[str, tuple[tuple[object, ...], ...], object], ...] = ()


AGGREGATES: Registry[AggregateFunction] = Registry(
    "aggregate function", "merganser.engine.functions.aggregate"
)
