"""SQL of lists in which NULL counts as a value.

Names of a template's own lambda variables begin with `$`, which no column's or user's name does.
"""

from __future__ import annotations

from merganser.engine.functions.equality import comparable_sql
from merganser.engine.types import SqlType


def unique(items: str, kind: SqlType | None = None) -> str:
    """A list without repetitions, in order of first occurrence.

    `kind` is the type of the elements, where it can be one that DuckDB compares otherwise.
    """
    compared = '"$d"' if kind is None else comparable_sql('"$d"', kind)
    wrapped = f'list_transform({items}, lambda "$d": struct_pack(v := {compared}))'
    return (
        f'list_filter({items}, lambda "$d", "$n": '
        f'list_position({wrapped}, struct_pack(v := {compared})) = "$n")'
    )


def holds(items: str, item: str) -> str:
    """Whether a list holds a value; NULL of a NULL list."""
    return (
        f"CASE WHEN {item} IS NULL THEN list_count({items}) < len({items}) "
        f"ELSE coalesce(list_contains({items}, {item}), FALSE) END"
    )
