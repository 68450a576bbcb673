"""SQL of lists in which NULL counts as a value and elements are equal as Java's `equals` has it.

Names of a template's own lambda variables begin with `$`, which no column's or user's name does.
"""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.functions.equality import comparable_sql
from merganser.engine.types import SqlType


def unique(items: str, kind: SqlType) -> str:
    """A list without repetitions, in order of first occurrence; `kind` is its elements' type."""
    compared = comparable_sql('"$d"', kind)
    if kind == types.DOUBLE:
        zero = '"$d" = 0 AND signbit("$d")'
        packed = f"struct_pack(v := {compared}, z := {zero})"
    else:
        packed = f"struct_pack(v := {compared})"
    wrapped = f'list_transform({items}, lambda "$d": {packed})'
    return f'list_filter({items}, lambda "$d", "$n": list_position({wrapped}, {packed}) = "$n")'


def holds(items: str, item: str, kind: SqlType) -> str:
    """Whether a list holds a value of its elements' type; NULL of a NULL list."""
    found = f"list_contains({items}, {item})"
    compared = comparable_sql('"$h"', kind)
    if kind == types.DOUBLE:
        found = (
            f"CASE WHEN {item} <> 0 THEN {found} ELSE list_contains(list_transform("
            f'list_filter({items}, lambda "$h": "$h" = 0), lambda "$h": signbit("$h")), '
            f"signbit({item})) END"
        )
    elif compared != '"$h"':
        listed = f'list_transform({items}, lambda "$h": {compared})'
        found = f"list_contains({listed}, {comparable_sql(item, kind)})"
    return (
        f"CASE WHEN {item} IS NULL THEN list_count({items}) < len({items}) "
        f"ELSE coalesce({found}, FALSE) END"
    )


_BEYOND_16_BITS = "[\\x{10000}-\\x{10FFFF}]"
"""Only texts with such characters order otherwise by UTF-16 units than by UTF-8 bytes."""


def sorted_list(items: str, kind: SqlType, direction: str) -> str:
    """A list in order, `ASC` or `DESC`, NULLs last; texts by their UTF-16 units, as in Java."""
    plain = f"list_sort({items}, '{direction}', 'NULLS LAST')"
    if kind != types.STRING:
        return plain
    given = f'list_filter({items}, lambda "$o": "$o" IS NOT NULL)'
    keyed = f'list_transform({given}, lambda "$o": struct_pack(k := "$utf16"("$o"), v := "$o"))'
    by_units = f'list_transform(list_sort({keyed}, \'{direction}\'), lambda "$o": "$o".v)'
    nulls = f'list_filter({items}, lambda "$o": "$o" IS NULL)'
    return (
        f"CASE WHEN regexp_matches(array_to_string({items}, ''), '{_BEYOND_16_BITS}') "
        f"THEN list_concat({by_units}, {nulls}) ELSE {plain} END"
    )


def _count_in(items: str, item: str) -> str:
    return f'len(list_filter({items}, lambda "$y": "$y" IS NOT DISTINCT FROM {item}))'


def without(old: str, new: str, depth: int = 0, *, first: bool = False) -> str:
    """`old` without the last (or first) occurrences of the elements of `new`.

    `depth` keeps the names of nested lambdas apart.
    """
    item, place = f'"$x{depth}"', f'"$n{depth}"'
    span = f"1, {place}" if first else f"{place}, len({old})"
    kept = f"{_count_in(f'list_slice({old}, {span})', item)} > {_count_in(new, item)}"
    return f"list_filter({old}, lambda {item}, {place}: {kept})"
