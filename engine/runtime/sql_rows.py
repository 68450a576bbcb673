"""Rows of DuckDB's SQL as rows of the language: Arrow types in, SQL types and their Arrow out.

A pull query in DuckDB's SQL may give what ksqlDB has no type for: small and unsigned integers
widen, HUGEINT becomes DECIMAL, ENUM and UUID become STRING, and so does what is left.
"""

from __future__ import annotations

import pyarrow as pa

from merganser.engine.duck import arrow_type
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

_KINDS = (
    (pa.types.is_boolean, BOOLEAN),
    (pa.types.is_uint32, BIGINT),
    (pa.types.is_int64, BIGINT),
    (pa.types.is_uint64, DecimalType(20, 0)),
    (pa.types.is_integer, INTEGER),
    (pa.types.is_floating, DOUBLE),
    (pa.types.is_binary, BYTES),
    (pa.types.is_large_binary, BYTES),
    (pa.types.is_date, DATE),
    (pa.types.is_timestamp, TIMESTAMP),
    (pa.types.is_time, TIME),
)


def sql_type_of(kind: pa.DataType) -> SqlType:
    """The SQL type that holds the values of an Arrow type; STRING if there is no other."""
    for fits, sql_type in _KINDS:
        if fits(kind):
            return sql_type
    if pa.types.is_decimal(kind):
        return DecimalType(kind.precision, kind.scale)
    if pa.types.is_map(kind):
        return MapType(sql_type_of(kind.key_type), sql_type_of(kind.item_type))
    if pa.types.is_struct(kind):
        fields = (StructField(field.name, sql_type_of(field.type)) for field in kind)
        return StructType(tuple(fields))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return ArrayType(sql_type_of(kind.value_type))
    return STRING


def language_rows(table: pa.Table) -> tuple[pa.Table, tuple[Column, ...]]:
    """The same rows with types of the language, and the columns."""
    columns = tuple(Column(field.name, sql_type_of(field.type)) for field in table.schema)
    arrays = [_as_type(table.column(index), column.type) for index, column in enumerate(columns)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns]), columns


def _as_type(values: pa.ChunkedArray, sql_type: SqlType) -> pa.ChunkedArray:
    wanted = arrow_shape(sql_type)
    if values.type == wanted:
        return values
    try:
        return values.cast(wanted, safe=False)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        if sql_type != STRING:
            raise
        texts = [None if cell is None else str(cell) for cell in values.to_pylist()]
        return pa.chunked_array([texts], type=pa.string())


def arrow_shape(sql_type: SqlType) -> pa.DataType:
    """The Arrow type of a SQL type's values, with the fields of structs by their own names."""
    match sql_type:
        case ArrayType(element):
            return pa.list_(arrow_shape(element))
        case MapType(key, value):
            return pa.map_(arrow_shape(key), arrow_shape(value))
        case StructType(fields):
            return pa.struct([(field.name, arrow_shape(field.type)) for field in fields])
        case _:
            return arrow_type(sql_type)
