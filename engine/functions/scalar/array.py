"""Functions of arrays."""

from __future__ import annotations

from collections.abc import Callable

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.functions.equality import differs_sql
from merganser.engine.functions.function import (
    RAISES_IF_NULL,
    SCALARS,
    CallSite,
    CallSql,
    Nulls,
    ScalarFunction,
    scalar,
)
from merganser.engine.functions.java_text import java_text_sql
from merganser.engine.functions.lists import holds, sorted_list, unique
from merganser.engine.functions.python_function import python
from merganser.engine.functions.utf16 import signed
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType

_CATEGORY = "ARRAY"
_ITEM = '"$x"'
_SERIES_MAX = 16_777_216  # Elements; more are an error of the row rather than of the memory.
_KEPT_TYPES = (types.BOOLEAN, types.INTEGER, types.BIGINT, types.STRING)


def _element(site: CallSite) -> SqlType:
    """The type of the elements of a call's first argument, an array."""
    kind = site.types[0]
    assert isinstance(kind, ArrayType)
    return kind.element


SCALARS.add(
    "ARRAY_LENGTH",
    ScalarFunction(
        scalar("(ARRAY<T>) -> INT", "CAST(len({0}) AS INTEGER)"),
        doc="How many elements an array has.",
        category=_CATEGORY,
        examples={
            "ARRAY_LENGTH(ARRAY[1, 2, 3])": 3,
            "ARRAY_LENGTH(CAST(NULL AS ARRAY<INT>))": None,
        },
    ),
)
SCALARS.add(
    "ARRAY_CONCAT",
    ScalarFunction(
        scalar(
            "(ARRAY<T>, ARRAY<T>) -> ARRAY<T>",
            "CASE WHEN {0} IS NULL THEN {1} WHEN {1} IS NULL THEN {0} "
            "ELSE list_concat({0}, {1}) END",
            nulls=Nulls.PASS,
        ),
        doc="The elements of two arrays, one after the other.",
        category=_CATEGORY,
        examples={
            "ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2, 3])": [1, 2, 2, 3],
            "ARRAY_CONCAT(ARRAY[1, 2], NULL)": [1, 2],
        },
    ),
)
SCALARS.add(
    "ARRAY_CONTAINS",
    ScalarFunction(
        scalar(
            "(ARRAY<T>, T) -> BOOLEAN",
            lambda site: (
                f"coalesce({holds(f'({site.sql[0]})', f'({site.sql[1]})', _element(site))}, FALSE)"
            ),
            nulls=Nulls.PASS,
        ),
        doc="Whether an array has an element; NULL is looked for too.",
        category=_CATEGORY,
        examples={
            "ARRAY_CONTAINS(ARRAY[1, 2], 2)": True,
            "ARRAY_CONTAINS(ARRAY[1, NULL], NULL)": True,
            "ARRAY_CONTAINS(CAST(NULL AS ARRAY<INT>), 2)": False,
        },
    ),
)
SCALARS.add(
    "ARRAY_DISTINCT",
    ScalarFunction(
        scalar("(ARRAY<T>) -> ARRAY<T>", lambda site: unique(f"({site.sql[0]})", _element(site))),
        doc="The different elements of an array in order of first occurrence.",
        category=_CATEGORY,
        examples={
            "ARRAY_DISTINCT(ARRAY[1, 2, 1, NULL, NULL])": [1, 2, None],
            "ARRAY_DISTINCT(CAST(NULL AS ARRAY<INT>))": None,
        },
    ),
)


def _except(site: CallSite) -> str:
    left, right = (f"({sql})" for sql in site.sql)
    kind = _element(site)
    return unique(f'list_filter({left}, lambda "$x": NOT {holds(right, _ITEM, kind)})', kind)


def _intersect(site: CallSite) -> str:
    left, right = (f"({sql})" for sql in site.sql)
    kind = _element(site)
    return unique(f'list_filter({left}, lambda "$x": {holds(right, _ITEM, kind)})', kind)


