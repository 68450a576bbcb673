"""Functions of JSON text."""

from __future__ import annotations

from itertools import chain

from merganser.engine import types
from merganser.engine.duck import decimal_text, identifier, literal
from merganser.engine.functions.conversions import date_sql, double_sql, time_sql, timestamp_sql
from merganser.engine.functions.function import SCALARS, CallSite, Nulls, ScalarFunction, scalar
from merganser.engine.functions.json_path import find, parse_path
from merganser.engine.functions.json_text import (
    Json,
    Number,
    as_text,
    read,
    read_elements,
    write,
)
from merganser.engine.functions.python_function import (
    CallFailedError,
    define,
    python,
    sql_or_python,
)
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructType

_CATEGORY = "JSON"


def _extract(text: str, path: str) -> str | None:
    found, value = find(read(text), path)
    return as_text(value) if found else None


def _is_json(text: str | None) -> bool:
    if not text:
        return False
    try:
        read(text)
    except CallFailedError:
        return False
    return True


def _array_length(text: str) -> int | None:
    value = read(text)
    return len(value) if isinstance(value, list) else None


def _concat(texts: list[str | None]) -> str | None:
    if not texts:
        return None
    values: list[Json] = []
    for text in texts:
        if text is None:
            return None
        values.append(read(text))
    if len(values) == 1:
        return write(values[0])
    if all(isinstance(value, dict) for value in values):
        merged: dict[str, Json] = {}
        for value in values:
            assert isinstance(value, dict)
            merged.update(value)
        return write(merged)
    parts = (value if isinstance(value, list) else [value] for value in values)
    return write(list(chain.from_iterable(parts)))


def _items(text: str) -> list[str]:
    value = read(text)
    if not isinstance(value, list):
        raise CallFailedError
    return [write(item) for item in value]


def _keys(text: str) -> list[str] | None:
    value = read(text)
    return list(value) if isinstance(value, dict) else None


def _records(text: str) -> list[tuple[str, str]] | None:
    value = read(text)
    if not isinstance(value, dict):
        return None
    return [(name, as_text(item)) for name, item in value.items()]


def _extract_sql(site: CallSite, slow: str) -> str | None:
    """DuckDB's own look-up for texts and whole numbers; their spelling is the same.

    Of a name that occurs twice DuckDB takes the first and Jackson the last, so that Python has to
    look where a name of the path is there more than once.
    """
    path = site.literals[1]
    if not isinstance(path, str):
        return None
    try:
        steps = parse_path(path)
    except CallFailedError:
        return None
    names = [step for step in steps if isinstance(step, str)]
    if not names or len(names) < len(steps) or any('"' in n or "\\" in n for n in names):
        return None
    text = f"({site.sql[0]})"
    where = literal("$" + "".join(f'."{name}"' for name in names))
    once = " AND ".join(
        f"length({text}) - length(replace({text}, {literal(quoted)}, '')) <= {len(quoted)}"
        for quoted in (f'"{name}"' for name in dict.fromkeys(names))
    )
    # Constants are folded before any CASE is, and json_type raises for bad JSON.
    valid = f"CASE WHEN json_valid({text}) THEN {text} END"
    return (
        f"CASE WHEN json_valid({text}) AND {once} THEN CASE WHEN json_type({valid}, {where}) "
        f"IN ('VARCHAR', 'UBIGINT', 'BIGINT') THEN json_extract_string({valid}, {where}) "
        f"WHEN json_type({valid}, {where}) IS NOT NULL THEN {slow} END ELSE {slow} END"
    )


