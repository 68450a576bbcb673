"""Scalar functions that SQL cannot express: Python, one row at a time, over whole Arrow batches.

A function takes one Python value per parameter and gives one, or raises one of `ROW_ERRORS` where
ksqlDB would raise. Values: TIME and TIMESTAMP are ms, DATE is days (all `int`), DECIMAL is
`Decimal`, arrays are lists. Variadic arguments come as one list.
Keep ordinary rows away from here where SQL can do them: a call costs about 0.4 µs a row and holds
the interpreter's lock.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine import types
from merganser.engine.duck import Duck, arrow_type, physical_type
from merganser.engine.functions.function import (
    AGGREGATES,
    SCALARS,
    TABLES,
    CallSite,
    Nulls,
    Overload,
)
from merganser.engine.functions.signature import Parameter, parse_signature
from merganser.engine.types import ArrayType, SqlType

DAY_MS = 86_400_000

# What DuckDB's TIMESTAMP and DATE hold. TRY would do instead, but refuses volatile functions.
TIMESTAMP_MS_MIN, TIMESTAMP_MS_MAX = -9_223_372_022_400_000, 9_223_372_036_854_775
DATE_DAYS_MAX = 2_147_483_646

Row = Callable[..., object]


class CallFailedError(Exception):
    """A call raises in ksqlDB: the value is NULL and the processing log gets an entry."""


ROW_ERRORS = (CallFailedError, ArithmeticError, LookupError, ValueError)
"""What a function may raise for bad arguments."""


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """A function of rows under its DuckDB name; `<name>_failed` tells which calls raise."""

    name: str
    parameters: tuple[SqlType, ...]
    returns: SqlType
    row: Row
    pass_nulls: bool
    raises: bool

    def values(self, *columns: pa.ChunkedArray) -> pa.Array:
        """The results of a batch, NULL where a call raises."""
        return _by_value(columns, self._value, arrow_type(self.returns))

    def failed(self, *columns: pa.ChunkedArray) -> pa.Array:
        """Which calls of a batch raise."""
        return _by_value(columns, self._fails, pa.bool_())

    def _value(self, arguments: tuple[object, ...]) -> object:
        if not self.pass_nulls and None in arguments:
            return None
        try:
            return self.row(*arguments)
        except ROW_ERRORS:
            return None

    def _fails(self, arguments: tuple[object, ...]) -> bool:
        if not self.pass_nulls and None in arguments:
            return False
        try:
            self.row(*arguments)
        except ROW_ERRORS:
            return True
        return False


_COMPARED_BY_VALUE = (
    *(pa.string(), pa.binary(), pa.bool_(), pa.int32(), pa.int64()),
    *(pa.large_string(), pa.large_binary()),
)
"""Types of which Arrow finds the different values. Not floats: 0.0 and -0.0 would be one."""


def _by_value(
    columns: tuple[pa.ChunkedArray, ...],
    row: Callable[[tuple[object, ...]], object],
    kind: pa.DataType,
) -> pa.Array:
    """What a function of a row gives for each row of a batch, called once for equal arguments."""
    if not columns or not all(_is_compared(column.type) for column in columns):
        return pa.array([row(arguments) for arguments in _rows(columns)], kind)
    if any(pa.types.is_list(column.type) for column in columns):
        return _by_item(columns, row, kind)
    encoded = [
        column.combine_chunks().dictionary_encode(null_encoding="encode") for column in columns
    ]
    varying = [each for each in encoded if len(each.dictionary) > 1]
    count = len(columns[0])
    if count == 0 or len(varying) > 1 or (varying and 2 * len(varying[0].dictionary) > count):
        return pa.array([row(arguments) for arguments in _rows(columns)], kind)
    # Literals are columns of one value; the other column's different values are what counts.
    size = len(varying[0].dictionary) if varying else 1
    values = [
        each.dictionary.to_pylist() * (1 if len(each.dictionary) == size else size)
        for each in encoded
    ]
    results = pa.array([row(arguments) for arguments in zip(*values, strict=True)], kind)
    return results.take((varying or encoded)[0].indices)


def _is_compared(kind: pa.DataType) -> bool:
    return kind in _COMPARED_BY_VALUE or (
        pa.types.is_list(kind) and kind.value_type in _COMPARED_BY_VALUE
    )


def _by_item(
    columns: tuple[pa.ChunkedArray, ...],
    row: Callable[[tuple[object, ...]], object],
    kind: pa.DataType,
) -> pa.Array:
    """The same where there are lists: of one length, as variadic arguments are, item by item."""
    flat: list[pa.Array] = []
    widths: list[int | None] = []
    for column in columns:
        whole = column.combine_chunks()
        if not pa.types.is_list(column.type):
            flat.append(whole)
            widths.append(None)
            continue
        lengths = pc.unique(whole.value_lengths())
        if len(lengths) != 1 or lengths[0].as_py() is None:
            return _by_key(columns, row, kind)
        width = lengths[0].as_py()
        items = whole.flatten()
        flat += [items.take(pa.array(range(place, len(items), width))) for place in range(width)]
        widths.append(width)

    if not flat:  # Only empty lists.
        return _by_key(columns, row, kind)

    def regrouped(parts: tuple[object, ...]) -> object:
        rest = iter(parts)
        return row(
            tuple(
                next(rest) if width is None else list(itertools.islice(rest, width))
                for width in widths
            )
        )

    return _by_value(tuple(pa.chunked_array([part]) for part in flat), regrouped, kind)


def _by_key(
    columns: tuple[pa.ChunkedArray, ...],
    row: Callable[[tuple[object, ...]], object],
    kind: pa.DataType,
) -> pa.Array:
    """The same for lists of several lengths, which Arrow does not compare."""
    known: dict[tuple[object, ...], object] = {}
    results: list[object] = []
    for arguments in _rows(columns):
        key = tuple(tuple(part) if isinstance(part, list) else part for part in arguments)
        if key not in known:
            known[key] = row(arguments)
        results.append(known[key])
    return pa.array(results, kind)


def _rows(columns: tuple[pa.ChunkedArray, ...]) -> list[tuple[object, ...]]:
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


_FUNCTIONS: dict[str, PythonFunction] = {}


def define(
    name: str,
    parameters: tuple[SqlType, ...],
    returns: SqlType,
    row: Row,
    *,
    pass_nulls: bool = False,
    raises: bool = False,
) -> None:
    """Defines a Python function under a DuckDB name (by convention `$…`).

    `raises`: whether `<name>_failed` is wanted too.
    """
    assert name not in _FUNCTIONS, name
    _FUNCTIONS[name] = PythonFunction(
        name,
        tuple(_number_type(kind) for kind in parameters),
        _number_type(returns),
        row,
        pass_nulls,
        raises,
    )


def python(
    name: str,
    signature: str,
    row: Row,
    *,
    nulls: Nulls = Nulls.NATURAL,
    raises: bool = True,
) -> Overload:
    """An overload that Python computes. `name` is its DuckDB name, one for each overload.

    With `Nulls.NATURAL` the function is not called for rows with a NULL argument; with
    `Nulls.PASS` it is given None. `raises` tells whether it can raise CallFailedError at all.
    """
    parsed = parse_signature(signature)
    parameters = tuple(ArrayType(p.type) if p.variadic else p.type for p in parsed.parameters)
    assert parsed.returns is not None
    passes = nulls is Nulls.PASS
    define(name, parameters, parsed.returns, row, pass_nulls=passes, raises=raises)
    returns = parsed.returns

    def call(site: CallSite) -> str:
        arguments = ", ".join(_arguments(site, parsed.parameters))
        return from_number(f'"{name}"({arguments})', returns)

    def fails(site: CallSite) -> str:
        arguments = ", ".join(_arguments(site, parsed.parameters))
        return f'CASE WHEN ({{result}}) IS NULL THEN "{name}_failed"({arguments}) ELSE FALSE END'

    return Overload(parsed, call, nulls, fails if raises else None)


def fast_or_python(overload: Overload, fast: Callable[[CallSite], str | None]) -> Overload:
    """A Python overload with SQL for ordinary rows.

    `fast` gives SQL that is NULL for rows that Python has to do, or None for calls that it has to
    do altogether.
    """

    def call(site: CallSite, slow: str) -> str | None:
        quick = fast(site)
        return None if quick is None else f"coalesce({quick}, {slow})"

    return sql_or_python(overload, call)


def sql_or_python(overload: Overload, make: Callable[[CallSite, str], str | None]) -> Overload:
    """A Python overload that is SQL for some calls: `make` gets the call in Python, too."""

    def call(site: CallSite) -> str:
        slow = overload.sql(site)
        made = make(site, slow)
        return slow if made is None else made

    return replace(overload, duckdb=call)


def _arguments(site: CallSite, parameters: tuple[Parameter, ...]) -> list[str]:
    """The arguments as numbers where they are times; variadic ones as one list."""
    given = [to_number(sql, kind) for sql, kind in zip(site.sql, site.types, strict=True)]
    index = next((i for i, p in enumerate(parameters) if p.variadic), None)
    if index is None:
        return given
    behind = len(parameters) - index - 1
    end = len(given) - behind
    kind = physical_type(ArrayType(parameters[index].type))
    many = f"CAST([{', '.join(given[index:end])}] AS {kind})"
    return [*given[:index], many, *given[end:]]


def _number_type(kind: SqlType) -> SqlType:
    if kind in (types.TIMESTAMP, types.TIME):
        return types.BIGINT
    return types.INTEGER if kind == types.DATE else kind


def to_number(sql: str, kind: SqlType) -> str:
    """TIME and TIMESTAMP as ms, DATE as days; other types as they are."""
    if kind in (types.TIMESTAMP, types.TIME):
        return f"epoch_ms({sql})"
    if kind == types.DATE:
        return f"CAST(({sql}) - DATE '1970-01-01' AS INTEGER)"
    return sql


def from_number(sql: str, kind: SqlType) -> str:
    """The other way round. A number that no TIMESTAMP or DATE holds gives NULL."""
    if kind == types.TIMESTAMP:
        inside = f"({sql}) BETWEEN {TIMESTAMP_MS_MIN} AND {TIMESTAMP_MS_MAX}"
        return f"CASE WHEN {inside} THEN make_timestamp_ms({sql}) END"
    if kind == types.TIME:
        return f"(TIME '00:00:00' + to_milliseconds(({sql}) % {DAY_MS}))"
    if kind == types.DATE:
        inside = f"({sql}) BETWEEN -{DATE_DAYS_MAX} AND {DATE_DAYS_MAX}"
        return f"CASE WHEN {inside} THEN DATE '1970-01-01' + CAST(({sql}) AS INTEGER) END"
    return sql


def python_functions() -> Mapping[str, PythonFunction]:
    """All functions that are Python, by their DuckDB names."""
    return _FUNCTIONS


def register_functions(duck: Duck) -> None:
    """Makes all Python functions known to a DuckDB instance. Once for each instance is enough."""
    len(SCALARS)  # The first look at the registries imports all families.
    len(TABLES)
    len(AGGREGATES)
    if not _FUNCTIONS or duck.has_function(next(iter(_FUNCTIONS))):
        return
    for function in _FUNCTIONS.values():
        parameters = [physical_type(kind) for kind in function.parameters]
        returns = physical_type(function.returns)
        duck.create_function(function.name, function.values, parameters, returns)
        if function.raises:
            duck.create_function(f"{function.name}_failed", function.failed, parameters, "BOOLEAN")
