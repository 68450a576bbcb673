"""COLLECT_LIST and COLLECT_SET."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression
from merganser.engine.functions.function import (
    AGGREGATES,
    Accumulator,
    AggregateFunction,
    single_type,
)
from merganser.engine.functions.lists import holds, unique, without
from merganser.engine.types import ArrayType

_ITEM = '"$x"'
_LISTED = 'list({0} ORDER BY "$seq")'


def _collect_list(arguments: Sequence[Expression], limit: int | None) -> Accumulator:
    kind = ArrayType(single_type("COLLECT_LIST", arguments))
    state = physical_type(kind)
    cut = f"[:{limit}]" if limit is not None else ""
    return Accumulator(
        returns=kind,
        state=state,
        partial=_LISTED + cut,
        merge=f"list_concat({{old}}, {{new}}){cut}",
        final="{state}",
        empty=f"CAST([] AS {state})",
        undo=without("{old}", "{new}"),
        # What is not in the old list is one of the epoch's new rows; the first came in before it.
        exchange=f"list_concat({without('{old}', '{gone}')}, "
        f"{without('{new}', without('{gone}', '{old}', 1), first=True)}){cut}",
    )


def _collect_set(arguments: Sequence[Expression], limit: int | None) -> Accumulator:
    kind = ArrayType(single_type("COLLECT_SET", arguments))
    state = physical_type(kind)
    cut = f"[:{limit}]" if limit is not None else ""
    fresh = f"list_filter({{new}}, lambda {_ITEM}: NOT {holds('{old}', _ITEM, kind.element)})"
    return Accumulator(
        returns=kind,
        state=state,
        partial=unique(_LISTED, kind.element) + cut,
        merge=f"list_concat({{old}}, {fresh}){cut}",
        final="{state}",
        empty=f"CAST([] AS {state})",
    )


AGGREGATES.add(
    "COLLECT_LIST",
    AggregateFunction(
        signatures=("(T) -> ARRAY<T>",),
        bind=lambda arguments: _collect_list(arguments, None),
        doc="All values in the order in which they came, NULLs included.",
        examples=(
            ("COLLECT_LIST(INT)", ((2,), (1,), (None,), (2,)), [2, 1, None, 2]),
            ("COLLECT_LIST(ARRAY<STRING>)", ((["a"],), (None,)), [["a"], None]),
        ),
        limit_property="ksql.functions.collect_list.limit",
        bind_limited=_collect_list,
    ),
)
AGGREGATES.add(
    "COLLECT_SET",
    AggregateFunction(
        signatures=("(T) -> ARRAY<T>",),
        bind=lambda arguments: _collect_set(arguments, None),
        doc="The different values in the order in which they came first, NULL included.",
        examples=(("COLLECT_SET(INT)", ((2,), (1,), (None,), (2,), (None,)), [2, 1, None]),),
        limit_property="ksql.functions.collect_set.limit",
        bind_limited=_collect_set,
    ),
)
