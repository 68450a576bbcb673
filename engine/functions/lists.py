"""SQL of lists in which NULL counts as a value.

Names of a template's own lambda variables begin with `$`, which no column's or user's name does.
"""

from __future__ import annotations


def unique(items: str) -> str:
    """A list without repetitions, in order of first occurrence."""
    wrapped = f'list_transform({items}, lambda "$d": struct_pack(v := "$d"))'
    return (
        f'list_transform(list_filter({wrapped}, lambda "$d", "$n": '
        f'list_position({wrapped}, "$d") = "$n"), lambda "$d": "$d".v)'
    )


def holds(items: str, item: str) -> str:
    """Whether a list holds a value; NULL of a NULL list."""
    return (
        f"CASE WHEN {item} IS NULL THEN list_count({items}) < len({items}) "
        f"ELSE coalesce(list_contains({items}, {item}), FALSE) END"
    )
