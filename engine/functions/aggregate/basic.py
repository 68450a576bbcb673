"""COUNT, SUM, SUM_LIST, MIN, MAX, AVG."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression
from merganser.engine.functions.decimals import is_wide
from merganser.engine.functions.function import (
    AGGREGATES,
    Accumulator,
    AggregateFunction,
    refuse,
    single_type,
)
from merganser.engine.types import ArrayType, DecimalType, SqlType

ORDERED = (
    types.INTEGER,
    types.BIGINT,
    types.DOUBLE,
    types.STRING,
    types.BYTES,
    types.DATE,
    types.TIME,
    types.TIMESTAMP,
)
"""Types with an order, DECIMAL beside them."""

_BITS: dict[SqlType, int] = {types.INTEGER: 32, types.BIGINT: 64}


def has_order(kind: SqlType) -> bool:
    """Whether values of a type can be compared by size here."""
    return kind in ORDERED or (isinstance(kind, DecimalType) and not is_wide(kind))


def _wrapped(exact: str, kind: SqlType) -> str:
    """A HUGEINT cut back to the width of an integer type, as Java's overflow does it."""
    bits = _BITS[kind]
    half, mask = (f"CAST('{number}' AS HUGEINT)" for number in (1 << bits - 1, (1 << bits) - 1))
    wrapped = f"(((({exact}) + {half}) & {mask}) - {half})"
    physical = physical_type(kind)
    return f"coalesce(TRY_CAST(({exact}) AS {physical}), CAST({wrapped} AS {physical}))"


def _total(kind: SqlType, values: str, prefix: str = "") -> tuple[str, str, str]:
    """Partial, merge and undo of a sum; `prefix` is behind the state, `.s` for a field."""
    old, new = f"{{old}}{prefix}", f"{{new}}{prefix}"
    if kind in _BITS:
        return (
            _wrapped(f"coalesce(sum({values}), 0)", kind),
            _wrapped(f"CAST({old} AS HUGEINT) + {new}", kind),
            _wrapped(f"CAST({old} AS HUGEINT) - {new}", kind),
        )
    state = physical_type(kind)
    return (
        f"CAST(coalesce(sum({values}), 0) AS {state})",
        f"CAST({old} + {new} AS {state})",
        f"CAST({old} - {new} AS {state})",
    )


def _count(arguments: Sequence[Expression]) -> Accumulator:
    single_type("COUNT", arguments)
    return Accumulator(
        returns=types.BIGINT,
        state="BIGINT",
        partial="count({0})",
        merge="{old} + {new}",
        final="{state}",
        empty="CAST(0 AS BIGINT)",
        undo="{old} - {new}",
    )


def _sum_of(kind: SqlType, values: str) -> Accumulator:
    partial, merge, undo = _total(kind, values)
    state = physical_type(kind)
    return Accumulator(
        returns=kind,
        state=state,
        partial=partial,
        merge=merge,
        final="{state}",
        empty=f"CAST(0 AS {state})",
        undo=undo,
    )


def _sum(arguments: Sequence[Expression]) -> Accumulator:
    kind = single_type("SUM", arguments)
    if kind in (*_BITS, types.DOUBLE) or (isinstance(kind, DecimalType) and not is_wide(kind)):
        return _sum_of(kind, "{0}")
    raise refuse("SUM", arguments, _SUM_SIGNATURES)


def _sum_list(arguments: Sequence[Expression]) -> Accumulator:
    kind = single_type("SUM_LIST", arguments)
    if isinstance(kind, ArrayType) and kind.element in (*_BITS, types.DOUBLE):
        wide = "DOUBLE" if kind.element == types.DOUBLE else "HUGEINT"
        return _sum_of(kind.element, f"CAST(list_sum({{0}}) AS {wide})")
    raise refuse("SUM_LIST", arguments, _SUM_LIST_SIGNATURES)


