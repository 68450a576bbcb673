"""Every SQL type as JSON in result rows."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merganser.engine import types
from merganser.engine.answer import RowBatch
from merganser.engine.schema import Column
from merganser.engine.types import ArrayType, DecimalType, MapType, SqlType, StructField, StructType
from merganser.errors import InternalError
from merganser.server.encode import column_fragments, double_text, row_texts, string_text

STRUCT = StructType((StructField("A", types.INTEGER), StructField("b", types.STRING)))
STRUCT_VALUES = [{"A": 1, "b$1": "x"}, None, {"A": None, "b$1": None}]


@pytest.mark.parametrize(
    ("values", "sql_type", "expected"),
    [
        (pa.array([True, False, None]), types.BOOLEAN, ["true", "false", "null"]),
        (pa.array([2**31 - 1, None], pa.int32()), types.INTEGER, ["2147483647", "null"]),
        (pa.array([2**63 - 1, -1]), types.BIGINT, ["9223372036854775807", "-1"]),
        (pa.array([1.5, 2.0, None]), types.DOUBLE, ["1.5", "2.0", "null"]),
        (pa.array(['{"a":[1]}', None]), types.JSON, ['{"a":[1]}', "null"]),
        (pa.array([b"\x01\x02\x03", None]), types.BYTES, ['"AQID"', "null"]),
        (
            pa.array([Decimal("12.3400"), Decimal(0), None], pa.decimal128(20, 10)),
            DecimalType(20, 10),
            ["12.3400000000", "0.0000000000", "null"],
        ),
        (
            pa.array([dt.time(10, 20), dt.time(10, 20, 30, 125_000), dt.time(0)], pa.time64("us")),
            types.TIME,
            ['"10:20"', '"10:20:30"', '"00:00"'],
        ),
        (
            pa.array([0, None, -1], pa.date32()),
            types.DATE,
            ['"1970-01-01"', "null", '"1969-12-31"'],
        ),
        (
            pa.array([0, -1000, 253_402_300_800_000_000], pa.timestamp("us")),
            types.TIMESTAMP,
            [
                '"1970-01-01T00:00:00.000"',
                '"1969-12-31T23:59:59.999"',
                '"10000-01-01T00:00:00.000"',
            ],
        ),
        (
            pa.array([[1, None], None, []], pa.list_(pa.int32())),
            ArrayType(types.INTEGER),
            ["[1,null]", "null", "[]"],
        ),
        (
            pa.array([[("a", 1.5)], None, []], pa.map_(pa.string(), pa.float64())),
            MapType(types.STRING, types.DOUBLE),
            ['{"a":1.5}', "null", "{}"],
        ),
        (
            pa.array([[(1, 2)]], pa.map_(pa.int32(), pa.int32())),
            MapType(types.INTEGER, types.INTEGER),
            ['{"1":2}'],
        ),
        (pa.array(STRUCT_VALUES), STRUCT, ['{"A":1,"b":"x"}', "null", '{"A":null,"b":null}']),
    ],
)
def test_each_type_has_its_form(values: pa.Array, sql_type: SqlType, expected: list[str]) -> None:
    assert column_fragments(values, sql_type) == expected


@pytest.mark.parametrize(
    ("values", "sql_type"),
    [
        (pa.array([[1], [2, 3], None, [4]], pa.list_(pa.int32())), ArrayType(types.INTEGER)),
        (
            pa.array([[("a", 1)], [("b", 2)], None, [("c", 3)]], pa.map_(pa.string(), pa.int64())),
            MapType(types.STRING, types.BIGINT),
        ),
        (pa.array(STRUCT_VALUES), STRUCT),
    ],
)
def test_slices_and_chunks_encode_as_the_whole(values: pa.Array, sql_type: SqlType) -> None:
    whole = column_fragments(values, sql_type)
    assert column_fragments(values.slice(1), sql_type) == whole[1:]
    chunked = pa.chunked_array([values.slice(0, 1), values.slice(1)])
    assert column_fragments(chunked, sql_type) == whole


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100.0, "100.0"),
        (1e10, "1.0E10"),
        (1e20, "1.0E20"),
        (9_999_999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (1e-5, "1.0E-5"),
        (1.5e-7, "1.5E-7"),
        (0.001, "0.001"),
        (-0.0, "-0.0"),
        (-123456789.125, "-1.23456789125E8"),
        (float("nan"), '"NaN"'),
        (float("inf"), '"Infinity"'),
        (float("-inf"), '"-Infinity"'),
    ],
)
def test_doubles_print_as_java_prints_them(value: float, text: str) -> None:
    assert double_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_read_back_exactly(value: float) -> None:
    assert float(double_text(value)) == value


@given(st.text())
def test_strings_read_back_exactly(value: str) -> None:
    assert json.loads(string_text(value)) == value


def test_characters_beyond_the_basic_plane_are_escaped() -> None:
    assert string_text("é漢\U0001f600") == '"é漢\\uD83D\\uDE00"'


def test_rows_put_columns_side_by_side() -> None:
    batch = RowBatch(pa.table({"A": [1, 2], "B": ["x", None]}))
    columns = (Column("A", types.BIGINT), Column("B", types.STRING))
    assert row_texts(batch, columns) == ['[1,"x"]', "[2,null]"]


def test_a_type_without_a_form_is_our_mistake() -> None:
    with pytest.raises(InternalError, match="UNIT"):
        column_fragments(pa.array([1]), types.UNIT)
