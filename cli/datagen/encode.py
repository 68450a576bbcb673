"""Made-up rows as record bytes: values in JSON or DELIMITED, keys in Kafka's own format."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Callable, Mapping

import orjson

from merganser.cli.datagen.schemas import RecordSchema, Row, Value


def value_encoder(schema: RecordSchema, value_format: str, key: str) -> Callable[[Row], bytes]:
    """Returns what turns a row to a record's value, `JSON` or `DELIMITED`.

    JSON has all columns, the key too. DELIMITED goes by place, so it has just the value columns of
    the stream that `create_stream` declares: no key, and nothing nested.
    """
    if value_format == "JSON":
        return orjson.dumps
    places = [name for name in schema.columns_of(value_format) if name != key]
    return lambda row: _delimited([row[name] for name in places])


def key_encoder(schema: RecordSchema, key: str) -> Callable[[Row], bytes]:
    """Returns what takes the key out of a row, in the KAFKA format of the column's type."""
    sql_type = schema.columns[key]
    pack = _KEY_PACKERS[sql_type]
    return lambda row: pack(row[key])


def key_columns(schema: RecordSchema) -> list[str]:
    """Lists the columns that can be a record's key."""
    return [name for name, sql_type in schema.columns.items() if sql_type in _KEY_PACKERS]


def _pack_text(value: Value) -> bytes:
    return str(value).encode()


def _packer(layout: str) -> Callable[[Value], bytes]:
    return lambda value: struct.pack(layout, value)


_KEY_PACKERS: Mapping[str, Callable[[Value], bytes]] = {
    "STRING": _pack_text,
    "INT": _packer(">i"),
    "BIGINT": _packer(">q"),
    "DOUBLE": _packer(">d"),
}


def _delimited(values: list[Value]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue().encode()
