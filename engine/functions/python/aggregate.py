"""Aggregate functions in Python: accumulators whose SQL calls routines.

The state is a value of a SQL type, kept in the query's state file as any other. A batch's rows of a
group come to Python as lists; `add` folds them, from a fresh state, and `merge` puts states
together, older rows first. A row that `add` fails on is left out and told with its offset.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression, Literal
from merganser.engine.functions.function import Accumulator, refuse
from merganser.engine.functions.in_force import in_force
from merganser.engine.functions.python.batches import Columns, Errors, whole
from merganser.engine.functions.python.failures import CALL_ERRORS, RowFailures
from merganser.engine.functions.python.hints import Hint, hints_for
from merganser.engine.functions.python.matching import match
from merganser.engine.functions.python.routine import PythonRoutine, routine
from merganser.engine.functions.python.values import reader
from merganser.engine.functions.signature import Signature, substitute
from merganser.engine.types import ArrayType, SqlType

Step = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Steps:
    """The parts of an aggregate, bound to the literals of a call.

    Attributes:
        add: State and a row's values → state.
        merge: Older and newer state → state.
        undo: State and an old row's values → state; None if there is none.
    """

    initialise: Step
    add: Step
    merge: Step
    result: Step
    undo: Step | None


@dataclass(frozen=True, slots=True, eq=False)
class PythonAggregate:
    """One overload of an aggregate.

    Attributes:
        make: Gives the steps for the literals behind the columns.
        signature: Columns and result.
        literals: Types of the literals behind the columns, for those calls.
        state: The state's type; it may hold the type variables of the signature.
        hints: The Python shapes of the columns.
    """

    name: str
    make: Callable[..., Steps]
    signature: Signature
    literals: Signature
    hints: tuple[Hint, ...]
    state: Hint
    returns: Hint
    null_call: bool = True
    _made: dict[object, Accumulator] = field(default_factory=dict)
    _routines: dict[object, tuple[PythonRoutine, ...]] = field(default_factory=dict)

    @property
    def shown(self) -> Signature:
        """Columns, literals and result, as DESCRIBE FUNCTION shows them."""
        parameters = (*self.signature.parameters, *self.literals.parameters)
        return Signature(parameters, self.signature.returns)

    def fit(self, arguments: Sequence[Expression], *, widening: bool) -> Accumulator | None:
        """The accumulator for a call, None if this overload does not take it."""
        split = self._split(len(arguments))
        if split is None:
            return None
        columns, literals = arguments[:split], arguments[split:]
        if not all(isinstance(each, Literal) for each in literals):
            return None
        found = match(self.signature, [c.result_type for c in columns], widening=widening)
        fixed = match(self.literals, [a.result_type for a in literals], widening=True)
        if found is None or fixed is None:
            return None
        kinds, known = found
        values = tuple(each.value for each in literals if isinstance(each, Literal))
        key = (kinds, tuple(known.items()), values, tuple(map(str, arguments)))
        if key not in self._made:
            self._made[key], self._routines[key] = self._make(kinds, known, values, arguments)
        if (definer := in_force().definer) is not None:
            for each in self._routines[key]:
                definer.define(each)
        return self._made[key]

    def _split(self, count: int) -> int | None:
        """How many of the arguments are columns."""
        columns = len(self.signature.parameters)
        if self.signature.variadic_index is None:
            return columns if count >= columns else None
        split = count - len(self.literals.parameters)
        return split if split >= columns - 1 else None

    def _make(
        self,
        kinds: tuple[SqlType, ...],
        known: dict[str, SqlType],
        values: tuple[object, ...],
        arguments: Sequence[Expression],
    ) -> tuple[Accumulator, tuple[PythonRoutine, ...]]:
        state = replace(self.state, type=substitute(self.state.type, known))
        returns = replace(self.returns, type=substitute(self.returns.type, known))
        try:
            steps = self.make(*values)
        except CALL_ERRORS as error:
            refused = refuse(self.name, arguments, (str(self.shown),))
            refused.detail = f"{self.name} does not take these literals: {error}"
            raise refused from error
        shapes = hints_for(self.signature, self.hints, kinds)
        folding = _Folding(shapes, state, returns, steps, self.null_call)
        return folding.accumulator(self.name, kinds)


@dataclass(frozen=True, slots=True)
class _Folding:
    """Runs the steps of one call over batches."""

    shapes: tuple[Hint, ...]
    state: Hint
    returns: Hint
    steps: Steps
    null_call: bool
    failures: RowFailures = field(default_factory=RowFailures)

    def accumulator(
        self, name: str, kinds: tuple[SqlType, ...]
    ) -> tuple[Accumulator, tuple[PythonRoutine, ...]]:
        """The SQL of the call and the routines in it."""
        state, result = physical_type(self.state.type), physical_type(self.returns.type)
        lists = [physical_type(ArrayType(kind)) for kind in kinds]
        rows = (*lists, "INTEGER[]", "BIGINT[]")
        add = routine(f"{name}_add", rows, state, self._add)
        merge = routine(f"{name}_merge", (state, state), state, self._merge)
        final = routine(f"{name}_result", (state,), result, self._result)
        empty = routine(f"{name}_initialise", ("INTEGER",), state, self._initialise)
        given = [
            f'list(CAST({{{index}}} AS {physical_type(kind)}) ORDER BY "$seq")'
            for index, kind in enumerate(kinds)
        ]
        given += [f'list("{name}" ORDER BY "$seq")' for name in ("$partition", "$offset")]
        undo, undo_partial = None, None
        made: tuple[PythonRoutine, ...] = (add, merge, final, empty)
        if self.steps.undo is not None:
            fields = ", ".join(f"v{index} := {sql}" for index, sql in enumerate(given))
            undo_partial = f"struct_pack({fields})"
            parts = [f"{{new}}.v{index}" for index in range(len(given))]
            undoing = routine(f"{name}_undo", (state, *rows), state, self._undo)
            undo = undoing.sql("{old}", *parts)
            made = (*made, undoing)
        accumulator = Accumulator(
            returns=self.returns.type,
            state=state,
            partial=add.sql(*given),
            merge=merge.sql("{old}", "{new}"),
            final=final.sql("{state}"),
            empty=empty.sql("0"),
            undo=undo,
            undo_partial=undo_partial,
            failures=self.failures.take,
        )
        return accumulator, made

    # Each of these is a routine: Arrow columns in, an Arrow array out, nothing raised.

    def _add(self, *columns: pa.ChunkedArray) -> pa.Array:
        states = [self._attempt(self.steps.initialise) for _ in range(len(columns[0]))]
        return self._fold(self.steps.add, states, columns)

    def _undo(self, *columns: pa.ChunkedArray) -> pa.Array:
        states, *rows = columns
        assert self.steps.undo is not None
        return self._fold(self.steps.undo, self._states(states), rows)

    def _merge(self, *columns: pa.ChunkedArray) -> pa.Array:
        pairs = zip(*map(self._states, columns), strict=True)
        return self._stated([self._merged(older, newer) for older, newer in pairs])

    def _merged(self, older: object, newer: object) -> object:
        given = newer if older is None else older
        return self._attempt(self.steps.merge, older, newer, otherwise=given)

    def _result(self, states: pa.ChunkedArray) -> pa.Array:
        errors: Errors = {}
        found = [self._attempt(self.steps.result, state) for state in self._states(states)]
        array = Columns.of((), self.returns).array(found, errors)
        self._note_all(errors)
        return array

    def _initialise(self, numbers: pa.ChunkedArray) -> pa.Array:
        return self._stated([self._attempt(self.steps.initialise) for _ in range(len(numbers))])

    def _fold(
        self, step: Step, states: list[object], columns: Sequence[pa.ChunkedArray]
    ) -> pa.Array:
        """Each group's state with its rows folded in; the last two columns tell the records."""
        lists = [whole(column) for column in columns]
        *values, partitions, offsets = [column.flatten() for column in lists]
        errors: Errors = {}
        read = Columns(tuple(map(reader, self.shapes)), None, pa.null()).lists(values, errors)
        rows = list(zip(*read, strict=True)) or [()] * len(offsets)
        counts = lists[-1].value_lengths().to_pylist()
        at = 0
        for group, count in enumerate(counts):
            state = states[group]
            for index in range(at, at + count):
                row = rows[index]
                if not self.null_call and None in row:
                    continue
                try:
                    if index in errors:
                        raise errors[index]
                    state = step(state, *row)
                except CALL_ERRORS as error:
                    self.failures.note(error, partitions[index].as_py(), offsets[index].as_py())
            states[group] = state
            at += count
        return self._stated(states)

    def _states(self, column: pa.ChunkedArray) -> list[object]:
        errors: Errors = {}
        (found,) = Columns((reader(self.state),), None, pa.null()).lists([column], errors)
        self._note_all(errors)
        return found

    def _stated(self, states: list[object]) -> pa.Array:
        errors: Errors = {}
        array = Columns.of((), self.state).array(states, errors)
        self._note_all(errors)
        return array

    def _attempt(self, step: Step, *given: object, otherwise: object = None) -> object:
        try:
            return step(*given)
        except CALL_ERRORS as error:
            # DuckDB also asks for groups that are not there, and takes no notice of the answer.
            if all(each is not None for each in given):
                self.failures.note(error, None, None)
            return otherwise

    def _note_all(self, errors: Errors) -> None:
        for error in errors.values():
            self.failures.note(error, None, None)


def bind_aggregate(
    name: str, overloads: Sequence[PythonAggregate], arguments: Sequence[Expression]
) -> Accumulator:
    """The accumulator of the overload that takes the arguments.

    Raises:
        TypeMismatchError: None does.
    """
    for widening in (False, True):
        for overload in overloads:
            if (found := overload.fit(arguments, widening=widening)) is not None:
                return found
    raise refuse(name, arguments, tuple(str(overload.shown) for overload in overloads))


NO_LITERALS = Signature((), types.NULL)
"""Of aggregates that take columns only."""
