"""EXPLODE and CUBE_EXPLODE."""

from __future__ import annotations

from merganser.engine.functions.function import TABLES, CallSite, TableFunction, scalar
from merganser.engine.types import ArrayType, SqlType
from merganser.errors import TypeMismatchError

_CUBE_COLUMNS_MAX = 20


def _element(kinds: tuple[SqlType, ...], _literals: tuple[object, ...]) -> SqlType:
    (kind,) = kinds
    if not isinstance(kind, ArrayType):
        raise TypeMismatchError(
            "the type of EXPLODE cannot be told from NULL arguments", hint="Cast an argument."
        )
    return kind.element


TABLES.add(
    "EXPLODE",
    TableFunction(
        scalar("(input ARRAY<DECIMAL>)", "{0}", result=_element),
        scalar("(list ARRAY<T>) -> T", "{0}"),
        doc="A row for each element of an array; none for NULL.",
        examples={"EXPLODE(ARRAY[1, 2])": [1, 2], "EXPLODE(CAST(NULL AS ARRAY<INT>))": []},
    ),
)


def _cube(site: CallSite) -> str:
    """Every choice of the columns that are not NULL; the last column changes fastest."""
    columns = f"({site.sql[0]})"
    behind = f'list_count(list_slice({columns}, "$n" + 1, len({columns})))'
    kept = f'(("$m" >> {behind}) & 1) = 1'
    row = f'list_transform({columns}, lambda "$x", "$n": CASE WHEN {kept} THEN "$x" END)'
    count = f"CAST(1 AS BIGINT) << list_count({columns})"
    return (
        f"CASE WHEN len({columns}) <= {_CUBE_COLUMNS_MAX} "
        f'THEN list_transform(range({count}), lambda "$m": {row}) END'
    )


TABLES.add(
    "CUBE_EXPLODE",
    TableFunction(
        scalar(
            "(ARRAY<T>) -> ARRAY<T>",
            _cube,
            fails=f"coalesce(len({{0}}) > {_CUBE_COLUMNS_MAX}, FALSE)",
        ),
        doc="A row for each way to replace elements of an array by NULL.",
        examples={
            "CUBE_EXPLODE(ARRAY[1, 2])": [[None, None], [None, 2], [1, None], [1, 2]],
            "CUBE_EXPLODE(ARRAY[NULL, 2])": [[None, None], [None, 2]],
            "CUBE_EXPLODE(CAST(NULL AS ARRAY<INT>))": [],
        },
    ),
)
