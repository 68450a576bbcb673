"""COUNT, SUM, MIN, MAX, AVG."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression
from merganser.engine.functions.function import AGGREGATES, Accumulator, AggregateFunction
from merganser.engine.types import DecimalType, SqlType
from merganser.errors import TypeMismatchError

_COMPARABLE = (
    types.INTEGER,
    types.BIGINT,
    types.DOUBLE,
    types.STRING,
    types.BYTES,
    types.DATE,
    types.TIME,
    types.TIMESTAMP,
)


def _one(name: str, arguments: Sequence[Expression]) -> SqlType:
    if len(arguments) != 1:
        raise TypeMismatchError(f"{name} takes one argument, found {len(arguments)}")
    return arguments[0].result_type


def _refuse(name: str, arguments: Sequence[Expression], allowed: str) -> TypeMismatchError:
    found = ", ".join(str(argument.result_type) for argument in arguments)
    return TypeMismatchError(f"{name} does not accept ({found}), only {allowed}")


def _wrapped(exact: str, bits: int) -> str:
    """A sum cut back to the width of its type, as Java's overflow does."""
    half, mask = 1 << bits - 1, (1 << bits) - 1
    kind = "INTEGER" if bits == 32 else "BIGINT"
    return (
        f"CAST(((({exact}) + CAST({half} AS HUGEINT)) & CAST({mask} AS HUGEINT)) "
        f"- CAST({half} AS HUGEINT) AS {kind})"
    )


def _count(arguments: Sequence[Expression]) -> Accumulator:
    _one("COUNT", arguments)
    return Accumulator(
        returns=types.BIGINT,
        state="BIGINT",
        partial="count({0})",
        merge="{old} + {new}",
        final="{state}",
        empty="CAST(0 AS BIGINT)",
        undo="{old} - {new}",
    )


def integer_sum(bits: int) -> tuple[str, str, str]:
    """Partial, merge and undo of a sum that wraps at a width."""
    wide = "HUGEINT"
    return (
        _wrapped("coalesce(sum({0}), 0)", bits),
        _wrapped(f"CAST({{old}} AS {wide}) + {{new}}", bits),
        _wrapped(f"CAST({{old}} AS {wide}) - {{new}}", bits),
    )


def _sum(arguments: Sequence[Expression]) -> Accumulator:
    kind = _one("SUM", arguments)
    if kind in (types.INTEGER, types.BIGINT):
        partial, merge, undo = integer_sum(32 if kind == types.INTEGER else 64)
        state = physical_type(kind)
        return Accumulator(kind, state, partial, merge, "{state}", f"CAST(0 AS {state})", undo)
    if kind == types.DOUBLE or isinstance(kind, DecimalType):
        state = physical_type(kind)
        return Accumulator(
            returns=kind,
            state=state,
            partial=f"CAST(coalesce(sum({{0}}), 0) AS {state})",
            merge=f"CAST({{old}} + {{new}} AS {state})",
            final="{state}",
            empty=f"CAST(0 AS {state})",
            undo=f"CAST({{old}} - {{new}} AS {state})",
        )
    raise _refuse("SUM", arguments, "INTEGER, BIGINT, DOUBLE and DECIMAL")


def _average(arguments: Sequence[Expression]) -> Accumulator:
    kind = _one("AVG", arguments)
    if kind not in (types.INTEGER, types.BIGINT, types.DOUBLE):
        raise _refuse("AVG", arguments, "INTEGER, BIGINT and DOUBLE")
    state = f"STRUCT(s {physical_type(kind)}, n BIGINT)"
    if kind == types.DOUBLE:
        partial, merge, undo = (
            "coalesce(sum({0}), 0)",
            "{old}.s + {new}.s",
            "{old}.s - {new}.s",
        )
    else:
        partial, merge, undo = (
            text.replace("{old}", "{old}.s").replace("{new}", "{new}.s")
            for text in integer_sum(32 if kind == types.INTEGER else 64)
        )

    def pair(total: str, count: str) -> str:
        return f"CAST(struct_pack(s := {total}, n := {count}) AS {state})"

    return Accumulator(
        returns=types.DOUBLE,
        state=state,
        partial=pair(partial, "count({0})"),
        merge=pair(merge, "{old}.n + {new}.n"),
        final="CASE WHEN {state}.n = 0 THEN CAST(0 AS DOUBLE) "
        "ELSE CAST({state}.s AS DOUBLE) / {state}.n END",
        empty=pair("0", "0"),
        undo=pair(undo, "{old}.n - {new}.n"),
    )


def _extreme(name: str) -> AggregateFunction:
    word = name.lower()
    pick = "greatest" if name == "MAX" else "least"

    def bind(arguments: Sequence[Expression]) -> Accumulator:
        kind = _one(name, arguments)
        if kind not in _COMPARABLE and not isinstance(kind, DecimalType):
            raise _refuse(name, arguments, "types that have an order")
        state = physical_type(kind)
        return Accumulator(
            returns=kind,
            state=state,
            partial=f"{word}({{0}})",
            merge=f"{pick}({{old}}, {{new}})",
            final="{state}",
            empty=f"CAST(NULL AS {state})",
        )

    largest = "largest" if name == "MAX" else "smallest"
    return AggregateFunction(
        signatures=tuple(f"({kind}) -> {kind}" for kind in (*_COMPARABLE, "DECIMAL")),
        bind=bind,
        doc=f"The {largest} value; NULLs are left out, and of nothing it is NULL.",
    )


AGGREGATES.add(
    "COUNT",
    AggregateFunction(
        signatures=("(ANY) -> BIGINT", "(*) -> BIGINT"),
        bind=_count,
        doc="How many values are not NULL; COUNT(*) counts rows.",
    ),
)
AGGREGATES.add(
    "SUM",
    AggregateFunction(
        signatures=(
            "(INT) -> INT",
            "(BIGINT) -> BIGINT",
            "(DOUBLE) -> DOUBLE",
            "(DECIMAL) -> DECIMAL",
        ),
        bind=_sum,
        doc="The sum of the values that are not NULL, 0 of none. Integer sums wrap.",
    ),
)
AGGREGATES.add(
    "AVG",
    AggregateFunction(
        signatures=("(INT) -> DOUBLE", "(BIGINT) -> DOUBLE", "(DOUBLE) -> DOUBLE"),
        bind=_average,
        doc="The mean of the values that are not NULL, 0.0 of none.",
    ),
)
AGGREGATES.add("MIN", _extreme("MIN"))
AGGREGATES.add("MAX", _extreme("MAX"))
