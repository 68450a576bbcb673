"""Running a Python function over the rows of a batch, whatever it raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from merganser.engine.duck import arrow_type
from merganser.engine.functions.python.failures import CALL_ERRORS
from merganser.engine.functions.python.hints import Hint
from merganser.engine.functions.python.values import Convert, reader, writer

Errors = dict[int, BaseException]
"""Row number in the batch → what the call raised."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrow columns as lists of Python values, and values as an Arrow array."""

    readers: tuple[Convert | None, ...]
    write: Convert | None
    type: pa.DataType

    @classmethod
    def of(cls, parameters: Sequence[Hint], returns: Hint) -> Columns:
        """Those of a function."""
        return cls(tuple(map(reader, parameters)), writer(returns), arrow_type(returns.type))

    def lists(
        self, columns: Sequence[pa.ChunkedArray | pa.Array], errors: Errors
    ) -> list[list[object]]:
        """The values of each column; rows that Python has no value for are errors."""
        return [
            _values(column, convert, errors)
            for column, convert in zip(columns, self.readers, strict=True)
        ]

    def array(self, values: list[object], errors: Errors) -> pa.Array:
        """An Arrow array of results; those that do not fit its type are errors, and NULL."""
        if self.write is not None:
            convert = self.write
            values = [_attempt(convert, each, index, errors) for index, each in enumerate(values)]
        try:
            return pa.array(values, self.type)
        except (pa.ArrowException, *CALL_ERRORS):
            fitting = [
                _attempt(self._single, each, index, errors) for index, each in enumerate(values)
            ]
            return pa.array(fitting, self.type)

    def _single(self, value: object) -> object:
        pa.array([value], self.type)
        return value


def _attempt(convert: Convert, value: object, index: int, errors: Errors) -> object:
    try:
        return convert(value)
    except CALL_ERRORS as error:
        errors[index] = error
        return None


def _values(column: pa.ChunkedArray, convert: Convert | None, errors: Errors) -> list[object]:
    try:
        values: list[object] = column.to_pylist()
    except CALL_ERRORS:  # A date that Python has no date for.
        values = [
            _attempt(lambda each: each.as_py(), each, index, errors)  # type: ignore[attr-defined] # Arrow's.
            for index, each in enumerate(column)
        ]
    if convert is None:
        return values
    return [_attempt(convert, each, index, errors) for index, each in enumerate(values)]


@dataclass(frozen=True, slots=True)
class RowCall:
    """A function of one row's values."""

    function: Callable[..., object]
    columns: Columns
    null_call: bool

    def __call__(self, given: Sequence[pa.ChunkedArray]) -> tuple[pa.Array, Errors]:
        """The results of a batch, NULL where the call raised, and what it raised."""
        errors: Errors = {}
        function, null_call = self.function, self.null_call
        values: list[object] = []
        for index, row in enumerate(zip(*self.columns.lists(given, errors), strict=True)):
            if (errors and index in errors) or (not null_call and None in row):
                values.append(None)
                continue
            try:
                values.append(function(*row))
            except CALL_ERRORS as error:
                errors[index] = error
                values.append(None)
        return self.columns.array(values, errors), errors


@dataclass(frozen=True, slots=True)
class BatchCall:
    """A function of whole Arrow arrays. One that raises is asked again for halves of the batch."""

    function: Callable[..., object]
    type: pa.DataType
    null_call: bool

    def __call__(self, given: Sequence[pa.ChunkedArray]) -> tuple[pa.Array, Errors]:
        """The results of a batch, NULL where the call raised, and what it raised."""
        arrays = [whole(column) for column in given]
        errors: Errors = {}
        if self.null_call or not any(array.null_count for array in arrays):
            return self._halving(arrays, 0, errors), errors
        given_rows = np.logical_and.reduce([np.asarray(array.is_valid()) for array in arrays])
        places = np.flatnonzero(given_rows)
        found: Errors = {}
        results = self._halving([array.take(pa.array(places)) for array in arrays], 0, found)
        back = np.full(len(given_rows), -1)
        back[places] = np.arange(len(places))
        errors.update({int(places[index]): error for index, error in found.items()})
        return results.take(pa.array(back, mask=back < 0)), errors

    def _halving(self, arrays: list[pa.Array], start: int, errors: Errors) -> pa.Array:
        count = len(arrays[0])
        if not count:
            return pa.nulls(0, self.type)
        try:
            return self._checked(self.function(*arrays), count)
        except (pa.ArrowException, *CALL_ERRORS) as error:
            if count == 1:
                errors[start] = error
                return pa.nulls(1, self.type)
        half = count // 2
        return pa.concat_arrays(
            [
                self._halving([array.slice(0, half) for array in arrays], start, errors),
                self._halving([array.slice(half) for array in arrays], start + half, errors),
            ]
        )

    def _checked(self, result: object, count: int) -> pa.Array:
        if isinstance(result, pa.ChunkedArray):
            result = whole(result)
        if not isinstance(result, pa.Array):
            raise TypeError(f"a pyarrow.Array is wanted, found {type(result).__name__}")
        if len(result) != count:
            raise ValueError(f"{count} values are wanted, found {len(result)}")
        return result if result.type == self.type else result.cast(self.type)


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
