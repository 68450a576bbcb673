"""EARLIEST_BY_OFFSET and LATEST_BY_OFFSET."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression, Literal
from merganser.engine.functions.function import (
    AGGREGATES,
    Accumulator,
    AggregateFunction,
    refuse,
)
from merganser.engine.types import ArrayType

_SIGNATURES = (
    "(T) -> T",
    "(T, BOOLEAN ignoreNulls) -> T",
    "(T, INT count) -> ARRAY<T>",
    "(T, INT count, BOOLEAN ignoreNulls) -> ARRAY<T>",
)


def _options(name: str, arguments: Sequence[Expression]) -> tuple[int | None, bool]:
    """The literals behind the first argument: how many values, and whether to skip NULLs."""
    values = [a.value if isinstance(a, Literal) else None for a in arguments[1:]]
    match values:
        case [] if arguments:
            return None, True
        case [bool(ignore_nulls)]:
            return None, ignore_nulls
        case [int(count)] if count >= 1:
            return count, True
        case [int(count), bool(ignore_nulls)] if not isinstance(count, bool) and count >= 1:
            return count, ignore_nulls
        case _:
            raise refuse(name, arguments, _SIGNATURES)


def _by_offset(name: str, *, latest: bool) -> AggregateFunction:
    def bind(arguments: Sequence[Expression]) -> Accumulator:
        count, ignore_nulls = _options(name, arguments)
        kind = arguments[0].result_type
        where = " FILTER (WHERE {0} IS NOT NULL)" if ignore_nulls else ""
        # The value stands in a struct with its place in the order of arrival, so that a NULL that
        # counts is not the same as no value.
        item = f"STRUCT(o BIGINT, v {physical_type(kind)})"
        placed = 'struct_pack(o := "$seq", v := {0})'
        if count is not None:
            state = f"{item}[]"
            cut = f"[-{count}:]" if latest else f"[:{count}]"
            listed = f'list({placed} ORDER BY "$seq"){where}'
            return Accumulator(
                returns=ArrayType(kind),
                state=state,
                partial=f"coalesce({listed}, CAST([] AS {state})){cut}",
                merge=f"list_concat({{old}}, {{new}}){cut}",
                # Of two sessions together ksqlDB keeps the first values here too.
                combine=f"list_sort(list_concat({{old}}, {{new}}))[:{count}]",
                final='list_transform({state}, lambda "$i": "$i".v)',
                empty=f"CAST([] AS {state})",
            )
        pick, later = ("arg_max", ">") if latest else ("arg_min", "<")
        return Accumulator(
            returns=kind,
            state=item,
            partial=f'{pick}({placed}, "$seq"){where}',
            merge="coalesce({new}, {old})" if latest else "coalesce({old}, {new})",
            combine=f"CASE WHEN {{old}} IS NULL OR {{new}}.o {later} {{old}}.o THEN {{new}} "
            "ELSE {old} END",
            final="{state}.v",
            empty=f"CAST(NULL AS {item})",
        )

    which = "latest" if latest else "earliest"
    rows = ((1,), (None,), (2,), (3,), (None,))
    return AggregateFunction(
        signatures=_SIGNATURES,
        bind=bind,
        doc=f"The {which} value or values in processing order. NULLs are left out by default.",
        examples=(
            (f"{name}(INT)", rows, 3 if latest else 1),
            (f"{name}(INT, FALSE)", rows, None if latest else 1),
            (f"{name}(INT, 2)", rows, [2, 3] if latest else [1, 2]),
            (f"{name}(INT, 2, FALSE)", rows, [3, None] if latest else [1, None]),
        ),
    )


AGGREGATES.add("LATEST_BY_OFFSET", _by_offset("LATEST_BY_OFFSET", latest=True))
AGGREGATES.add("EARLIEST_BY_OFFSET", _by_offset("EARLIEST_BY_OFFSET", latest=False))
