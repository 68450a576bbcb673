"""Functions of maps."""

from __future__ import annotations

from merganser.engine import types
from merganser.engine.duck import physical_type
from merganser.engine.functions.function import SCALARS, CallSite, Nulls, ScalarFunction, scalar
from merganser.engine.types import ArrayType

_CATEGORY = "MAP"


def _last_wins(entries: str) -> str:
    """A map from entries `k`, `v`: of several with one key the last counts."""
    later = 'list_position(list_transform(list_reverse("$e"), lambda "$y": "$y".k), "$x".k)'
    last = f'list_filter("$e", lambda "$x", "$n": {later} = len("$e") - "$n" + 1)'
    keys = 'list_transform("$e", lambda "$z": "$z".k)'
    return (
        f'list_transform([{entries}], lambda "$e": map_from_entries('
        f'CASE WHEN list_unique({keys}) = len("$e") THEN "$e" ELSE {last} END))[1]'
    )


def _as_map(site: CallSite) -> str:
    keys, values = site.sql
    entries = (
        f'list_transform({keys}, lambda "$x", "$n": '
        f'struct_pack(k := coalesce("$x", \'null\'), v := ({values})["$n"]))'
    )
    return f"CAST({_last_wins(entries)} AS {physical_type(site.returns)})"


SCALARS.add(
    "AS_MAP",
    ScalarFunction(
        scalar("(ARRAY<STRING>, ARRAY<T>) -> MAP<STRING, T>", _as_map, nulls=Nulls.RETURN),
        doc="A map of keys and values from two arrays.",
        category=_CATEGORY,
        examples={
            "AS_MAP(ARRAY['a', 'b'], ARRAY[1])": {"a": 1, "b": None},
            "AS_MAP(ARRAY['a', 'a'], ARRAY[1, 2])": {"a": 2},
            "AS_MAP(NULL, ARRAY[1])": None,
        },
    ),
)
SCALARS.add(
    "MAP_KEYS",
    ScalarFunction(
        scalar("(MAP<STRING, T>) -> ARRAY<STRING>", "map_keys({0})"),
        doc="The keys of a map.",
        category=_CATEGORY,
        examples={
            "MAP_KEYS(MAP('a' := 1))": ["a"],
            "MAP_KEYS(CAST(NULL AS MAP<STRING, INT>))": None,
        },
    ),
)
SCALARS.add(
    "MAP_VALUES",
    ScalarFunction(
        scalar("(MAP<STRING, T>) -> ARRAY<T>", "map_values({0})"),
        doc="The values of a map.",
        category=_CATEGORY,
        examples={
            "MAP_VALUES(MAP('a' := 1))": [1],
            "MAP_VALUES(CAST(NULL AS MAP<STRING, INT>))": None,
        },
    ),
)
SCALARS.add(
    "MAP_UNION",
    ScalarFunction(
        scalar(
            "(MAP<STRING, T>, MAP<STRING, T>) -> MAP<STRING, T>",
            "CASE WHEN {0} IS NULL THEN {1} WHEN {1} IS NULL THEN {0} "
            "ELSE map_concat({0}, {1}) END",
            nulls=Nulls.PASS,
        ),
        doc="The entries of two maps; of a key in both the second map's value counts.",
        category=_CATEGORY,
        examples={
            "MAP_UNION(MAP('a' := 1), MAP('a' := 2, 'b' := 3))": {"a": 2, "b": 3},
            "MAP_UNION(MAP('a' := 1), NULL)": {"a": 1},
        },
    ),
)


def _split(site: CallSite) -> str:
    text, entry, pair = (f"({sql})" for sql in site.sql)
    parts = (
        f'list_filter(list_transform(string_split({text}, {entry}), lambda "$p": '
        f'string_split("$p", {pair})), lambda "$p": len("$p") > 1)'
    )
    entries = f'list_transform({parts}, lambda "$p": struct_pack(k := "$p"[1], v := "$p"[2]))'
    return (
        f"CASE WHEN {entry} <> '' AND {pair} <> '' AND {entry} <> {pair} "
        f"THEN {_last_wins(entries)} END"
    )


SCALARS.add(
    "SPLIT_TO_MAP",
    ScalarFunction(
        scalar("(STRING, STRING, STRING) -> MAP<STRING, STRING>", _split, nulls=Nulls.RETURN),
        doc="A map from a text by the delimiters of entries and of key and value.",
        category="STRING",
        examples={
            "SPLIT_TO_MAP('a:1,b:2', ',', ':')": {"a": "1", "b": "2"},
            "SPLIT_TO_MAP('a:1', ':', ':')": None,
            "SPLIT_TO_MAP(NULL, ',', ':')": None,
        },
    ),
)


def _entries(site: CallSite) -> str:
    kind = site.returns
    assert isinstance(kind, ArrayType)
    made = (
        f'list_transform(map_entries({site.sql[0]}), lambda "$x": '
        'struct_pack(K := "$x".key, V := "$x".value))'
    )
    return (
        f"CAST(CASE WHEN {site.sql[1]} THEN list_sort({made}) ELSE {made} END "
        f"AS {physical_type(kind)})"
    )


SCALARS.add(
    "ENTRIES",
    ScalarFunction(
        *(
            scalar(
                f"(MAP<STRING, {kind}>, BOOLEAN!) -> ARRAY<STRUCT<K STRING, V {kind}>>", _entries
            )
            for kind in (types.INTEGER, types.BIGINT, types.DOUBLE, types.BOOLEAN, types.STRING)
        ),
        doc="The entries of a map as structs of K and V, in order of the keys if that is wanted.",
        category=_CATEGORY,
        examples={
            "ENTRIES(MAP('b' := 1, 'a' := 2), TRUE)": [{"K": "a", "V": 2}, {"K": "b", "V": 1}],
            "ENTRIES(CAST(NULL AS MAP<STRING, INT>), TRUE)": None,
        },
    ),
)
