"""Arrow columns as the numbers and bytes that binary formats write."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.formats.cursors import Booleans, Longs, Mask
from merganser.engine.formats.row_bytes import OddRowsError, RowBytes, binary

_DECIMAL_BYTES = 16
_US = 1000  # In a millisecond.


def present(column: pa.Array, on: Mask) -> Mask:
    """The rows that have a value, among those that have the field; None: all rows."""
    if not column.null_count:
        return on
    valid: Booleans = column.is_valid().to_numpy(zero_copy_only=False)
    return valid if on is None else valid & on


def longs(column: pa.Array) -> Longs:
    """Integers, days, milliseconds of times and timestamps; anything where there is NULL."""
    kind = column.type
    if pa.types.is_date32(kind):
        column = column.view(pa.int32())
    is_time = pa.types.is_time64(kind) or pa.types.is_timestamp(kind)
    if is_time:
        column = column.view(pa.int64())
    found: Longs = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return found // _US if is_time else found


def plain(column: pa.Array, default: object) -> npt.NDArray[np.generic]:
    """Numbers or booleans; anything where there is NULL."""
    found: npt.NDArray[np.generic] = column.fill_null(default).to_numpy(zero_copy_only=False)
    return found


def texts(column: pa.Array, on: Mask) -> pa.Array:
    """STRING or BYTES as BINARY, empty where there is none."""
    found = column.view(pa.binary()) if pa.types.is_string(column.type) else column
    if found.type != pa.binary():
        found = found.cast(pa.binary())
    if on is not None:
        found = pc.if_else(pa.array(on), found, pa.scalar(b"", pa.binary()))
    return found


def sizes_of(found: pa.Array) -> Longs:
    """The lengths of BINARY without NULL, in bytes."""
    offsets = np.frombuffer(found.buffers()[1], np.int32, len(found) + 1, found.offset * 4)
    return np.diff(offsets).astype(np.int64)


def decimals(column: pa.Array, on: Mask) -> pa.Array:
    """Unscaled numbers, big-endian, in the fewest bytes; empty where there is none."""
    if not pa.types.is_decimal128(column.type):
        column = column.cast(pa.decimal128(column.type.precision, column.type.scale))
    held = np.frombuffer(column.buffers()[1], np.uint8)
    first = column.offset * _DECIMAL_BYTES
    rows = held[first : first + len(column) * _DECIMAL_BYTES].reshape(-1, _DECIMAL_BYTES)
    digits = rows[:, ::-1]
    sign = np.where(digits[:, 0] >= 0x80, 0xFF, 0).astype(np.uint8)
    differs = digits != sign[:, None]
    differs[:, -1] = True
    first_kept = differs.argmax(axis=1)
    top = digits[np.arange(len(digits)), first_kept]
    first_kept -= (top >= 0x80) != (sign >= 0x80)  # One more byte for the sign.
    sizes = _DECIMAL_BYTES - first_kept
    if on is not None:
        sizes = np.where(on, sizes, 0)
    kept = np.arange(_DECIMAL_BYTES) >= (_DECIMAL_BYTES - sizes)[:, None]
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return binary(offsets, np.ascontiguousarray(digits[kept]))


def items_of(column: pa.Array, on: Mask) -> tuple[Longs, npt.NDArray[np.int32], int, int]:
    """Of lists or maps: how many items each row has, where they begin, the first and the last.

    Raises:
        OddRowsError: Rows without value have items in memory.
    """
    offsets = column.offsets.to_numpy()
    counts = np.diff(offsets).astype(np.int64)
    if on is not None:
        if counts[~on].any():
            raise OddRowsError
        counts = counts * on
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    return counts, offsets - np.int32(first), first, last


def joined(items: pa.Array, offsets: npt.NDArray[np.int32]) -> pa.Array:
    """The bytes of each row's items behind one another, without a copy."""
    places = np.frombuffer(items.buffers()[1], np.int32, len(items) + 1, items.offset * 4)
    held = items.buffers()[2]
    data = (
        np.frombuffer(held, np.uint8) if held is not None and held.size else np.zeros(0, np.uint8)
    )
    return binary(np.ascontiguousarray(places[offsets]), data)


def put_sized(rows: RowBytes, found: pa.Array, on: Mask, *, signed: bool) -> None:
    """Writes bytes behind their length."""
    sizes = sizes_of(found)
    if signed:
        rows.zigzags(sizes, on)
    else:
        rows.varints(sizes.view(np.uint64), on)
    rows.blobs(found)
