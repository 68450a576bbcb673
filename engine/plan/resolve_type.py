"""Type names as written to SQL types, custom types looked up in the catalog.

Source: parity/statements.md, types.
"""

from __future__ import annotations

from collections.abc import Mapping

from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    JSON,
    STRING,
    TIME,
    TIMESTAMP,
    ArrayType,
    DecimalType,
    MapType,
    SqlType,
    StructField,
    StructType,
)
from merganser.errors import NameTakenError, TypeMismatchError, UnknownNameError
from merganser.parser import ast

_PRIMITIVES: dict[str, SqlType] = {
    "BOOLEAN": BOOLEAN,
    "INT": INTEGER,
    "INTEGER": INTEGER,
    "BIGINT": BIGINT,
    "DOUBLE": DOUBLE,
    "VARCHAR": STRING,
    "STRING": STRING,
    "BYTES": BYTES,
    "TIME": TIME,
    "DATE": DATE,
    "TIMESTAMP": TIMESTAMP,
    "JSON": JSON,
}


def resolve_type(name: ast.TypeName, custom: Mapping[str, SqlType]) -> SqlType:
    """The SQL type of a type name.

    Raises:
        UnknownNameError: Neither a built-in nor a custom type.
        TypeMismatchError: DECIMAL out of range, a STRUCT without fields.
    """
    upper = name.name if name.quoted else name.name.upper()
    match upper:
        case "ARRAY" if name.arguments:
            return ArrayType(resolve_type(name.arguments[0], custom))
        case "MAP" if name.arguments:
            key, value = name.arguments
            return MapType(resolve_type(key, custom), resolve_type(value, custom))
        case "STRUCT":
            fields = tuple(StructField(n, resolve_type(t, custom)) for n, t in name.fields)
            names = [field.name for field in fields]
            if len(names) != len(set(names)):
                raise NameTakenError("duplicate field names in STRUCT", span=name.span)
            if not fields:
                raise TypeMismatchError("a STRUCT needs at least one field", span=name.span)
            return StructType(fields)
        case "DECIMAL" if name.numbers:
            precision, scale = name.numbers
            if precision < 1 or not 0 <= scale <= precision:
                raise TypeMismatchError(
                    f"DECIMAL({precision}, {scale}) needs a precision of at least 1 "
                    "and a scale between 0 and the precision",
                    span=name.span,
                )
            return DecimalType(precision, scale)
        case _ if upper in custom:
            return custom[upper]
        case _ if upper in _PRIMITIVES:
            return _PRIMITIVES[upper]
        case _:
            raise UnknownNameError(f"cannot resolve unknown type: {name.name}", span=name.span)
