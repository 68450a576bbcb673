"""How the types of an expected schema are read."""

from __future__ import annotations

from merganser.engine.schema import Role
from merganser.engine.types import (
    BIGINT,
    BYTES,
    INTEGER,
    STRING,
    ArrayType,
    DecimalType,
    MapType,
    StructField,
    StructType,
)
from tests.conformance.post import expected_columns


def test_expected_schemas_are_resolved() -> None:
    schema = (
        "`k` INT PRIMARY KEY, A ARRAY<VARCHAR>, M MAP<STRING, DECIMAL(4, 2)>, "
        "S STRUCT<`x` BIGINT, Y address>, E STRUCT< >, H BYTES HEADER('h')"
    )
    address = StructType((StructField("STREET", STRING),))
    assert expected_columns(schema, {"ADDRESS": address}) == [
        ("k", INTEGER, Role.KEY),
        ("A", ArrayType(STRING), Role.VALUE),
        ("M", MapType(STRING, DecimalType(4, 2)), Role.VALUE),
        ("S", StructType((StructField("x", BIGINT), StructField("Y", address))), Role.VALUE),
        ("E", StructType(()), Role.VALUE),
        ("H", BYTES, Role.HEADERS),
    ]
