"""MSGPACK: MessagePack, read by JSON's rules, which know of more spellings than it needs.

What JSON lacks: binary is BYTES (written so, too), a timestamp is milliseconds of the epoch. It has
no exact fractions: DECIMAL is written as text, which JSON's rules read as a number.
Source: the MessagePack specification; no format of ksqlDB.
"""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

import msgpack
import orjson
import pyarrow as pa

from merganser.engine.duck import identifier, physical_name
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.batch_decoder import BatchDecoder
from merganser.engine.formats.batch_encoder import BatchEncoder
from merganser.engine.formats.exact import FOREVER_MS, Value
from merganser.engine.formats.format import FORMATS, Decoded, FormatOptions
from merganser.engine.formats.json_exact import JsonRowReader
from merganser.engine.formats.json_fast import JsonFastPath
from merganser.engine.formats.schema_format import check_maps
from merganser.engine.schema import Column
from merganser.engine.types import (
    ArrayType,
    DecimalType,
    Kind,
    MapType,
    ScalarType,
    SqlType,
    StructType,
)
from merganser.errors import DecodeError, EncodeError

_NUMBERS = itertools.count()
_MALFORMED = (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException)
_US = 1000  # In a millisecond.


def json_text(payload: bytes) -> bytes:
    """A payload as JSON.

    Raises:
        DecodeError: It is not one value of MessagePack.
    """
    try:
        found = msgpack.unpackb(payload, strict_map_key=False, timestamp=0)
        return orjson.dumps(_plain(found))
    except _MALFORMED:
        raise DecodeError("the payload is not MessagePack") from None


def _plain(node: object) -> object:
    """A value as JSON has it."""
    match node:
        case dict():
            return {_key(key): _plain(value) for key, value in node.items()}
        case list():
            return [_plain(item) for item in node]
        case bytes():
            return base64.b64encode(node).decode()
        case float() if not math.isfinite(node):
            return "NaN" if math.isnan(node) else "Infinity" if node > 0 else "-Infinity"
        case msgpack.Timestamp():
            return node.to_unix_nano() // 1_000_000
        case msgpack.ExtType():
            return base64.b64encode(node.data).decode()
        case _:
            return node


def _key(key: object) -> str:
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise TypeError("a key that is neither text nor a whole number")
    return str(key)


class MsgpackDecoder:
    """Reads MessagePack as JSON, whose fast path takes over from there."""

    def __init__(self, columns: Sequence[Column], *, wrapped: bool) -> None:
        fast = JsonFastPath(columns, wrapped=wrapped) if columns else None
        self._json = BatchDecoder(columns, JsonRowReader(columns, wrapped=wrapped), fast)
        self._name = f"$msgpack{next(_NUMBERS)}"

    def decode(self, batch: Batch, payload: str) -> Decoded:
        """The columns; what is no MessagePack fails as JSON that is empty does."""
        texts = [_text(found) for found in batch.column(payload).to_pylist()]
        batch.add(pa.table({self._name: pa.array(texts, pa.binary())}))
        return self._json.decode(batch, identifier(self._name))

    def reason(self, payload: bytes) -> str:
        """What is wrong with the payload."""
        try:
            return self._json.reason(json_text(payload))
        except DecodeError as error:
            return error.message


def _text(payload: bytes | None) -> bytes | None:
    try:
        return None if payload is None else json_text(payload)
    except DecodeError:
        return b""


Write = Callable[[Value], object]
"""From a value, never None, to what MessagePack packs."""


class MsgpackRowWriter:
    """Writes rows as maps by column name, or the only column bare."""

    def __init__(self, columns: Sequence[Column], *, wrapped: bool) -> None:
        self._names = [column.name for column in columns]
        self._writes = [_nullable(column.type) for column in columns]
        self._wrapped = wrapped

    def write(self, row: Sequence[Value]) -> bytes:
        """The payload of a row.

        Raises:
            EncodeError: A value has no form in MessagePack.
        """
        values = [write(value) for write, value in zip(self._writes, row, strict=True)]
        whole = dict(zip(self._names, values, strict=True)) if self._wrapped else values[0]
        try:
            packed: bytes = msgpack.packb(whole)
        except (ValueError, OverflowError):
            raise EncodeError("MessagePack does not take the row") from None
        return packed


def _nullable(sql_type: SqlType) -> Callable[[Value], object]:
    write = _writer(sql_type)
    return lambda value: None if value is None else write(value)


def _writer(sql_type: SqlType) -> Write:
    match sql_type:
        case ScalarType(Kind.TIME | Kind.TIMESTAMP):
            return _milliseconds
        case DecimalType():
            return lambda value: format(cast("Decimal", value), "f")
        case ArrayType(element):
            item = _nullable(element)
            return lambda value: [item(one) for one in cast("list[Value]", value)]
        case MapType(_, element):
            item = _nullable(element)
            return lambda value: {k: item(v) for k, v in cast("list[tuple[str, Value]]", value)}
        case StructType(fields):
            plan = [(f.name, physical_name(f.name), _nullable(f.type)) for f in fields]
            return lambda value: {
                name: write(cast("dict[str, Value]", value)[physical])
                for name, physical, write in plan
            }
        case _:
            return lambda value: value


def _milliseconds(value: Value) -> int:
    """From microseconds; the ends of time stay what they are."""
    number = cast("int", value)
    return number if abs(number) >= FOREVER_MS else number // _US


class MsgpackFormat:
    """MessagePack."""

    name = "MSGPACK"
    key = True
    value = True
    several_keys = True
    wraps = True
    unwraps = True
    wraps_by_default = True
    infers = False

    def check(self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool) -> None:
        """Refuses maps as JSON does."""
        del options
        check_maps(self.name, columns, is_key=is_key)

    def decoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> MsgpackDecoder:
        del is_key
        return MsgpackDecoder(columns, wrapped=options.wrapped or len(columns) != 1)

    def encoder(
        self, columns: Sequence[Column], options: FormatOptions, *, is_key: bool
    ) -> BatchEncoder:
        del is_key
        wrapped = options.wrapped or len(columns) != 1
        return BatchEncoder(columns, MsgpackRowWriter(columns, wrapped=wrapped))


FORMATS.add("MSGPACK", MsgpackFormat())
