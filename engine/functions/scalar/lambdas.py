"""TRANSFORM, FILTER and REDUCE. A body that raises for one element makes the call raise."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.functions.function import SCALARS, CallSite, Nulls, ScalarFunction, scalar
from merganser.engine.functions.python_function import define
from merganser.engine.functions.utf16 import to_units
from merganser.engine.types import MapType

_CATEGORY = "LAMBDA"


def _any(items: str, *predicates: str | None) -> str:
    """Whether one of several lambdas is TRUE for some element. Never NULL."""
    parts = [
        f"coalesce(list_contains(list_transform({items}, {predicate}), TRUE), FALSE)"
        for predicate in predicates
        if predicate is not None
    ]
    return "(" + " OR ".join(parts) + ")" if parts else "FALSE"


def _body(lambda_sql: str) -> str:
    """What stands behind the colon."""
    return lambda_sql.partition(": ")[2]


def _guarded(site: CallSite, fails: str, sql: str) -> str:
    if fails == "FALSE":
        return sql
    return f"CASE WHEN {fails} THEN CAST(NULL AS {physical_type(site.returns)}) ELSE {sql} END"


# ------------------------------------------------------------------ arrays


def _array_fails(site: CallSite) -> str:
    return _any(site.sql[0], *site.body_raises)


def _transform_array(site: CallSite) -> str:
    return _guarded(site, _array_fails(site), f"list_transform({site.sql[0]}, {site.sql[1]})")


def _filter_array(site: CallSite) -> str:
    return _guarded(site, _array_fails(site), f"list_filter({site.sql[0]}, {site.sql[1]})")


# ------------------------------------------------------------------ maps


def _entries(site: CallSite) -> str:
    return f"map_entries({site.sql[0]})"


def _transform_map_fails(site: CallSite) -> str:
    """A body raises, a new value is NULL, or two new keys are equal."""
    raising = _any(_entries(site), *site.body_raises)
    head = site.sql[1].partition(": ")[0]
    no_value = _any(
        _entries(site), f"{head}: ({_body(site.sql[1])}) IS NULL OR ({_body(site.sql[2])}) IS NULL"
    )
    keys = f"list_transform({_entries(site)}, {site.sql[1]})"
    twice = f"coalesce(len(list_distinct({keys})) < len({keys}), FALSE)"
    return f"({raising} OR {no_value} OR {twice})"


def _transform_map(site: CallSite) -> str:
    head = site.sql[1].partition(": ")[0]
    pairs = (
        f"list_transform({_entries(site)}, {head}: "
        f"struct_pack(k := {_body(site.sql[1])}, v := {_body(site.sql[2])}))"
    )
    return _guarded(site, _transform_map_fails(site), f"map_from_entries({pairs})")


def _kept(site: CallSite) -> str:
    return f"list_filter({_entries(site)}, {site.sql[1]})"


def _filter_map_fails(site: CallSite) -> str:
    """The body raises, or an entry that stays has no value."""
    raising = _any(_entries(site), *site.body_raises)
    no_value = _any(_kept(site), 'lambda "$x": "$x".value IS NULL')
    return f"({raising} OR {no_value})"


def _filter_map(site: CallSite) -> str:
    return _guarded(site, _filter_map_fails(site), f"map_from_entries({_kept(site)})")


# ------------------------------------------------------------------ REDUCE


def _hash_bucket(key: str, size: int) -> int:
    """The bucket of a key in a Java HashMap made for so many entries."""
    code = 0
    for unit in to_units(key):
        code = (31 * code + ord(unit)) & 0xFFFFFFFF
    capacity = 1 << max(size - 1, 0).bit_length()
    if size > capacity * 3 // 4:
        capacity *= 2
    return (code ^ code >> 16) & (capacity - 1)


define("$hash_bucket", (types.STRING, types.INTEGER), types.INTEGER, _hash_bucket)


def _items(site: CallSite) -> str:
    """The elements to fold; a map's entries in the order in which Java's HashMap has them."""
    kind = site.types[0]
    if not isinstance(kind, MapType):
        return site.sql[0]
    if kind.key != types.STRING:
        return _entries(site)
    entries = _entries(site)
    bucket = f'"$hash_bucket"("$x".key, CAST(len({entries}) AS INTEGER))'
    placed = f'list_transform({entries}, lambda "$x", "$n": struct_pack(b := {bucket}, n := "$n"))'
    return f'list_transform(list_sort({placed}), lambda "$y": {entries}["$y".n])'


def _fold(site: CallSite, raising: str) -> str:
    """The fold as a struct: `v` is the state, `f` whether the body raised for an element."""
    head = site.sql[2].partition(": ")[0]
    state, _, item = head.removeprefix("lambda ").partition(", ")
    start = f"CAST({site.sql[1]} AS {physical_type(site.returns)})"
    step = f'struct_pack(v := {_body(site.sql[2])}, f := "$s".f OR {_body(raising)})'
    return (
        f'list_reduce({_items(site)}, lambda "$s", {item}: '
        f'list_transform(["$s".v], lambda {state}: {step})[1], '
        f"struct_pack(v := {start}, f := FALSE))"
    )


def _reduce(site: CallSite) -> str:
    """The fold, from the state on; NULL of a NULL state, the state of a NULL collection."""
    kind = physical_type(site.returns)
    raising = site.body_raises[2]
    if raising is None:
        fold = f"list_reduce({_items(site)}, {site.sql[2]}, CAST({site.sql[1]} AS {kind}))"
    else:
        fold = (
            f"list_transform([{_fold(site, raising)}], "
            f'lambda "$r": CASE WHEN "$r".f THEN CAST(NULL AS {kind}) ELSE "$r".v END)[1]'
        )
    return (
        f"CASE WHEN {site.sql[0]} IS NULL OR {site.sql[1]} IS NULL THEN {site.sql[1]} "
        f"ELSE {fold} END"
    )


def _reduce_fails(site: CallSite) -> str:
    raising = site.body_raises[2]
    if raising is None:
        return "FALSE"
    return (
        f"CASE WHEN {site.sql[0]} IS NULL OR {site.sql[1]} IS NULL THEN FALSE "
        f"ELSE ({_fold(site, raising)}).f END"
    )


SCALARS.add(
    "TRANSFORM",
    ScalarFunction(
        scalar(
            "(map MAP<K, V>, biFunction1 (K, V) => R, biFunction2 (K, V) => T) -> MAP<R, T>",
            _transform_map,
            fails=_transform_map_fails,
        ),
        scalar(
            "(array ARRAY<T>, function T => R) -> ARRAY<R>", _transform_array, fails=_array_fails
        ),
        doc="A collection with every element, or every key and value, put through a lambda.",
        category=_CATEGORY,
        examples={
            "TRANSFORM(ARRAY[1, 2], x => x + 1)": [2, 3],
            "TRANSFORM(ARRAY[1, 0], x => 1 / x)": None,
            "TRANSFORM(CAST(NULL AS ARRAY<INT>), x => x + 1)": None,
        },
    ),
)
SCALARS.add(
    "FILTER",
    ScalarFunction(
        scalar("(ARRAY<T>, T => BOOLEAN) -> ARRAY<T>", _filter_array, fails=_array_fails),
        scalar("(MAP<K, V>, (K, V) => BOOLEAN) -> MAP<K, V>", _filter_map, fails=_filter_map_fails),
        doc="The elements or entries of a collection for which a lambda is TRUE.",
        category=_CATEGORY,
        examples={
            "FILTER(ARRAY[1, 2, 3], x => x > 1)": [2, 3],
            "FILTER(CAST(NULL AS ARRAY<INT>), x => x > 1)": None,
        },
    ),
)
SCALARS.add(
    "REDUCE",
    ScalarFunction(
        scalar("(ARRAY<T>, S, (S, T) => S) -> S", _reduce, fails=_reduce_fails, nulls=Nulls.PASS),
        scalar(
            "(MAP<K, V>, S, (S, K, V) => S) -> S", _reduce, fails=_reduce_fails, nulls=Nulls.PASS
        ),
        doc="A collection folded into a state, from a first state on.",
        category=_CATEGORY,
        examples={
            "REDUCE(ARRAY[1, 2, 3], 10, (s, x) => s + x)": 16,
            "REDUCE(CAST(NULL AS ARRAY<INT>), 10, (s, x) => s + x)": 10,
            "REDUCE(ARRAY[1], CAST(NULL AS INT), (s, x) => s + x)": None,
            "REDUCE(ARRAY[1], CAST(NULL AS INT), (s, x) => 5)": None,
            "REDUCE(ARRAY[0, 1], 10, (s, x) => CASE WHEN s IS NULL THEN 1 ELSE 1 / x END)": None,
        },
    ),
)
