"""HISTOGRAM, ATTR, COUNT_DISTINCT: what values there are, and how often."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression
from merganser.engine.functions import distinct_count
from merganser.engine.functions.function import (
    AGGREGATES,
    Accumulator,
    AggregateFunction,
    refuse,
    single_type,
)
from merganser.engine.types import MapType

_HISTOGRAM_KEYS_MAX = 1000
_HISTOGRAM_SIGNATURES = ("(STRING) -> MAP<STRING, BIGINT>",)


def _combined(old: str, new: str, op: str, cut: str = "") -> str:
    """Two maps of counts added or subtracted key by key; what comes to 0 goes."""
    fresh = f'list_filter(map_keys({new}), lambda "$k": {old}["$k"] IS NULL)'
    keys = f"list_concat(map_keys({old}), {fresh}){cut}"
    count = f'(coalesce({old}["$k"], 0) {op} coalesce({new}["$k"], 0))'
    entries = f'list_transform({keys}, lambda "$k": struct_pack(k := "$k", v := {count}))'
    return f'map_from_entries(list_filter({entries}, lambda "$e": "$e".v <> 0))'


def _histogram(arguments: Sequence[Expression]) -> Accumulator:
    if single_type("HISTOGRAM", arguments) != types.STRING:
        raise refuse("HISTOGRAM", arguments, _HISTOGRAM_SIGNATURES)
    kind = MapType(types.STRING, types.BIGINT)
    state = physical_type(kind)
    cut = f"[:{_HISTOGRAM_KEYS_MAX}]"
    return Accumulator(
        returns=kind,
        state=state,
        partial=f"CAST(histogram(coalesce({{0}}, 'null')) AS {state})",
        merge=f"CAST({_combined('{old}', '{new}', '+', cut)} AS {state})",
        final="{state}",
        empty=f"CAST(MAP([], []) AS {state})",
        undo=f"CAST({_combined('{old}', '{new}', '-')} AS {state})",
    )


def _attribute(arguments: Sequence[Expression]) -> Accumulator:
    """Counts of all values: only so can rows be taken away again."""
    kind = single_type("ATTR", arguments)
    counts = f"MAP({physical_type(kind)}, BIGINT)"
    state = f"STRUCT(m {counts}, z BIGINT)"

    def made(values: str, nulls: str) -> str:
        return f"CAST(struct_pack(m := {values}, z := {nulls}) AS {state})"

    listed = f"coalesce(CAST(histogram({{0}}) AS {counts}), CAST(MAP([], []) AS {counts}))"
    return Accumulator(
        returns=kind,
        state=state,
        partial=made(listed, "count(*) - count({0})"),
        merge=made(_combined("{old}.m", "{new}.m", "+"), "{old}.z + {new}.z"),
        final="CASE WHEN {state}.z = 0 AND cardinality({state}.m) = 1 "
        "THEN map_keys({state}.m)[1] END",
        empty=made("MAP([], [])", "0"),
        undo=made(_combined("{old}.m", "{new}.m", "-"), "{old}.z - {new}.z"),
    )


def _count_distinct(arguments: Sequence[Expression]) -> Accumulator:
    single_type("COUNT_DISTINCT", arguments)
    hashes = "list(DISTINCT CAST(md5_number_lower(CAST({0} AS VARCHAR)) >> 1 AS BIGINT))"
    return Accumulator(
        returns=types.BIGINT,
        state="BLOB",
        partial=f'"{distinct_count.SKETCH}"({hashes} FILTER (WHERE {{0}} IS NOT NULL))',
        merge=f'"{distinct_count.MERGE}"({{old}}, {{new}})',
        final=f'"{distinct_count.ESTIMATE}"({{state}})',
        empty="CAST('' AS BLOB)",
    )


AGGREGATES.add(
    "HISTOGRAM",
    AggregateFunction(
        signatures=_HISTOGRAM_SIGNATURES,
        bind=_histogram,
        doc=f"How often each text occurs, for at most {_HISTOGRAM_KEYS_MAX} different texts.",
        examples=(
            ("HISTOGRAM(STRING)", (("a",), ("b",), ("a",), (None,)), {"a": 2, "b": 1, "null": 1}),
        ),
    ),
)
AGGREGATES.add(
    "ATTR",
    AggregateFunction(
        signatures=("(T) -> T",),
        bind=_attribute,
        doc="The value if all rows have the same, else NULL; NULL counts as a value.",
        examples=(
            ("ATTR(INT)", ((7,), (7,)), 7),
            ("ATTR(INT)", ((7,), (None,)), None),
            ("ATTR(ARRAY<INT>)", (([1],), ([2],)), None),
        ),
    ),
)
AGGREGATES.add(
    "COUNT_DISTINCT",
    AggregateFunction(
        signatures=("(ANY) -> BIGINT",),
        bind=_count_distinct,
        doc="About how many different values there are (HyperLogLog, error some 0.8 %).",
        examples=(
            ("COUNT_DISTINCT(STRING)", (("a",), ("b",), ("a",), (None,)), 2),
            ("COUNT_DISTINCT(INT)", ((None,),), 0),
        ),
    ),
)