SCALARS.add(
    "EXTRACTJSONFIELD",
    ScalarFunction(
        sql_or_python(
            python("$extract_json_field", "(STRING, STRING) -> STRING", _extract), _extract_sql
        ),
        doc='What stands at a path such as `$.a[0]["b c"]` of a JSON text.',
        category=_CATEGORY,
        examples={
            """EXTRACTJSONFIELD('{"a": {"b": [1, 2.50]}}', '$.a.b[1]')""": "2.50",
            """EXTRACTJSONFIELD('{"a": "x"}', '$.a')""": "x",
            """EXTRACTJSONFIELD('{"a": "x"}', '$.b')""": None,
            """EXTRACTJSONFIELD('{bad', '$.a')""": None,
            """EXTRACTJSONFIELD(NULL, '$.a')""": None,
        },
    ),
)
SCALARS.add(
    "IS_JSON_STRING",
    ScalarFunction(
        python("$is_json_string", "(STRING) -> BOOLEAN", _is_json, nulls=Nulls.PASS, raises=False),
        doc="Whether a text is JSON.",
        category=_CATEGORY,
        examples={
            "IS_JSON_STRING('[1, 2]')": True,
            "IS_JSON_STRING('abc')": False,
            "IS_JSON_STRING(NULL)": False,
        },
    ),
)
SCALARS.add(
    "JSON_ARRAY_LENGTH",
    ScalarFunction(
        python("$json_array_length", "(STRING) -> INT", _array_length),
        doc="How many elements a JSON array has.",
        category=_CATEGORY,
        examples={
            "JSON_ARRAY_LENGTH('[1, [2, 3]]')": 2,
            "JSON_ARRAY_LENGTH('{}')": None,
            "JSON_ARRAY_LENGTH(NULL)": None,
        },
    ),
)
SCALARS.add(
    "JSON_CONCAT",
    ScalarFunction(
        python("$json_concat", "(STRING...) -> STRING", _concat, nulls=Nulls.PASS),
        doc="Objects merged, or else arrays and single values in one array.",
        category=_CATEGORY,
        examples={
            """JSON_CONCAT('{"a": 1}', '{"b": 2}')""": '{"a":1,"b":2}',
            "JSON_CONCAT('[1, 2]', '3')": "[1,2,3]",
            "JSON_CONCAT('[1]', NULL)": None,
        },
    ),
)
SCALARS.add(
    "JSON_ITEMS",
    ScalarFunction(
        python("$json_items", "(STRING) -> ARRAY<STRING>", _items),
        doc="The elements of a JSON array, each as JSON text.",
        category=_CATEGORY,
        examples={
            """JSON_ITEMS('[1, "a", [2]]')""": ["1", '"a"', "[2]"],
            "JSON_ITEMS('{}')": None,
            "JSON_ITEMS(NULL)": None,
        },
    ),
)
SCALARS.add(
    "JSON_KEYS",
    ScalarFunction(
        python("$json_keys", "(STRING) -> ARRAY<STRING>", _keys),
        doc="The names of a JSON object's fields.",
        category=_CATEGORY,
        examples={
            """JSON_KEYS('{"b": 1, "a": 2}')""": ["b", "a"],
            "JSON_KEYS('[]')": None,
            "JSON_KEYS(NULL)": None,
        },
    ),
)
SCALARS.add(
    "JSON_RECORDS",
    ScalarFunction(
        python("$json_records", "(STRING) -> MAP<STRING, STRING>", _records),
        doc="The fields of a JSON object as a map of texts.",
        category=_CATEGORY,
        examples={
            """JSON_RECORDS('{"a": "x", "b": [1]}')""": {"a": "x", "b": "[1]"},
            "JSON_RECORDS('[]')": None,
            "JSON_RECORDS(NULL)": None,
        },
    ),
)


# ------------------------------------------------------------------ JSON_ARRAY_CONTAINS


def _contains(text: str, kind: str, sought: str | None) -> bool:
    """Whether an array has a value of a kind of token; reads no further than that."""
    try:
        return any(_token(value) == (kind, sought) for value in read_elements(text))
    except CallFailedError:
        return False


def _token(value: Json) -> tuple[str, str | None]:
    match value:
        case None:
            return "null", None
        case bool():
            return "boolean", "true" if value else "false"
        case str():
            return "text", value
        case Number(digits, whole):
            return ("whole", digits) if whole else ("double", repr(float(digits)))
        case _:
            return "other", None


define(
    "$json_array_contains",
    (types.STRING, types.STRING, types.STRING),
    types.BOOLEAN,
    _contains,
    pass_nulls=True,
)
_TOKENS: dict[SqlType, str] = {
    types.INTEGER: "whole",
    types.BIGINT: "whole",
    types.DOUBLE: "double",
    types.STRING: "text",
    types.BOOLEAN: "boolean",
    types.NULL: "null",
}


def _contains_sql(site: CallSite) -> str:
    text, sought = site.sql
    kind = _TOKENS.get(site.types[1])
    if kind is None:
        return f"CASE WHEN {text} IS NOT NULL THEN FALSE END"
    value = f"CAST({sought} AS VARCHAR)"
    if kind == "double":
        value = f'"$double_repr"({sought})'
    call = f'"$json_array_contains"({text}, {literal(kind)}, {value})'
    null_call = f"\"$json_array_contains\"({text}, 'null', NULL)"
    call = f"CASE WHEN {sought} IS NULL THEN {null_call} ELSE {call} END"
    return f"CASE WHEN {text} IS NOT NULL THEN {call} END"


