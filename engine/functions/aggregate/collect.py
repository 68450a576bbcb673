"""COLLECT_LIST, COLLECT_SET, LATEST_BY_OFFSET, EARLIEST_BY_OFFSET."""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.duck import physical_type
from merganser.engine.expression import Expression, Literal
from merganser.engine.functions.function import AGGREGATES, Accumulator, AggregateFunction
from merganser.engine.types import ArrayType
from merganser.errors import TypeMismatchError


def _collect_list(arguments: Sequence[Expression]) -> Accumulator:
    if len(arguments) != 1:
        raise TypeMismatchError(f"COLLECT_LIST takes one argument, found {len(arguments)}")
    kind = ArrayType(arguments[0].result_type)
    state = physical_type(kind)
    return Accumulator(
        returns=kind,
        state=state,
        partial='list({0} ORDER BY "$seq")',
        merge="list_concat({old}, {new})",
        final="{state}",
        empty=f"CAST([] AS {state})",
    )


AGGREGATES.add(
    "COLLECT_LIST",
    AggregateFunction(
        signatures=("(T) -> ARRAY<T>",),
        bind=_collect_list,
        doc="All values in the order in which they came, NULLs included.",
    ),
)


def _by_offset(name: str, *, latest: bool) -> AggregateFunction:
    def bind(arguments: Sequence[Expression]) -> Accumulator:
        count, ignore_nulls = _options(name, arguments)
        kind = arguments[0].result_type
        element = physical_type(kind)
        where = " FILTER (WHERE {0} IS NOT NULL)" if ignore_nulls else ""
        if count is None:
            state = f"STRUCT(v {element})"
            pick = "arg_max" if latest else "arg_min"
            return Accumulator(
                returns=kind,
                state=state,
                partial=f'{pick}(struct_pack(v := {{0}}), "$seq"){where}',
                merge="coalesce({new}, {old})" if latest else "coalesce({old}, {new})",
                final="{state}.v",
                empty=f"CAST(NULL AS {state})",
            )
        state = f"{element}[]"
        cut = f"[-{count}:]" if latest else f"[:{count}]"
        return Accumulator(
            returns=ArrayType(kind),
            state=state,
            partial=f'coalesce(list({{0}} ORDER BY "$seq"){where}, CAST([] AS {state})){cut}',
            merge=f"list_concat({{old}}, {{new}}){cut}",
            final="{state}",
            empty=f"CAST([] AS {state})",
        )

    which = "latest" if latest else "earliest"
    return AggregateFunction(
        signatures=(
            "(T) -> T",
            "(T, BOOLEAN ignoreNulls) -> T",
            "(T, INT n) -> ARRAY<T>",
            "(T, INT n, BOOLEAN ignoreNulls) -> ARRAY<T>",
        ),
        bind=bind,
        doc=f"The {which} value or values in processing order. NULLs are left out by default.",
    )


def _options(name: str, arguments: Sequence[Expression]) -> tuple[int | None, bool]:
    """The literal arguments behind the first: how many values, and whether NULLs are left out."""
    count: int | None = None
    ignore_nulls = True
    values: list[object] = []
    for argument in arguments[1:]:
        if not isinstance(argument, Literal) or argument.value is None:
            raise TypeMismatchError(f"the options of {name} must be literals")
        values.append(argument.value)
    match values:
        case []:
            pass
        case [bool(flag)]:
            ignore_nulls = flag
        case [int(number)]:
            count = number
        case [int(number), bool(flag)] if not isinstance(number, bool):
            count, ignore_nulls = number, flag
        case _:
            raise TypeMismatchError(f"{name} takes a value, a count and whether to ignore NULLs")
    if not arguments or (count is not None and count < 1):
        raise TypeMismatchError(f"{name} needs a value and a count of 1 or more")
    return count, ignore_nulls


AGGREGATES.add("LATEST_BY_OFFSET", _by_offset("LATEST_BY_OFFSET", latest=True))
AGGREGATES.add("EARLIEST_BY_OFFSET", _by_offset("EARLIEST_BY_OFFSET", latest=False))
