"""What was read from all rows of a batch, as Arrow columns of the SQL types.

What a type does not hold makes its row doubtful; the exact reading says what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.duck import arrow_type
from merganser.engine.formats.cursors import Cursors, Longs, Mask, blobs
from merganser.engine.formats.exact import (
    DAY_MS,
    FOREVER_DAYS,
    FOREVER_MS,
    TIMESTAMP_MS_MAX,
)
from merganser.engine.types import DecimalType, Kind

_INT_MAX = 2**31 - 1
_DECIMAL_BYTES = 16
_NEARLY = 0.999  # Of the largest number: doubles are not exact enough to say more.


class OddSchemaError(Exception):
    """A schema or type that is read record by record."""


def numbers(values: npt.NDArray[np.generic], on: Mask) -> pa.Array:
    """Numbers or booleans, NULL without the field."""
    return pa.array(values, mask=None if on is None else ~on)


def integers(cursors: Cursors, values: Longs, on: Mask) -> pa.Array:
    """INTEGER."""
    narrow = values.astype(np.int32)
    cursors.doubt(narrow != values, on)
    return numbers(narrow, on)


def times(cursors: Cursors, values: Longs, on: Mask) -> pa.Array:
    """TIME from milliseconds of the day."""
    wrong = (values < 0) | (values > DAY_MS)
    cursors.doubt(wrong, on)
    return numbers(np.where(wrong, 0, values) * 1000, on).view(pa.time64("us"))


def dates(cursors: Cursors, values: Longs, on: Mask) -> pa.Array:
    """DATE from epoch days."""
    del cursors
    days = np.maximum(values.astype(np.int32), np.int32(-FOREVER_DAYS))
    return numbers(days, on).view(pa.date32())


def timestamps(cursors: Cursors, values: Longs, on: Mask) -> pa.Array:
    """TIMESTAMP from epoch milliseconds."""
    far = (values > TIMESTAMP_MS_MAX) | (values < -TIMESTAMP_MS_MAX)
    if far.any():
        endless = (values >= FOREVER_MS) | (values <= -FOREVER_MS)
        cursors.doubt(far & ~endless, on)
        signs = np.where(values > 0, FOREVER_MS, -FOREVER_MS)
        micros = np.where(far, signs, np.where(far, 0, values) * 1000)
    else:
        micros = values * 1000
    return numbers(micros, on).view(pa.timestamp("us"))


def bigints(cursors: Cursors, values: Longs, on: Mask) -> pa.Array:
    """BIGINT."""
    del cursors
    return numbers(values, on)


FROM_LONGS: dict[Kind, Callable[[Cursors, Longs, Mask], pa.Array]] = {
    Kind.INTEGER: integers,
    Kind.BIGINT: bigints,
    Kind.TIME: times,
    Kind.DATE: dates,
    Kind.TIMESTAMP: timestamps,
}
"""How 64-bit numbers become values of a type."""


def strings(cursors: Cursors, start: Longs, end: Longs, on: Mask) -> pa.Array:
    """STRING; bytes that are not UTF-8 are doubtful."""
    found = blobs(cursors.data, start, end, on)
    try:
        return found.cast(pa.string())
    except pa.ArrowInvalid:
        pass
    texts: list[str | None] = []
    wrong = np.zeros(len(found), np.bool_)
    for index, value in enumerate(found.to_pylist()):
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            wrong[index] = True
            texts.append(None)
    cursors.doubt(wrong)
    return pa.array(texts, pa.string())


def decimals(cursors: Cursors, span: tuple[Longs, Longs], kind: DecimalType, on: Mask) -> pa.Array:
    """DECIMAL from unscaled numbers of that scale, big-endian."""
    start, end = span
    sizes = end - start
    wrong = sizes > _DECIMAL_BYTES
    places = np.maximum(end, _DECIMAL_BYTES)[:, None] + np.arange(-_DECIMAL_BYTES, 0)
    digits = cursors.data[places]
    sign = np.where((sizes > 0) & (cursors.data[start] >= 0x80), 0xFF, 0).astype(np.uint8)
    outside = np.arange(_DECIMAL_BYTES) < (_DECIMAL_BYTES - sizes)[:, None]
    digits = np.where(outside, sign[:, None], digits)
    held = np.ascontiguousarray(digits[:, ::-1]).view(np.int64)
    low, high = held[:, 0].view(np.uint64), held[:, 1]
    size = np.abs(high.astype(np.float64) * 2.0**64 + low.astype(np.float64))
    wrong |= size >= 10.0**kind.precision * _NEARLY
    cursors.doubt(wrong, on)
    held[wrong] = 0
    return fixed_width(held, arrow_type(kind), on)


def fixed_width(held: npt.NDArray[np.generic], kind: pa.DataType, on: Mask) -> pa.Array:
    """A column from its values as they stand in memory."""
    count = len(held)
    validity = None
    if on is not None:
        validity = pa.py_buffer(np.packbits(on, bitorder="little"))
    return pa.Array.from_buffers(kind, count, [validity, pa.py_buffer(np.ascontiguousarray(held))])


def structs(children: list[pa.Array], kind: pa.StructType, on: Mask, count: int) -> pa.Array:
    """STRUCT of columns in the type's order."""
    mask = None if on is None else pa.array(~on)
    assert all(len(child) == count for child in children)
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)


