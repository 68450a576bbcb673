"""SQL types as test files write them: `DECIMAL(5, 2)`, `STRUCT<x INT, Y ARRAY<STRING>>`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from merganser.engine.schema import Column
from merganser.engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
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

_SCALARS = {
    "BOOLEAN": BOOLEAN,
    "INT": INTEGER,
    "BIGINT": BIGINT,
    "DOUBLE": DOUBLE,
    "STRING": STRING,
    "BYTES": BYTES,
    "TIME": TIME,
    "DATE": DATE,
    "TIMESTAMP": TIMESTAMP,
}


def _split(text: str) -> Iterator[str]:
    """The parts between the commas that are in no brackets."""
    depth, start = 0, 0
    for index, letter in enumerate(text):
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            yield text[start:index].strip()
            start = index + 1
    yield text[start:].strip()


def parse_type(text: str) -> SqlType:
    """The type that a text means."""
    if (scalar := _SCALARS.get(text)) is not None:
        return scalar
    if (decimal := re.fullmatch(r"DECIMAL\((\d+), ?(\d+)\)", text)) is not None:
        return DecimalType(int(decimal[1]), int(decimal[2]))
    head, _, rest = text.partition("<")
    inside = list(_split(rest.removesuffix(">")))
    match head, inside:
        case "ARRAY", [element]:
            return ArrayType(parse_type(element))
        case "MAP", [key, value]:
            return MapType(parse_type(key), parse_type(value))
        case "STRUCT", fields:
            named = (field.split(" ", 1) for field in fields)
            return StructType(tuple(StructField(name, parse_type(kind)) for name, kind in named))
        case _:
            raise AssertionError(f"no such type: {text}")


def parse_columns(text: str) -> list[Column]:
    """The columns that `A INT, b STRING` means; names are exact."""
    named = (column.split(" ", 1) for column in _split(text))
    return [Column(name, parse_type(kind)) for name, kind in named]
