"""JSON read record by record, by the letter of Jackson's parser and ksqlDB's coercions.

Source: parity/semantics.md, section 9 (JSON reading) and section 12, items 9 to 13 and 22; and what
Jackson does with the text around the first value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NoReturn

from merganser.engine.duck import physical_name
from merganser.engine.formats.exact import (
    Value,
    date_days,
    mismatch,
    time_us,
    timestamp_us,
    utf8,
)
from merganser.engine.java_numbers import (
    INT_BITS,
    LONG_BITS,
    decimal_text,
    fit_decimal,
    parse_decimal,
    parse_double,
    parse_integer,
    truncate_decimal,
    wrap_integer,
)
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
from merganser.errors import DecodeError, InternalError

Node = None | bool | int | Decimal | str | list["Node"] | dict[str, "Node"]
"""A JSON value; numbers with a fraction or an exponent keep their digits as Decimal."""

Coercion = Callable[[Node], Value]

NUMBER_LENGTH_MAX = 1_000  # Jackson's StreamReadConstraints.
_BLANK = re.compile(r"[ \t\n\r]*")
_BLANKS = " \t\n\r"
_SURROGATE = re.compile("[\ud800-\udfff]")
_BASE64 = re.compile(
    r"(?:[\x00-\x20]*[A-Za-z0-9+/]{2}(?:[A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==))*[\x00-\x20]*"
)
_BASE64_QUAD = re.compile(r"[A-Za-z0-9+/=]{4}")


def parse(text: str) -> tuple[bool, Node]:
    """Whether there is a value, and the first one. What stands behind it is not looked at.

    Raises:
        DecodeError: The text is no JSON.
    """
    text = text.removeprefix("\ufeff")
    start = _BLANK.match(text).end()  # type: ignore[union-attr]  # It matches nothing, too.
    if start == len(text):
        return False, None
    try:
        node, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise DecodeError(f"malformed JSON at character {error.pos}") from None
    except (ValueError, RecursionError):
        raise DecodeError("malformed JSON: a number or the nesting exceeds the limits") from None
    if end < len(text):
        _check_end(text[start], text[end])
    return True, node


def _check_end(first: str, following: str) -> None:
    """Jackson wants a blank behind a bare number, and no letter behind a bare word."""
    if first in "-0123456789":
        if following not in _BLANKS:
            raise DecodeError("malformed JSON: no blank behind the number")
    elif first in "tfn" and (following.isalnum() or following in "_$"):
        raise DecodeError("malformed JSON: unknown word")


def _integer(text: str) -> int:
    if len(text) > NUMBER_LENGTH_MAX:
        raise ValueError("number too long")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > NUMBER_LENGTH_MAX or (value := parse_decimal(text)) is None:
        raise ValueError("number out of range")
    return value


def _constant(_text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_DECODER = json.JSONDecoder(parse_float=_decimal, parse_int=_integer, parse_constant=_constant)


def _describe(node: Node) -> str:
    """What kind of JSON value it is; never the value."""
    match node:
        case bool():
            return "a JSON boolean"
        case int() | Decimal():
            return "a JSON number"
        case str():
            return "a JSON string"
        case list():
            return "a JSON array"
        case dict():
            return "a JSON object"
        case None:
            return "JSON null"


def _text(value: str) -> str:
    """A Java string as UTF-8 can hold it."""
    return _SURROGATE.sub("\ufffd", value) if not value.isascii() else value


def _json_text(node: Node) -> str:
    """The JSON text of a value nested in an object that is read as STRING."""
    match node:
        case dict():
            return "{" + ",".join(f"{_quoted(k)}:{_json_text(v)}" for k, v in node.items()) + "}"
        case list():
            return "[" + ",".join(map(_json_text, node)) + "]"
        case str():
            return _quoted(node)
        case None:
            return "null"
        case _:
            return to_string(node)


_ESCAPES = {chr(code): f"\\u{code:04X}" for code in range(0x20)} | {
    "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\",
}  # fmt: skip
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')


def _quoted(value: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: _ESCAPES[found[0]], value) + '"'


def to_string(node: Node) -> str:
    """Any value but null as STRING."""
    match node:
        case str():
            return _text(node)
        case bool():
            return "true" if node else "false"
        case int():
            return str(node)
        case Decimal():
            return decimal_text(node)
        case dict():
            return _text(_json_text(node))
        case list():
            items = ("null" if item is None else to_string(item) for item in node)
            return "[" + ", ".join(items) + "]"
        case None:
            raise InternalError("null is no string")


def json_value(node: Node) -> str:
    """The JSON text of any value, without blanks; numbers keep their digits."""
    return _text(_json_text(node))


def _to_boolean(node: Node) -> Value:
    if isinstance(node, bool):
        return node
    raise mismatch(_describe(node), "BOOLEAN")


def _to_double(node: Node) -> Value:
    match node:
        case bool():
            pass
        case int() | Decimal():
            return _as_double(node)
        case str() if (text_value := parse_double(node)) is not None:
            return text_value
        case _:
            pass
    raise mismatch(_describe(node), "DOUBLE")


def _as_double(number: int | Decimal) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("-inf") if number < 0 else float("inf")


def _to_integer(node: Node, bits: int, wanted: str) -> int:
    match node:
        case bool():
            pass
        case int():
            return wrap_integer(node, bits)
        case Decimal():
            return truncate_decimal(node, bits)
        case str() if (value := parse_integer(node, bits)) is not None:
            return value
        case _:
            pass
    raise mismatch(_describe(node), wanted)


def _to_bytes(node: Node) -> Value:
    if isinstance(node, str):
        if _BASE64.fullmatch(node) is None:
            raise DecodeError("BYTES is not base64")
        return b"".join(map(base64.b64decode, _BASE64_QUAD.findall(node)))
    raise mismatch(_describe(node), "BYTES")


def _to_decimal(node: Node, decimal_type: DecimalType) -> Value:
    value: Decimal | None = None
    match node:
        case bool():
            pass
        case int():
            value = Decimal(node)
        case Decimal():
            value = node
        case str():
            value = parse_decimal(node)
        case _:
            pass
    if value is None:
        raise mismatch(_describe(node), decimal_type)
    if (fitted := fit_decimal(value, decimal_type)) is None:
        raise DecodeError(f"the number does not fit {decimal_type.sql()} without rounding")
    return fitted


_SCALARS: dict[Kind, Coercion] = {
    Kind.BOOLEAN: _to_boolean,
    Kind.INTEGER: lambda node: _to_integer(node, INT_BITS, "INTEGER"),
    Kind.BIGINT: lambda node: _to_integer(node, LONG_BITS, "BIGINT"),
    Kind.DOUBLE: _to_double,
    Kind.STRING: to_string,
    Kind.BYTES: _to_bytes,
    Kind.JSON: json_value,
    Kind.TIME: lambda node: time_us(_to_integer(node, LONG_BITS, "TIME")),
    Kind.DATE: lambda node: date_days(_to_integer(node, LONG_BITS, "DATE")),
    Kind.TIMESTAMP: lambda node: timestamp_us(_to_integer(node, LONG_BITS, "TIMESTAMP")),
}


def _array(array_type: ArrayType) -> Coercion:
    element = coercion(array_type.element)

    def read(node: Node) -> Value:
        if not isinstance(node, list):
            raise mismatch(_describe(node), array_type)
        return [_read_at(f"[{index}]", element, item) for index, item in enumerate(node)]

    return read


def _map(map_type: MapType) -> Coercion:
    element = coercion(map_type.value)

    def read(node: Node) -> Value:
        if not isinstance(node, dict):
            raise mismatch(_describe(node), map_type)
        entries: dict[str, Value] = {}
        for key, item in node.items():
            entries[_text(key)] = _read_at(".value", element, item)
        return list(entries.items())

    return read


def _struct(struct_type: StructType) -> Coercion:
    names = [physical_name(field.name) for field in struct_type.fields]
    fields = [(field.name, coercion(field.type)) for field in struct_type.fields]

    def read(node: Node) -> Value:
        return dict(zip(names, _read_fields(node, fields, struct_type), strict=True))

    return read


def _read_fields(
    node: Node, fields: Sequence[tuple[str, Coercion]], wanted: SqlType | str
) -> list[Value]:
    """The fields of an object: by the exact name, else by the upper-cased names of the text.

    A field that is there by its exact name counts even if it is null. Of several upper-cased ones
    the last counts.
    """
    if not isinstance(node, dict):
        raise mismatch(_describe(node), wanted)
    upper: dict[str, Node] | None = None
    row: list[Value] = []
    for name, read in fields:
        if name in node:
            item = node[name]
        else:
            if upper is None:
                upper = {key.upper(): value for key, value in node.items()}
            item = upper.get(name)
        row.append(_read_at(f".{name}", read, item))
    return row


def _read_at(place: str, read: Coercion, node: Node) -> Value:
    if node is None:
        return None
    try:
        return read(node)
    except DecodeError as error:
        separator = "" if error.message.startswith((".", "[")) else ": "
        raise DecodeError(f"{place}{separator}{error.message}") from None


def coercion(sql_type: SqlType) -> Coercion:
    """How a JSON value that is not null becomes a value of a type; raises DecodeError."""
    match sql_type:
        case ScalarType(kind) if kind in _SCALARS:
            return _SCALARS[kind]
        case DecimalType():
            return lambda node: _to_decimal(node, sql_type)
        case ArrayType():
            return _array(sql_type)
        case MapType():
            return _map(sql_type)
        case StructType():
            return _struct(sql_type)
        case _:
            raise InternalError(f"no JSON of {sql_type.sql()}")


class JsonRowReader:
    """Reads JSON payloads one by one.

    Args:
        columns: The columns of the key or value.
        wrapped: Whether they are the fields of an object; else the only column is the text's value.
    """

    def __init__(self, columns: Sequence[Column], *, wrapped: bool) -> None:
        self._wrapped = wrapped
        self._fields = [(column.name, coercion(column.type)) for column in columns]
        self._only = columns[0].type if columns else None

    def read(self, payload: bytes) -> Sequence[Value]:
        """The values of all columns, in order.

        Raises:
            DecodeError: The payload does not decode.
        """
        found, node = parse(utf8(payload))
        if self._wrapped:
            if not found or node is None:
                raise DecodeError(f"found {'null' if found else 'nothing'}, expected a JSON object")
            return _read_fields(node, self._fields, "a row")
        if not found:
            # Jackson's "missing" node: empty text as STRING, an error as anything else.
            if self._only == ScalarType(Kind.STRING):
                return [""]
            raise DecodeError("found nothing, expected a JSON value")
        return [_read_at("$", self._fields[0][1], node)]