define("$double_repr", (types.DOUBLE,), types.STRING, repr)
SCALARS.add(
    "JSON_ARRAY_CONTAINS",
    ScalarFunction(
        scalar(
            "(STRING, T) -> BOOLEAN",
            _contains_sql,
            fails="({0} IS NULL)",
            nulls=Nulls.PASS,
        ),
        doc="Whether a JSON array has a value.",
        category=_CATEGORY,
        examples={
            "JSON_ARRAY_CONTAINS('[1, 2]', 2)": True,
            """JSON_ARRAY_CONTAINS('["a"]', 'b')""": False,
            "JSON_ARRAY_CONTAINS('[null]', NULL)": True,
            "JSON_ARRAY_CONTAINS(NULL, 1)": None,
        },
    ),
)


# ------------------------------------------------------------------ TO_JSON_STRING


def _to_json(sql: str, kind: SqlType, depth: int = 0) -> str:
    """The JSON text of a value, `null` of NULL. `depth` keeps names of nested lambdas apart."""
    match kind:
        case ArrayType(element):
            name = f'"$j{depth}"'
            items = f"list_transform({sql}, lambda {name}: {_to_json(name, element, depth + 1)})"
            text = f"'[' || array_to_string({items}, ',') || ']'"
        case MapType(key, value):
            name = f'"$j{depth}"'
            pair = (
                f"{_quoted(f'{name}.key', key)} || ':' || "
                f"{_to_json(f'{name}.value', value, depth + 1)}"
            )
            entries = f"list_sort(map_entries({sql}))"
            text = (
                f"'{{' || array_to_string(list_transform({entries}, lambda {name}: {pair}), ',')"
                " || '}'"
            )
        case StructType(fields):
            parts = [
                literal(write(field.name) + ":")
                + " || "
                + _to_json(f"({sql}).{identifier(field.name)}", field.type, depth)
                for field in sorted(fields, key=lambda field: field.name)
            ]
            text = f"'{{' || {_comma_separated(parts)} || '}}'"
            return f"CASE WHEN ({sql}) IS NULL THEN 'null' ELSE {text} END"
        case _:
            text = _scalar_json(sql, kind)
    return f"coalesce({text}, 'null')"


def _comma_separated(parts: list[str]) -> str:
    return " || ',' || ".join(parts) if parts else "''"


def _quoted(sql: str, kind: SqlType) -> str:
    """A map's key, always a text."""
    text = sql if kind == types.STRING else f"CAST({sql} AS VARCHAR)"
    return f"CAST(to_json({text}) AS VARCHAR)"


def _scalar_json(sql: str, kind: SqlType) -> str:
    match kind:
        case types.STRING:
            return f"CAST(to_json({sql}) AS VARCHAR)"
        case types.DOUBLE:
            finite = f"CASE WHEN isfinite({sql}) THEN {double_sql(sql)}"
            return f"{finite} ELSE '\"' || {double_sql(sql)} || '\"' END"
        case types.BYTES:
            return f"'\"' || to_base64({sql}) || '\"'"
        case types.DATE:
            return f"'\"' || {date_sql(sql)} || '\"'"
        case types.TIME:
            return f"'\"' || {time_sql(sql)} || '\"'"
        case types.TIMESTAMP:
            return f"'\"' || {timestamp_sql(sql)} || '\"'"
        case DecimalType():
            return decimal_text(sql, kind)
        case _:
            return f"CAST({sql} AS VARCHAR)"


SCALARS.add(
    "TO_JSON_STRING",
    ScalarFunction(
        scalar(
            "(T) -> STRING",
            lambda site: _to_json(site.sql[0], site.types[0]),
            nulls=Nulls.PASS,
        ),
        doc="Any value as JSON text.",
        category=_CATEGORY,
        examples={
            "TO_JSON_STRING(ARRAY[1, NULL])": "[1,null]",
            "TO_JSON_STRING(STRUCT(b := 'x', a := 1.50))": '{"A":1.50,"B":"x"}',
            "TO_JSON_STRING(MAP('k' := TRUE))": '{"k":true}',
            "TO_JSON_STRING(CAST(NULL AS STRING))": "null",
        },
    ),
)