def lists(offsets: npt.NDArray[np.int32], values: pa.Array, on: Mask) -> pa.Array:
    """ARRAY, from where each row's items begin."""
    mask = None if on is None else pa.array(~on)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask)


def maps(
    cursors: Cursors,
    offsets: npt.NDArray[np.int32],
    entries: tuple[pa.Array, pa.Array],
    on: Mask,
    *,
    by_key: bool = False,
) -> pa.Array:
    """MAP. Rows with a key twice or without one are doubtful, and empty here.

    Args:
        cursors: Of the rows.
        offsets: Where each row's entries begin.
        entries: Keys and values.
        on: Rows that are not NULL.
        by_key: Whether entries are put in the order of their keys.
    """
    keys, values = entries
    counts = np.diff(offsets)
    rows = np.repeat(np.arange(len(cursors)), counts)
    wrong = np.zeros(len(cursors), np.bool_)
    if keys.null_count:
        wrong[rows[keys.is_null().to_numpy(zero_copy_only=False)]] = True
    if (counts > 1).any():
        ranks = _ranks(keys)
        order = np.lexsort((ranks, rows))
        twice = (np.diff(rows[order]) == 0) & (np.diff(ranks[order]) == 0)
        wrong[rows[order][1:][twice]] = True
        if by_key:
            keys, values = keys.take(pa.array(order)), values.take(pa.array(order))
    if wrong.any():
        cursors.doubt(wrong)
        kept = pa.array(~wrong[rows])
        keys, values = keys.filter(kept), values.filter(kept)
        offsets = offsets_of(np.where(wrong, 0, counts))
    mask = None if on is None else pa.array(~on)
    return pa.MapArray.from_arrays(pa.array(offsets), keys, values, mask=mask)


def _ranks(keys: pa.Array) -> Longs:
    """Numbers that have the order of the keys."""
    coded = keys.dictionary_encode()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    ranks = np.empty(len(order) + 1, np.int64)
    ranks[order] = np.arange(len(order))
    found: Longs = ranks[coded.indices.fill_null(len(order)).to_numpy()]
    return found


def offsets_of(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Where each row's items begin, and where the last one's end."""
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def gathered(pieces: list[pa.Array], places: list[Longs], empty: pa.DataType) -> pa.Array:
    """Items that were read first ones first, in the order of their rows."""
    if not pieces:
        return pa.array([], empty)
    if len(pieces) == 1:
        return pieces[0]
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_arrays(pieces).take(pa.array(order))
