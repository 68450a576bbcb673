"""Result rows as JSON text: Arrow columns in, one text per row out.

Every column becomes a list of JSON fragments in one pass, and rows are those lists zipped. So no
cell is looked at by type more than once, and nested values are encoded flat, child by child. (Arrow
compute kernels were tried: no faster over 20,000 rows, and 100 times slower over one.)

Source: parity/rest-api.md, value encoding in rows; numbers print as Java prints them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from datetime import time
from decimal import Decimal
from itertools import pairwise
from json.encoder import encode_basestring as quote

import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.answer import RowBatch
from merganser.engine.schema import Column
from merganser.engine.types import ArrayType, DecimalType, Kind, MapType, SqlType, StructType
from merganser.errors import InternalError

_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")


def row_texts(batch: RowBatch, columns: Sequence[Column]) -> list[str]:
    """The rows of a batch as JSON arrays, in order."""
    if not columns:
        return ["[]"] * batch.rows.num_rows
    fragments = [
        column_fragments(batch.rows.column(index), column.type)
        for index, column in enumerate(columns)
    ]
    return ["[" + ",".join(cells) + "]" for cells in zip(*fragments, strict=True)]


def column_fragments(values: pa.Array | pa.ChunkedArray, sql_type: SqlType) -> list[str]:
    """A column's values as JSON fragments, `null` for NULL.

    Raises:
        InternalError: The type has no JSON form.
    """
    if isinstance(values, pa.ChunkedArray):
        return [text for chunk in values.chunks for text in column_fragments(chunk, sql_type)]
    match sql_type:
        case ArrayType(element):
            return _array_fragments(values, element)
        case MapType(key, value):
            return _map_fragments(values, key, value)
        case StructType():
            return _struct_fragments(values, sql_type)
        case _:
            return _scalar_fragments(values, sql_type)


def _scalar_fragments(values: pa.Array, sql_type: SqlType) -> list[str]:
    kind = None if isinstance(sql_type, DecimalType) else getattr(sql_type, "kind", None)
    if kind in (Kind.DATE, Kind.TIMESTAMP):
        values = _calendar_text(values, Kind(kind))
    write = _DECIMAL if isinstance(sql_type, DecimalType) else _WRITERS.get(kind)
    if write is None:
        raise InternalError(f"{sql_type} has no JSON form")
    cells = values.to_pylist()
    if values.null_count:
        return ["null" if cell is None else write(cell) for cell in cells]
    return list(map(write, cells))


def _calendar_text(values: pa.Array, kind: Kind) -> pa.Array:
    """Dates and timestamps as text by Arrow: Python's own end with the year 9999."""
    if kind is Kind.TIMESTAMP:
        values = pc.cast(values, pa.timestamp("ms"), safe=False)
    return pc.cast(values, pa.string())


def _array_fragments(values: pa.Array, element: SqlType) -> list[str]:
    offsets = values.offsets.to_pylist()
    first = offsets[0]
    inner = column_fragments(values.values.slice(first, offsets[-1] - first), element)
    return _null_where(
        values,
        [
            "[" + ",".join(inner[start - first : end - first]) + "]"
            for start, end in pairwise(offsets)
        ],
    )


def _map_fragments(values: pa.Array, key: SqlType, value: SqlType) -> list[str]:
    offsets = values.offsets.to_pylist()
    first = offsets[0]
    count = offsets[-1] - first
    names = column_fragments(values.keys.slice(first, count), key)
    members = column_fragments(values.items.slice(first, count), value)
    pairs = [
        f"{name if name.startswith(chr(34)) else quote(name)}:{member}"
        for name, member in zip(names, members, strict=True)
    ]
    return _null_where(
        values,
        [
            "{" + ",".join(pairs[start - first : end - first]) + "}"
            for start, end in pairwise(offsets)
        ],
    )


def _struct_fragments(values: pa.Array, sql_type: StructType) -> list[str]:
    if not sql_type.fields:
        return _null_where(values, ["{}"] * len(values))
    members = [
        [quote(field.name) + ":" + text for text in column_fragments(child, field.type)]
        for field, child in zip(sql_type.fields, values.flatten(), strict=True)
    ]
    return _null_where(values, ["{" + ",".join(row) + "}" for row in zip(*members, strict=True)])


def _null_where(values: pa.Array, fragments: list[str]) -> list[str]:
    if not values.null_count:
        return fragments
    valid = values.is_valid().to_pylist()
    return [text if there else "null" for text, there in zip(fragments, valid, strict=True)]


def double_text(value: float) -> str:
    """A DOUBLE as Java writes it: at least one decimal, exponents from 1.0E7 and below 1.0E-3.

    >>> [double_text(x) for x in (100.0, 1e10, 1.5e-7, -0.001, float("nan"))]
    ['100.0', '1.0E10', '1.5E-7', '-0.001', '"NaN"']
    """
    size = abs(value)
    if 1e-3 <= size < 1e7 or size == 0:
        return repr(value)
    if value != value:  # noqa: PLR0124 (only NaN differs from itself)
        return '"NaN"'
    if size == float("inf"):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits))
    power = len(text) - 1 + int(exponent)
    tail = text[1:].rstrip("0") or "0"
    return f"{'-' if sign else ''}{text[0]}.{tail}E{power}"


def string_text(value: str) -> str:
    r"""A STRING as JSON; characters beyond the basic plane are escaped as surrogate pairs.

    >>> string_text('a"b\n\U0001f600')
    '"a\\"b\\n\\uD83D\\uDE00"'
    """
    text = quote(value)
    if text.isascii():
        return text
    return _BEYOND_BMP.sub(_surrogates, text)


def _surrogates(match: re.Match[str]) -> str:
    high, low = divmod(ord(match.group()) - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04X}\\u{0xDC00 + low:04X}"


def _time_text(value: time) -> str:
    text = f'"{value.hour:02}:{value.minute:02}'
    return f'{text}:{value.second:02}"' if value.second else f'{text}"'


def _bytes_text(value: bytes) -> str:
    return f'"{base64.b64encode(value).decode()}"'


def _decimal_text(value: Decimal) -> str:
    return format(value, "f")


_DECIMAL: Callable[..., str] = _decimal_text

_WRITERS: dict[Kind | None, Callable[..., str]] = {
    Kind.BOOLEAN: lambda value: "true" if value else "false",
    Kind.INTEGER: str,
    Kind.BIGINT: str,
    Kind.DOUBLE: double_text,
    Kind.STRING: string_text,
    Kind.JSON: str,  # It is its text.
    Kind.BYTES: _bytes_text,
    Kind.TIME: _time_text,
    Kind.DATE: '"{}"'.format,
    Kind.TIMESTAMP: lambda value: '"' + value.replace(" ", "T") + '"',
    Kind.NULL: lambda _value: "null",
}
