"""TOPK and TOPKDISTINCT."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine import types
from merganser.engine.duck import identifier, physical_type
from merganser.engine.expression import Expression, Literal
from merganser.engine.functions.aggregate.basic import ORDERED, has_order
from merganser.engine.functions.function import (
    AGGREGATES,
    Accumulator,
    AggregateFunction,
    refuse,
)
from merganser.engine.types import ArrayType, StructField, StructType

_SORTED = (types.INTEGER, types.BIGINT, types.DOUBLE, types.STRING)
_TOPK_SIGNATURES = (
    *(f"({kind}, INT k) -> ARRAY<{kind}>" for kind in _SORTED),
    *(f"({kind}, ANY..., INT k) -> ARRAY<STRUCT<sort_col {kind}, col0 …>>" for kind in _SORTED),
)
_DISTINCT_SIGNATURES = tuple(f"({kind}, INT k) -> ARRAY<{kind}>" for kind in (*ORDERED, "DECIMAL"))
_GIVEN = "FILTER (WHERE {0} IS NOT NULL)"


def _size(name: str, arguments: Sequence[Expression], signatures: Sequence[str]) -> int:
    """The last argument: how many values to keep."""
    last = arguments[-1] if len(arguments) > 1 else None
    if isinstance(last, Literal) and isinstance(last.value, int) and last.type == types.INTEGER:
        return last.value
    raise refuse(name, arguments, signatures)


def _topk(arguments: Sequence[Expression]) -> Accumulator:
    size = _size("TOPK", arguments, _TOPK_SIGNATURES)
    kind = arguments[0].result_type
    if kind not in _SORTED:
        raise refuse("TOPK", arguments, _TOPK_SIGNATURES)
    if len(arguments) > 2:
        return _topk_rows(arguments, size)
    state = physical_type(ArrayType(kind))
    return Accumulator(
        returns=ArrayType(kind),
        state=state,
        partial=f"coalesce(list({{0}} ORDER BY {{0}} DESC) {_GIVEN}, CAST([] AS {state}))[:{size}]",
        merge=f"list_sort(list_concat({{old}}, {{new}}), 'DESC')[:{size}]",
        final="{state}",
        empty=f"CAST([] AS {state})",
    )


def _topk_rows(arguments: Sequence[Expression], size: int) -> Accumulator:
    """Rows by their first column; of equal ones the earlier stays."""
    fields = (
        StructField("sort_col", arguments[0].result_type),
        *(
            StructField(f"col{index}", argument.result_type)
            for index, argument in enumerate(arguments[1:-1])
        ),
    )
    kind = ArrayType(StructType(fields))
    state = physical_type(kind)
    row = ", ".join(f"{identifier(f.name)} := {{{index}}}" for index, f in enumerate(fields))
    # Sorting by (sort column, place from the end) keeps the order of equal ones.
    placed = (
        'list_transform(list_concat({old}, {new}), lambda "$x", "$n": '
        f'struct_pack(s := "$x".{identifier("sort_col")}, n := -"$n", x := "$x"))'
    )
    merged = f'list_transform(list_sort({placed}, \'DESC\'), lambda "$x": "$x".x)'
    listed = f'list(struct_pack({row}) ORDER BY {{0}} DESC, "$seq") {_GIVEN}'
    return Accumulator(
        returns=kind,
        state=state,
        partial=f"CAST(coalesce({listed}, []) AS {state})[:{size}]",
        merge=f"{merged}[:{size}]",
        final="{state}",
        empty=f"CAST([] AS {state})",
    )


def _topk_distinct(arguments: Sequence[Expression]) -> Accumulator:
    size = _size("TOPKDISTINCT", arguments, _DISTINCT_SIGNATURES)
    kind = arguments[0].result_type
    if not has_order(kind) or len(arguments) != 2:
        raise refuse("TOPKDISTINCT", arguments, _DISTINCT_SIGNATURES)
    state = physical_type(ArrayType(kind))
    listed = f"list(DISTINCT {{0}} ORDER BY {{0}} DESC) {_GIVEN}"
    return Accumulator(
        returns=ArrayType(kind),
        state=state,
        partial=f"coalesce({listed}, CAST([] AS {state}))[:{size}]",
        merge=f"list_sort(list_distinct(list_concat({{old}}, {{new}})), 'DESC')[:{size}]",
        final="{state}",
        empty=f"CAST([] AS {state})",
    )


AGGREGATES.add(
    "TOPK",
    AggregateFunction(
        signatures=_TOPK_SIGNATURES,
        bind=_topk,
        doc="The k largest values, largest first; with further columns whole rows.",
        examples=(
            ("TOPK(INT, 2)", ((1,), (5,), (None,), (5,), (3,)), [5, 5]),
            (
                "TOPK(INT, STRING, 2)",
                ((1, "a"), (5, "b"), (5, "c"), (None, "d"), (5, "e")),
                [{"sort_col": 5, "col0": "b"}, {"sort_col": 5, "col0": "c"}],
            ),
            ("TOPK(DOUBLE, 2)", ((None,),), []),
        ),
    ),
)
AGGREGATES.add(
    "TOPKDISTINCT",
    AggregateFunction(
        signatures=_DISTINCT_SIGNATURES,
        bind=_topk_distinct,
        doc="The k largest different values, largest first.",
        examples=(
            ("TOPKDISTINCT(INT, 2)", ((1,), (5,), (None,), (5,), (3,)), [5, 3]),
            ("TOPKDISTINCT(STRING, 2)", ((None,),), []),
        ),
    ),
)