def _average(arguments: Sequence[Expression]) -> Accumulator:
    kind = single_type("AVG", arguments)
    if kind not in (*_BITS, types.DOUBLE):
        raise refuse("AVG", arguments, _AVG_SIGNATURES)
    state = f"STRUCT(s {physical_type(kind)}, n BIGINT)"
    partial, merge, undo = _total(kind, "{0}", ".s")

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
    signatures = tuple(f"({kind}) -> {kind}" for kind in (*ORDERED, "DECIMAL"))
    pick = "greatest" if name == "MAX" else "least"

    def bind(arguments: Sequence[Expression]) -> Accumulator:
        kind = single_type(name, arguments)
        if not has_order(kind):
            raise refuse(name, arguments, signatures)
        state = physical_type(kind)
        return Accumulator(
            returns=kind,
            state=state,
            partial=f"{name.lower()}({{0}})",
            merge=f"{pick}({{old}}, {{new}})",
            final="{state}",
            empty=f"CAST(NULL AS {state})",
        )

    extreme = 3 if name == "MAX" else 1
    return AggregateFunction(
        signatures=signatures,
        bind=bind,
        doc=f"The {'largest' if name == 'MAX' else 'smallest'} value, NULL of none; "
        "NULLs are left out.",
        examples=(
            (f"{name}(INT)", ((1,), (3,), (None,), (2,)), extreme),
            (f"{name}(STRING)", ((None,),), None),
        ),
    )


_SUM_SIGNATURES = (
    "(INT) -> INT",
    "(BIGINT) -> BIGINT",
    "(DOUBLE) -> DOUBLE",
    "(DECIMAL) -> DECIMAL",
)
_SUM_LIST_SIGNATURES = (
    "(ARRAY<INT>) -> INT",
    "(ARRAY<BIGINT>) -> BIGINT",
    "(ARRAY<DOUBLE>) -> DOUBLE",
)
_AVG_SIGNATURES = ("(INT) -> DOUBLE", "(BIGINT) -> DOUBLE", "(DOUBLE) -> DOUBLE")

AGGREGATES.add(
    "COUNT",
    AggregateFunction(
        signatures=("(val1 T) -> BIGINT",),
        bind=_count,
        doc="How many values are not NULL; COUNT(*) counts rows.",
        examples=(("COUNT(STRING)", (("a",), (None,), ("b",)), 2), ("COUNT(INT)", ((None,),), 0)),
    ),
)
AGGREGATES.add(
    "SUM",
    AggregateFunction(
        signatures=_SUM_SIGNATURES,
        bind=_sum,
        doc="The sum of the values that are not NULL, 0 of none. Integer sums wrap.",
        examples=(
            ("SUM(INT)", ((2147483647,), (1,), (None,)), -2147483648),
            ("SUM(BIGINT)", ((9223372036854775807,), (1,)), -9223372036854775808),
            ("SUM(DOUBLE)", ((1.5,), (None,), (2.0,)), 3.5),
            ("SUM(INT)", ((None,),), 0),
        ),
    ),
)
AGGREGATES.add(
    "SUM_LIST",
    AggregateFunction(
        signatures=_SUM_LIST_SIGNATURES,
        bind=_sum_list,
        doc="The sum of all elements of all arrays that are not NULL.",
        examples=(
            ("SUM_LIST(ARRAY<INT>)", (([1, None, 2],), (None,), ([],), ([4],)), 7),
            ("SUM_LIST(ARRAY<DOUBLE>)", ((None,),), 0.0),
        ),
    ),
)
AGGREGATES.add(
    "AVG",
    AggregateFunction(
        signatures=_AVG_SIGNATURES,
        bind=_average,
        doc="The mean of the values that are not NULL, 0.0 of none.",
        examples=(
            ("AVG(INT)", ((1,), (2,), (None,)), 1.5),
            ("AVG(DOUBLE)", ((None,),), 0.0),
            ("AVG(INT)", ((2147483647,), (1,)), -1073741824.0),
        ),
    ),
)
AGGREGATES.add("MIN", _extreme("MIN"))
AGGREGATES.add("MAX", _extreme("MAX"))
