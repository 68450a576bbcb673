"""Decoding record by record, by the letter of ksqlDB's rules.

The formats read ordinary data with SQL and bring the rest here: whatever SQL might read otherwise
than ksqlDB. A `RowReader` is also what tests hold the SQL against, and where reasons come from.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, cast

import pyarrow as pa

from merganser.engine.duck import (
    DECIMAL_PRECISION_MAX,
    Duck,
    identifier,
    physical_name,
    physical_type,
)
from merganser.engine.java_numbers import INT_BITS, wrap_integer
from merganser.engine.schema import Column
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    SqlType,
    StructType,
)
from merganser.errors import DecodeError

Value = (
    None | bool | int | float | str | bytes | Decimal
    | list["Value"] | list[tuple[str, "Value"]] | dict[str, "Value"]
)  # fmt: skip
"""A decoded value as Arrow takes it: times in µs, days and ARRAY, MAP (pairs) as lists, STRUCT by
physical field name."""

DAY_MS = 86_400_000
TIMESTAMP_MS_MAX = 9_223_372_036_854_775  # DuckDB counts µs in 64 bits.
FOREVER_MS = 2**63 - 1  # Java's "never ends"; travels as DuckDB's infinity.
FOREVER_DAYS = 2**31 - 1  # Likewise for DATE.


class RowReader(Protocol):
    """Reads one payload."""

    def read(self, payload: bytes) -> Sequence[Value]:
        """The values of all columns, in order.

        Raises:
            DecodeError: The payload does not decode; the message holds none of its values.
        """
        ...


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a batch, decoded: `ok` and one column per SQL column, in the order given."""

    table: pa.Table
    failed_count: int


def read_rows(
    reader: RowReader,
    columns: Sequence[Column],
    schema: pa.Schema,
    payloads: Sequence[bytes | None],
) -> RowBatch:
    """Reads payloads one by one; a NULL payload gives NULLs and is no failure.

    `schema` is the columns' `arrow_schema`.
    """
    values: list[list[Value]] = [[] for _ in columns]
    ok: list[bool] = []
    nothing: Sequence[Value] = [None] * len(columns)
    for payload in payloads:
        row, good = nothing, True
        if payload is not None:
            try:
                row = reader.read(payload)
            except DecodeError:
                good = False
        ok.append(good)
        for found, value in zip(values, row, strict=True):
            found.append(value)
    arrays = []
    for column, found, field in zip(columns, values, schema, strict=True):
        told = [as_held(value, column.type) for value in found] if is_wide(column.type) else found
        arrays.append(pa.array(told, type=field.type))
    table = pa.Table.from_arrays([pa.array(ok, pa.bool_()), *arrays], names=["$ok", *schema.names])
    return RowBatch(table, ok.count(False))


def is_wide(sql_type: SqlType) -> bool:
    """Whether a DECIMAL is in the type that DuckDB can only hold as text."""
    match sql_type:
        case DecimalType(precision):
            return precision > DECIMAL_PRECISION_MAX
        case ArrayType(element) | MapType(_, element):
            return is_wide(element)
        case StructType(fields):
            return any(is_wide(field.type) for field in fields)
        case _:
            return False


def as_held(value: Value, sql_type: SqlType) -> Value:
    """A value whose wide DECIMALs are the text that DuckDB holds."""
    match sql_type, value:
        case _, None:
            return None
        case DecimalType(), Decimal() if is_wide(sql_type):
            return f"{value:f}"
        case ArrayType(element), list():
            return [as_held(item, element) for item in cast("list[Value]", value)]
        case MapType(_, element), list():
            entries = cast("list[tuple[str, Value]]", value)
            return [(key, as_held(item, element)) for key, item in entries]
        case StructType(fields), dict():
            names = (physical_name(field.name) for field in fields)
            pairs = zip(names, fields, strict=True)
            return {name: as_held(value[name], field.type) for name, field in pairs}
        case _:
            return value


def arrow_schema(duck: Duck, columns: Sequence[Column]) -> pa.Schema:
    """The Arrow types that DuckDB gives these columns, by physical name."""
    casts = [
        f"CAST(NULL AS {physical_type(column.type)}) AS {identifier(column.name)}"
        for column in columns
    ]
    found: pa.Schema = duck.arrow(f"SELECT {', '.join(casts)} LIMIT 0").schema
    return found


def utf8(payload: bytes) -> str:
    """The text of a payload.

    Raises:
        DecodeError: The bytes are not UTF-8.
    """
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"invalid UTF-8 at byte {error.start}") from None


def time_us(milliseconds: int) -> int:
    """A TIME from milliseconds of the day, as ksqlDB bounds it (24:00 is in)."""
    if not 0 <= milliseconds <= DAY_MS:
        raise DecodeError("TIME takes 0 to 86400000 milliseconds of the day")
    return milliseconds * 1000


def timestamp_us(milliseconds: int) -> int:
    """A TIMESTAMP from epoch milliseconds; the outermost longs stand for the infinities."""
    if abs(milliseconds) >= FOREVER_MS:
        return FOREVER_MS if milliseconds > 0 else -FOREVER_MS
    if abs(milliseconds) > TIMESTAMP_MS_MAX:
        raise DecodeError(f"TIMESTAMP takes ±{TIMESTAMP_MS_MAX} milliseconds from the epoch")
    return milliseconds * 1000


def date_days(days: int) -> int:
    """A DATE from epoch days, which wrap at 32 bits; the outermost stand for the infinities."""
    return max(wrap_integer(days, INT_BITS), -FOREVER_DAYS)


TEMPORAL: dict[Kind, Callable[[int], int]] = {
    Kind.TIME: time_us,
    Kind.TIMESTAMP: timestamp_us,
    Kind.DATE: date_days,
}


def base64_bytes(text: str) -> bytes:
    """BYTES as Java's basic decoder reads base64: padding may be left out.

    Raises:
        DecodeError: The text is no base64.
    """
    padded = text if "=" in text else text + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except ValueError:
        raise DecodeError("BYTES is not base64") from None


def mismatch(found: str, wanted: SqlType | str) -> DecodeError:
    """The error of a value that the column's type does not take."""
    name = wanted if isinstance(wanted, str) else wanted.sql()
    return DecodeError(f"cannot read {found} as {name}")
