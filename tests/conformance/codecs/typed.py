"""A case's JSON made to fit an SQL type, as a topic's schema asks: for JSON_SR and PROTOBUF."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation

from merganser.engine.schema import Column
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructField,
    StructType,
)
from tests.conformance.cases import Json
from tests.conformance.codecs.codec import CodecError
from tests.conformance.codecs.plain import text_of
from tests.conformance.compare import Comparable


def record_type(columns: Sequence[Column]) -> StructType:
    """The columns as one struct."""
    return StructType(tuple(StructField(column.name, column.type) for column in columns))


def fitted(value: Json, sql_type: SqlType) -> Comparable:
    """Fields by case-insensitive name, missing ones null; scalars parsed from their text.

    BYTES come out as `bytes`, times, dates and timestamps as their numbers.

    Raises:
        CodecError: The JSON does not fit.
    """
    if value is None:
        return None
    match sql_type, value:
        case StructType(fields), dict():
            upper = {name.upper(): item for name, item in value.items()}
            return {
                field.name: fitted(value.get(field.name, upper.get(field.name.upper())), field.type)
                for field in fields
            }
        case ArrayType(element), list():
            return [fitted(item, element) for item in value]
        case MapType(_, inner), dict():
            return {name: fitted(item, inner) for name, item in value.items()}
        case ((ScalarType() | DecimalType()), (bool() | int() | Decimal() | str())):
            return _scalar(text_of(value), sql_type)
        case _:
            raise CodecError(f"{value!r} is no {sql_type.sql()}")


def _scalar(text: str, sql_type: SqlType) -> Comparable:
    try:
        match sql_type:
            case ScalarType(Kind.BOOLEAN):
                return text.lower() == "true"
            case ScalarType(Kind.DOUBLE):
                return float(text)
            case ScalarType(Kind.STRING):
                return text
            case ScalarType(Kind.BYTES):
                return base64.b64decode(text)
            case DecimalType(_, scale):
                return Decimal(text).quantize(Decimal(1).scaleb(-scale), context=Context(prec=200))
            case _:
                return int(Decimal(text))
    except (ValueError, InvalidOperation) as error:
        raise CodecError(f"{text} is no {sql_type.sql()}") from error