SCALARS.add(
    "ARRAY_EXCEPT",
    ScalarFunction(
        scalar("(ARRAY<T>, ARRAY<T>) -> ARRAY<T>", _except, nulls=Nulls.RETURN),
        doc="The different elements of the first array that the second does not have.",
        category=_CATEGORY,
        examples={
            "ARRAY_EXCEPT(ARRAY[1, 2, 3, 1], ARRAY[2])": [1, 3],
            "ARRAY_EXCEPT(ARRAY[1], NULL)": None,
        },
    ),
)
SCALARS.add(
    "ARRAY_INTERSECT",
    ScalarFunction(
        scalar("(ARRAY<T>, ARRAY<T>) -> ARRAY<T>", _intersect, nulls=Nulls.RETURN),
        doc="The different elements of the first array that the second has too.",
        category=_CATEGORY,
        examples={
            "ARRAY_INTERSECT(ARRAY[3, 2, 1, 2], ARRAY[2, 3])": [3, 2],
            "ARRAY_INTERSECT(ARRAY[1], NULL)": None,
        },
    ),
)
SCALARS.add(
    "ARRAY_UNION",
    ScalarFunction(
        scalar(
            "(ARRAY<T>, ARRAY<T>) -> ARRAY<T>",
            lambda site: unique(f"list_concat({site.sql[0]}, {site.sql[1]})", _element(site)),
            nulls=Nulls.RETURN,
        ),
        doc="The different elements of two arrays in order of first occurrence.",
        category=_CATEGORY,
        examples={
            "ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])": [1, 2, 3],
            "ARRAY_UNION(ARRAY[1], NULL)": None,
        },
    ),
)


# ------------------------------------------------------------------ text


def _joined(site: CallSite) -> str:
    kind = site.types[0]
    assert isinstance(kind, ArrayType)
    if not _joinable(kind.element):
        return "CAST(NULL AS VARCHAR)"
    delimiter = f"coalesce({site.sql[1]}, '')" if len(site.sql) > 1 else "','"
    text = java_text_sql(_ITEM, kind.element)
    items = f"list_transform({site.sql[0]}, lambda {_ITEM}: coalesce({text}, 'null'))"
    if isinstance(site.literals[1] if len(site.sql) > 1 else ",", str):
        return f"array_to_string({items}, {delimiter})"
    # DuckDB takes only a constant delimiter: a column's is put before every item but the first.
    parts = f'list_transform({items}, lambda "$t", "$n": '
    first = f'CASE WHEN "$n" = 1 THEN "$t" ELSE {delimiter} || "$t" END)'
    return f"array_to_string({parts}{first}, '')"


def _joinable(element: SqlType) -> bool:
    return element in (*_KEPT_TYPES, types.DOUBLE) or isinstance(element, DecimalType)


def _join_fails(site: CallSite) -> str:
    kind = site.types[0]
    assert isinstance(kind, ArrayType)
    if _joinable(kind.element):
        return "FALSE"
    return f"coalesce(len({site.sql[0]}) > 0, FALSE)"


SCALARS.add(
    "ARRAY_JOIN",
    ScalarFunction(
        scalar("(ARRAY<T>) -> STRING", _joined, fails=_join_fails, nulls=Nulls.PASS),
        scalar("(ARRAY<T>, STRING) -> STRING", _joined, fails=_join_fails, nulls=Nulls.PASS),
        doc="The elements of an array as one text with a delimiter, by default a comma.",
        category=_CATEGORY,
        examples={
            "ARRAY_JOIN(ARRAY[1, NULL, 3])": "1,null,3",
            "ARRAY_JOIN(ARRAY['a', 'b'], '; ')": "a; b",
            "ARRAY_JOIN(CAST(NULL AS ARRAY<INT>))": None,
        },
    ),
)


# ------------------------------------------------------------------ order


