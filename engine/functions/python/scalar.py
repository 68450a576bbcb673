"""Scalar and table functions in Python: overloads of the language over routines in DuckDB.

A routine is made for the types of a call, when the call is compiled, so one function serves
generic and variadic parameters; it is kept for the next call of these types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from merganser.engine import types
from merganser.engine.duck import arrow_type, physical_type
from merganser.engine.functions.function import CallSite, Nulls, Overload
from merganser.engine.functions.in_force import in_force
from merganser.engine.functions.python.batches import BatchCall, Columns, Errors, RowCall
from merganser.engine.functions.python.failures import Failures, reason_of
from merganser.engine.functions.python.hints import Hint, hints_for
from merganser.engine.functions.python.routine import PythonRoutine, routine
from merganser.engine.functions.signature import Signature
from merganser.engine.types import ArrayType, SqlType

Types = tuple[SqlType, ...]


@dataclass(frozen=True, slots=True)
class Routines:
    """What DuckDB calls for one choice of types: for values, for failures and for reasons."""

    value: PythonRoutine
    failed: PythonRoutine
    reason: PythonRoutine


@dataclass(frozen=True, slots=True, eq=False)
class PythonOverload:
    """One Python function with its signature.

    Attributes:
        hints: The Python shapes of the parameters, in order; of types that hints did not say they
            are bare.
        table: The function gives a list, one row each.
    """

    name: str
    function: Callable[..., object]
    signature: Signature
    hints: tuple[Hint, ...]
    returns: Hint | None
    vectorized: bool = False
    null_call: bool = True
    table: bool = False
    failures: Failures = field(default_factory=Failures)
    _made: dict[tuple[Types, SqlType], Routines] = field(default_factory=dict)

    def overload(self) -> Overload:
        """As an overload of the language."""
        return Overload(
            self.signature,
            lambda site: self._sql(site, lambda made: made.value),
            Nulls.PASS,
            lambda site: self._sql(site, lambda made: made.failed),
            failures=self.failures,
            reason=lambda site: self._sql(site, lambda made: made.reason),
        )

    def _sql(self, site: CallSite, which: Callable[[Routines], PythonRoutine]) -> str:
        parameters = self.signature.parameters_for(len(site.sql))
        assert parameters is not None
        kinds = tuple(types.INTEGER if given == types.NULL else given for given in site.types)
        chosen = which(self._routines(kinds, site.returns))
        if (definer := in_force().definer) is not None:
            definer.define(chosen)
        arguments = [
            f"CAST({sql} AS {physical_type(kind)})"
            for sql, kind in zip(site.sql, kinds, strict=True)
        ]
        return chosen.sql(*(arguments or ["0"]))

    def _routines(self, kinds: Types, returns: SqlType) -> Routines:
        result = ArrayType(returns) if self.table else returns
        key = (kinds, result)
        if key not in self._made:
            self._made[key] = self._make(kinds, result)
        return self._made[key]

    def _make(self, kinds: Types, result: SqlType) -> Routines:
        function, shapes = self.function, hints_for(self.signature, self.hints, kinds)
        if not kinds:
            function, shapes = _without_arguments(function), (Hint(types.INTEGER),)
        returns = replace(self.returns, type=result) if self.returns else Hint(result)
        call: RowCall | BatchCall
        if self.vectorized:
            call = BatchCall(function, arrow_type(result), self.null_call)
        else:
            call = RowCall(function, Columns.of(shapes, returns), self.null_call)

        def values(*columns: pa.ChunkedArray) -> pa.Array:
            found, errors = call(columns)
            self.failures.count += len(errors)
            return found

        def failed(*columns: pa.ChunkedArray) -> pa.Array:
            errors = call(columns)[1]
            return pa.array([index in errors for index in range(len(columns[0]))], pa.bool_())

        def reasons(*columns: pa.ChunkedArray) -> pa.Array:
            return _reasons(call(columns)[1], len(columns[0]))

        physical = tuple(map(physical_type, kinds)) or ("INTEGER",)
        return Routines(
            routine(self.name, physical, physical_type(result), values),
            routine(f"{self.name}_failed", physical, "BOOLEAN", failed),
            routine(f"{self.name}_reason", physical, "VARCHAR", reasons),
        )


def _without_arguments(function: Callable[..., object]) -> Callable[..., object]:
    """The same with one argument that it does not need: it tells how many rows there are."""
    return lambda _number: function()


def _reasons(errors: Errors, count: int) -> pa.Array:
    return pa.array(
        [reason_of(errors[index]) if index in errors else None for index in range(count)],
        pa.string(),
    )
