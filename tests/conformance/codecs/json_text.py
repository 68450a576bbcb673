"""JSON: the case's text as it is, so that wrong types and missing fields reach the product."""

from __future__ import annotations

import json
from decimal import Decimal

from merganser.engine.schema import Column
from merganser.engine.types import DOUBLE, ArrayType, MapType, SqlType, StructField, StructType
from tests.conformance.cases import Json
from tests.conformance.codecs.codec import CodecError, Side
from tests.conformance.compare import Comparable


def json_text(value: Json) -> str:
    """JSON text with numbers spelled as Java's BigDecimal spells them (as `Decimal` does)."""
    match value:
        case dict():
            inner = ", ".join(
                f"{json.dumps(name, ensure_ascii=False)}: {json_text(item)}"
                for name, item in value.items()
            )
            return "{" + inner + "}"
        case list():
            return "[" + ", ".join(json_text(item) for item in value) + "]"
        case Decimal():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


class JsonCodec:
    """Text in, exact numbers out; DOUBLE columns come out as floats, for a numeric comparison."""

    def encode(self, value: Json, side: Side) -> bytes | None:
        del side
        return None if value is None else json_text(value).encode()

    def decode(self, payload: bytes | None, side: Side) -> Comparable:
        if payload is None:
            return None
        try:
            value: Comparable = json.loads(payload, parse_float=Decimal, parse_constant=_refuse)
        except ValueError as error:
            raise CodecError(f"no JSON: {payload[:80]!r} ({error})") from error
        return with_doubles(value, _root_type(side))


def _refuse(constant: str) -> Comparable:
    raise ValueError(f"{constant} is not JSON")


def _root_type(side: Side) -> SqlType | None:
    if len(side.columns) == 1 and not side.wrapped:
        return side.columns[0].type
    return _record_type(side.columns)


def _record_type(columns: tuple[Column, ...]) -> StructType:
    return StructType(tuple(StructField(column.name, column.type) for column in columns))


def with_doubles(value: Comparable, sql_type: SqlType | None) -> Comparable:
    """The value with a float wherever the type has a DOUBLE."""
    match sql_type, value:
        case _, bool():
            return value
        case _, int() | Decimal() if sql_type == DOUBLE:
            return float(value)
        case ArrayType(element), list():
            return [with_doubles(item, element) for item in value]
        case MapType(_, inner), dict():
            return {name: with_doubles(item, inner) for name, item in value.items()}
        case StructType(fields), dict():
            types = {field.name.upper(): field.type for field in fields}
            return {
                name: with_doubles(item, types.get(name.upper())) for name, item in value.items()
            }
        case _:
            return value
