"""JSON writing in SQL.

`to_json` of a struct writes most rows at once. It spells some numbers otherwise than ksqlDB (large
and small DOUBLEs, every DECIMAL with trailing zeros) and cannot write two names that only differ in
letter case; such rows are put together from pieces.
Source: parity/semantics.md, section 9 (JSON writing).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from merganser.engine.duck import Duck, identifier, literal
from merganser.engine.formats.format import Encoded
from merganser.engine.formats.text_sql import double_is_plain, scalar_text, temporal_number
from merganser.engine.schema import Column
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)
from merganser.errors import InternalError


def _quoted(name: str) -> str:
    """A name as a JSON string."""
    return json.dumps(name, ensure_ascii=False)


def _is_plain(sql_type: SqlType) -> bool:
    """Whether `to_json` writes every value of the (converted) type as ksqlDB does."""
    match sql_type:
        case ScalarType(kind):
            return kind not in (Kind.DOUBLE, Kind.JSON)
        case DecimalType():
            return False
        case ArrayType(element):
            return _is_plain(element)
        case MapType(_, value):
            return _is_plain(value)
        case StructType(fields):
            return _are_unlike(field.name for field in fields) and all(
                _is_plain(field.type) for field in fields
            )
        case _:
            raise InternalError(f"no JSON of {sql_type.sql()}")


def _are_unlike(names: Iterable[str]) -> bool:
    """Whether the names differ even if letter case does not count, as in a DuckDB struct."""
    folded = [name.lower() for name in names]
    return len(set(folded)) == len(folded)


def _is_itself(sql_type: SqlType) -> bool:
    """Whether `to_json` takes the physical value without conversion."""
    match sql_type:
        case ScalarType(kind):
            return kind in (Kind.STRING, Kind.BOOLEAN, Kind.INTEGER, Kind.BIGINT, Kind.DOUBLE)
        case ArrayType(element):
            return _is_itself(element)
        case MapType(_, value):
            return _is_itself(value)
        case StructType(fields):
            return all(
                identifier(field.name) == _sql_name(field.name) and _is_itself(field.type)
                for field in fields
            )
        case _:
            return False


def _sql_name(name: str) -> str:
    """A field name of a struct that goes to `to_json`: exact, unlike an `identifier`."""
    return '"' + name.replace('"', '""') + '"'


class _Names:
    """Lambda parameters, one per nesting level."""

    def __init__(self, level: int = 0) -> None:
        self.item = f"x{level}"
        self._level = level

    def inner(self) -> _Names:
        return _Names(self._level + 1)


def _plain(sql_type: SqlType, value: str, names: _Names) -> str:
    """The value as something that `to_json` writes rightly; for plain types and DOUBLE."""
    if _is_itself(sql_type):
        return value
    match sql_type:
        case ScalarType(Kind.BYTES):
            return f"to_base64({value})"
        case ScalarType(kind):
            return temporal_number(kind, value)
        case ArrayType(element):
            inner = _plain(element, names.item, names.inner())
            return f"list_transform({value}, lambda {names.item}: {inner})"
        case MapType(_, element):
            inner = _plain(element, f"{names.item}.value", names.inner())
            entry = f"struct_pack(k := {names.item}.key, v := {inner})"
            entries = f"list_transform(map_entries({value}), lambda {names.item}: {entry})"
            return f"CASE WHEN {value} IS NOT NULL THEN map_from_entries({entries}) END"
        case StructType(fields):
            members = ", ".join(
                f"{_sql_name(field.name)} := "
                + _plain(field.type, f"({value}).{identifier(field.name)}", names)
                for field in fields
            )
            return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({members}) END"
        case _:
            raise InternalError(f"no JSON of {sql_type.sql()}")


def _text(sql_type: SqlType, value: str, names: _Names) -> str:
    """The JSON text of a value, put together from pieces; NULL for NULL."""
    if _is_plain(sql_type):
        return f"CAST(to_json({_plain(sql_type, value, names)}) AS VARCHAR)"
    match sql_type:
        case ScalarType(Kind.JSON):
            return value  # It is its text.
        case ScalarType(Kind.DOUBLE):
            text = scalar_text(sql_type, value)
            return f"CASE WHEN isfinite({value}) THEN {text} ELSE '\"' || {text} || '\"' END"
        case DecimalType():
            return scalar_text(sql_type, value)
        case ArrayType(element):
            inner = _or_null(_text(element, names.item, names.inner()))
            items = f"list_transform({value}, lambda {names.item}: {inner})"
            return f"('[' || array_to_string({items}, ',') || ']')"
        case MapType(_, element):
            key = f"CAST(to_json({names.item}.key) AS VARCHAR)"
            inner = _or_null(_text(element, f"{names.item}.value", names.inner()))
            entry = f"concat({key}, ':', {inner})"
            entries = f"list_transform(map_entries({value}), lambda {names.item}: {entry})"
            return f"('{{' || array_to_string({entries}, ',') || '}}')"
        case StructType(fields):
            members = [
                (field.name, _text(field.type, f"({value}).{identifier(field.name)}", names))
                for field in fields
            ]
            return f"CASE WHEN {value} IS NOT NULL THEN {_object(members)} END"
        case _:
            raise InternalError(f"no JSON of {sql_type.sql()}")


def _or_null(text: str) -> str:
    return f"coalesce({text}, 'null')"


def _object(members: Sequence[tuple[str, str]]) -> str:
    """A JSON object from names and SQL of the values' texts."""
    pieces: list[str] = []
    for index, (name, text) in enumerate(members):
        pieces += [literal(("," if index else "{") + _quoted(name) + ":"), _or_null(text)]
    return f"concat({', '.join(pieces)}, '}}')" if pieces else "'{}'"


class JsonEncoder:
    """Writes JSON. A bare NULL is a null record, as nothing can stand for it.

    Args:
        columns: The columns of the key or value.
        wrapped: Whether they are the fields of an object; else the only column stands bare.
    """

    def __init__(self, columns: Sequence[Column], *, wrapped: bool) -> None:
        self._columns = columns
        self._wrapped = wrapped

    def encode(self, duck: Duck, source: str, columns: Mapping[str, str]) -> Encoded:
        """All columns in order, NULL as `null`, names exact, no blanks."""
        del duck
        if not self._wrapped:
            only = self._columns[0]
            return Encoded(source, f"encode({_text(only.type, columns[only.name], _Names())})")
        return Encoded(source, f"encode({self._row(columns)})")

    def _row(self, columns: Mapping[str, str]) -> str:
        values = [(column, columns[column.name]) for column in self._columns]
        pieces = _object([(c.name, _text(c.type, value, _Names())) for c, value in values])
        double = ScalarType(Kind.DOUBLE)
        if not _are_unlike(column.name for column in self._columns) or not all(
            column.type == double or _is_plain(column.type) for column in self._columns
        ):
            return pieces
        members = ", ".join(
            f"{_sql_name(column.name)} := {_plain(column.type, value, _Names())}"
            for column, value in values
        )
        if not members:
            return "'{}'"
        whole = f"CAST(to_json(struct_pack({members})) AS VARCHAR)"
        doubles = [value for column, value in values if column.type == double]
        if not doubles:
            return whole
        plain = " AND ".join(f"coalesce({double_is_plain(value)}, TRUE)" for value in doubles)
        return f"CASE WHEN {plain} THEN {whole} ELSE {pieces} END"