def _ordered(of_elements: Callable[[CallSite, SqlType], str]) -> CallSql:
    """SQL for arrays of values that have an order; NULL for all others."""

    def sql(site: CallSite) -> str:
        kind = _element(site)
        if isinstance(kind, ArrayType | MapType | StructType):
            return f"CAST(NULL AS {physical_type(site.returns)})"
        return of_elements(site, kind)

    return sql


def _extreme(name: str) -> CallSql:
    def sql(site: CallSite, kind: SqlType) -> str:
        if kind != types.STRING:
            return f"list_{name}({site.sql[0]})"
        return f"({sorted_list(site.sql[0], kind, 'ASC' if name == 'min' else 'DESC')})[1]"

    return _ordered(sql)


def _sort_by(site: CallSite, kind: SqlType) -> str:
    """Sorted by the direction of the second argument, ASC without one; NULL for others."""
    if len(site.sql) == 1:
        return sorted_list(site.sql[0], kind, "ASC")
    direction = f"upper({site.sql[1]})"
    return (
        f"CASE WHEN {direction} IN ('ASC', 'ASCENDING') "
        f"THEN {sorted_list(site.sql[0], kind, 'ASC')} "
        f"WHEN {direction} IN ('DESC', 'DESCENDING') "
        f"THEN {sorted_list(site.sql[0], kind, 'DESC')} END"
    )


def _unordered(site: CallSite) -> str:
    kind = site.types[0]
    assert isinstance(kind, ArrayType)
    if isinstance(kind.element, ArrayType | MapType | StructType):
        return f"coalesce(len({site.sql[0]}) > 0, FALSE)"
    return "FALSE"


def _extreme_bytes(
    pick: Callable[..., bytes | None],
) -> Callable[[list[bytes | None]], bytes | None]:
    def row(items: list[bytes | None]) -> bytes | None:
        return pick((raw for raw in items if raw is not None), key=signed, default=None)

    return row


def _sort_bytes(items: list[bytes | None], direction: str = "ASC") -> list[bytes | None] | None:
    if direction.upper() not in ("ASC", "ASCENDING", "DESC", "DESCENDING"):
        return None
    given = sorted(
        (raw for raw in items if raw is not None),
        key=signed,
        reverse=direction.upper().startswith("DESC"),
    )
    return [*given, *[None] * (len(items) - len(given))]


for _name, _word in (("ARRAY_MAX", "largest"), ("ARRAY_MIN", "smallest")):
    SCALARS.add(
        _name,
        ScalarFunction(
            python(
                f"${_name.lower()}_bytes",
                "(ARRAY<BYTES>) -> BYTES",
                _extreme_bytes(max if _name == "ARRAY_MAX" else min),
                raises=False,
            ),
            scalar("(ARRAY<T>) -> T", _extreme(_name[-3:].lower()), fails=_unordered),
            doc=f"The {_word} element of an array; NULLs are left out.",
            category=_CATEGORY,
            examples={
                f"{_name}(ARRAY[1, 3, NULL, 2])": 3 if _name.endswith("MAX") else 1,
                f"{_name}(CAST(NULL AS ARRAY<INT>))": None,
            },
        ),
    )

