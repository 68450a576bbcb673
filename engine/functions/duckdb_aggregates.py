"""DuckDB's own aggregates, kept incrementally, by their names where the language has none.

Three kinds of state:

- the result itself, where two results make the third (BIT_AND, BOOL_OR, PRODUCT, ANY_VALUE …);
- the row that leads (ARG_MAX and its like);
- all values of the group, in order of arrival, for everything else: quantiles, MODE, regression,
  STRING_AGG. It grows with the rows, so a group should be a window or small; it can be undone,
  so these aggregates also work over tables.

DuckDB can export the states of most aggregates, but no table can be declared to hold one: their
type has no name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from merganser.engine import types
from merganser.engine.duck import literal
from merganser.engine.duck import physical_type as physical
from merganser.engine.expression import Expression, Literal
from merganser.engine.functions.duckdb_scalars import CATEGORY, result_type
from merganser.engine.functions.function import Accumulator, AggregateFunction
from merganser.engine.functions.lists import without
from merganser.engine.types import SqlType
from merganser.errors import TypeMismatchError


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_OF_TWO = _names("BIT_AND BIT_OR BIT_XOR BOOL_AND BOOL_OR PRODUCT")
_LEADING = {"ARG_MAX": ">", "MAX_BY": ">", "ARG_MIN": "<", "MIN_BY": "<"}
_FIRST = ("ANY_VALUE",)
_KEPT = _names(
    """APPROX_COUNT_DISTINCT APPROX_QUANTILE CORR COUNT_IF COVAR_POP COVAR_SAMP ENTROPY FAVG FSUM
    GEOMEAN GEOMETRIC_MEAN KURTOSIS KURTOSIS_POP LISTAGG MAD MEDIAN MODE QUANTILE QUANTILE_CONT
    QUANTILE_DISC REGR_AVGX REGR_AVGY REGR_COUNT REGR_INTERCEPT REGR_R2 REGR_SLOPE REGR_SXX REGR_SXY
    REGR_SYY SEM SKEWNESS STDDEV_POP STRING_AGG VAR_POP VAR_SAMP VARIANCE"""
)


@functools.cache
def duckdb_aggregates() -> Mapping[str, AggregateFunction]:
    """All of them by name, in upper case."""
    makers = {
        **dict.fromkeys(_OF_TWO, _of_two),
        **dict.fromkeys(_LEADING, _leading),
        **dict.fromkeys(_FIRST, _first),
        **dict.fromkeys(_KEPT, _kept),
    }
    return {
        name: AggregateFunction(
            signatures=("(T, ...) -> T",),
            bind=functools.partial(maker, name),
            doc=f"DuckDB's {name.lower()}.",
            category=CATEGORY,
        )
        for name, maker in sorted(makers.items())
    }


def _returns(name: str, arguments: Sequence[Expression]) -> SqlType:
    kinds = tuple(argument.result_type for argument in arguments)
    values = tuple(a.value if isinstance(a, Literal) else None for a in arguments)
    return result_type(name, kinds, values)


def _of_two(name: str, arguments: Sequence[Expression]) -> Accumulator:
    """The result of two results is that of all rows."""
    kind = _returns(name, arguments)
    state, call = physical(kind), name.lower()
    return Accumulator(
        returns=kind,
        state=state,
        partial=f"CAST({call}({{0}}) AS {state})",
        merge=f"CAST(list_aggregate([{{old}}, {{new}}], '{call}') AS {state})",
        final="{state}",
        empty=f"CAST(NULL AS {state})",
    )


def _first(name: str, arguments: Sequence[Expression]) -> Accumulator:
    kind = _returns(name, arguments)
    return Accumulator(
        returns=kind,
        state=physical(kind),
        partial='arg_min({0}, "$seq") FILTER (WHERE ({0}) IS NOT NULL)',
        merge="coalesce({old}, {new})",
        final="{state}",
        empty=f"CAST(NULL AS {physical(kind)})",
    )


def _leading(name: str, arguments: Sequence[Expression]) -> Accumulator:
    """The row with the largest or least second argument; of equal ones the first that came."""
    kind = _returns(name, arguments)
    if len(arguments) != 2:
        raise TypeMismatchError(
            f"aggregate function {name} takes a value and what it is ordered by",
            hint=f"TOPK gives several rows: TOPK(by, value, k), not {name}(value, by, k).",
        )
    order = physical(arguments[1].result_type)
    state = f"STRUCT(v {physical(kind)}, k {order})"
    call = "arg_max" if _LEADING[name] == ">" else "arg_min"
    # Of equal ones DuckDB takes any: the order of arrival decides, the other way round for MAX.
    arrival = '-"$seq"' if call == "arg_max" else '"$seq"'
    return Accumulator(
        returns=kind,
        state=state,
        partial=f"CAST({call}(struct_pack(v := {{0}}, k := {{1}}), "
        f"struct_pack(k := {{1}}, s := {arrival})) "
        f"FILTER (WHERE ({{0}}) IS NOT NULL AND ({{1}}) IS NOT NULL) AS {state})",
        merge=f"CASE WHEN {{old}} IS NULL OR {{new}}.k {_LEADING[name]} {{old}}.k "
        "THEN {new} ELSE {old} END",
        final="{state}.v",
        empty=f"CAST(NULL AS {state})",
    )


def _kept(name: str, arguments: Sequence[Expression]) -> Accumulator:
    """All rows of the group: whatever the aggregate is, DuckDB computes it from them."""
    kind = _returns(name, arguments)
    columns = [i for i, argument in enumerate(arguments) if not isinstance(argument, Literal)]
    if not columns:
        raise TypeMismatchError(f"aggregate function {name} needs a column to aggregate")
    fields = [f"a{i} {physical(arguments[i].result_type)}" for i in columns]
    state = f"STRUCT({', '.join(fields)})[]"
    packed = ", ".join(f"a{i} := {{{i}}}" for i in columns)
    given = ", ".join(
        f'"$u".a{i}' if i in columns else _constant(argument)
        for i, argument in enumerate(arguments)
    )
    return Accumulator(
        returns=kind,
        state=state,
        partial=f'CAST(list(struct_pack({packed}) ORDER BY "$seq") AS {state})',
        merge="list_concat({old}, {new})",
        final=f"(SELECT CAST({name.lower()}({given}) AS {physical(kind)}) "
        'FROM (SELECT unnest({state}) AS "$u"))',
        empty=f"CAST([] AS {state})",
        undo=without("{old}", "{new}"),
        exchange=f"list_concat({without('{old}', '{gone}')}, "
        f"{without('{new}', without('{gone}', '{old}', 1), first=True)})",
    )


def _constant(argument: Expression) -> str:
    assert isinstance(argument, Literal)
    if argument.type in (types.STRING, types.BOOLEAN, types.INTEGER, types.NULL):
        return literal(argument.value)
    return f"CAST({literal(argument.value)} AS {physical(argument.type)})"