SCALARS.add(
    "ARRAY_SORT",
    ScalarFunction(
        python("$sort_bytes", "(ARRAY<BYTES>) -> ARRAY<BYTES>", _sort_bytes, raises=False),
        python(
            "$sort_bytes_by", "(ARRAY<BYTES>, STRING) -> ARRAY<BYTES>", _sort_bytes, raises=False
        ),
        scalar("(ARRAY<T>) -> ARRAY<T>", _ordered(_sort_by), fails=_unordered),
        scalar("(ARRAY<T>, STRING) -> ARRAY<T>", _ordered(_sort_by), fails=_unordered),
        doc="The elements of an array in order, ASC or DESC; NULLs come last.",
        category=_CATEGORY,
        examples={
            "ARRAY_SORT(ARRAY[3, NULL, 1])": [1, 3, None],
            "ARRAY_SORT(ARRAY[1, NULL, 3], 'desc')": [3, 1, None],
            "ARRAY_SORT(ARRAY[1], 'x')": None,
            "ARRAY_SORT(CAST(NULL AS ARRAY<INT>))": None,
        },
    ),
)
SCALARS.add(
    "ARRAY_REMOVE",
    ScalarFunction(
        scalar(
            "(ARRAY<T>, T) -> ARRAY<T>",
            lambda site: (
                f"list_filter({site.sql[0]}, "
                f"lambda {_ITEM}: {differs_sql(_ITEM, f'({site.sql[1]})', _element(site))})"
            ),
            nulls=Nulls.PASS,
        ),
        doc="An array without the elements that equal a value.",
        category=_CATEGORY,
        examples={
            "ARRAY_REMOVE(ARRAY[1, 2, 1], 1)": [2],
            "ARRAY_REMOVE(ARRAY[1, NULL], NULL)": [1],
            "ARRAY_REMOVE(CAST(NULL AS ARRAY<INT>), 1)": None,
        },
    ),
)
SCALARS.add(
    "SLICE",
    ScalarFunction(
        scalar(
            "(ARRAY<T>, INT, INT) -> ARRAY<T>",
            "CASE WHEN coalesce({1}, 1) BETWEEN 1 AND coalesce({2}, len({0})) + 1 "
            "AND coalesce({2}, len({0})) <= len({0}) "
            "THEN list_slice({0}, coalesce({1}, 1), coalesce({2}, len({0}))) END",
            nulls=Nulls.PASS,
        ),
        doc="The elements from one place to another, 1-based, both included.",
        category=_CATEGORY,
        examples={
            "SLICE(ARRAY[1, 2, 3, 4], 2, 3)": [2, 3],
            "SLICE(ARRAY[1, 2, 3], NULL, 2)": [1, 2],
            "SLICE(ARRAY[1, 2, 3], 2, 9)": None,
        },
    ),
)


# ------------------------------------------------------------------ series


def _series(site: CallSite) -> str:
    start, end = (f"CAST({sql} AS HUGEINT)" for sql in site.sql[:2])
    step = (
        f"({site.sql[2]})" if len(site.sql) > 2 else f"CASE WHEN {end} > {start} THEN 1 ELSE -1 END"
    )
    kind = physical_type(site.returns)
    return (
        f"CASE WHEN {step} <> 0 AND ({end} - {start}) * sign({step}) >= 0 "
        f"AND abs({end} - {start}) // abs({step}) <= {_SERIES_MAX} "
        f"THEN CAST(list_transform(generate_series(0, CAST(({end} - {start}) // {step} AS BIGINT)),"
        f' lambda "$n": {start} + "$n" * {step}) AS {kind}) END'
    )


SCALARS.add(
    "GENERATE_SERIES",
    ScalarFunction(
        scalar("(INT!, INT!) -> ARRAY<INT>", _series),
        scalar("(BIGINT!, BIGINT!) -> ARRAY<BIGINT>", _series),
        scalar("(INT!, INT!, INT!) -> ARRAY<INT>", _series, fails=RAISES_IF_NULL),
        scalar("(BIGINT!, BIGINT!, INT!) -> ARRAY<BIGINT>", _series, fails=RAISES_IF_NULL),
        doc="The numbers from one to another, both included, by a step of 1, -1 or as given.",
        category=_CATEGORY,
        examples={
            "GENERATE_SERIES(1, 4)": [1, 2, 3, 4],
            "GENERATE_SERIES(3, 1)": [3, 2, 1],
            "GENERATE_SERIES(0, 5, 2)": [0, 2, 4],
            "GENERATE_SERIES(1, 5, -1)": None,
            "GENERATE_SERIES(NULL, 5)": None,
        },
    ),
)
