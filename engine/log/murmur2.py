"""Which partition a key goes to: Java Kafka's default partitioner, for whole columns of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEED = np.uint32(0x9747B28C)
_M = np.uint32(0x5BD1E995)


def murmur2(keys: pa.Array | pa.ChunkedArray) -> NDArray[np.uint32]:
    """The 32-bit murmur2 hash of each key's bytes, as Java Kafka computes it. A NULL hashes as ''.

    Works word by word over all keys that are long enough, never key by key.

    Source: org.apache.kafka.common.utils.Utils.murmur2.
    """
    data, starts, lengths = _layout(keys)
    hashes = _SEED ^ lengths.astype(np.uint32)
    # 1. Words of four bytes, little-endian.
    rows = np.flatnonzero(lengths >= 4)
    position = 0
    while rows.size:
        at = starts[rows] + position
        word = _word(data, at, 4)
        word *= _M
        word ^= word >> np.uint32(24)
        word *= _M
        hashes[rows] = (hashes[rows] * _M) ^ word
        position += 4
        rows = rows[lengths[rows] >= position + 4]
    # 2. The one to three bytes that are left.
    rest = lengths % 4
    for count in (1, 2, 3):
        rows = np.flatnonzero(rest == count)
        if rows.size:
            tail = _word(data, starts[rows] + lengths[rows] - count, count)
            hashes[rows] = (hashes[rows] ^ tail) * _M
    # 3. The last mixing.
    hashes ^= hashes >> np.uint32(13)
    hashes *= _M
    hashes ^= hashes >> np.uint32(15)
    return hashes


def partitions_of(
    keys: pa.Array | pa.ChunkedArray, partition_count: int, first_turn: int = 0
) -> NDArray[np.int32]:
    """The partition of each key. Records without a key take turns, from `first_turn` on."""
    if partition_count == 1:
        return np.zeros(len(keys), dtype=np.int32)
    positive = murmur2(keys) & np.uint32(0x7FFFFFFF)
    partitions = (positive % np.uint32(partition_count)).astype(np.int32)
    if keys.null_count:
        rows = np.flatnonzero(keys.is_null().to_numpy(zero_copy_only=False))
        turns = (first_turn + np.arange(rows.size, dtype=np.int64)) % partition_count
        partitions[rows] = turns.astype(np.int32)
    return partitions


def _layout(
    keys: pa.Array | pa.ChunkedArray,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The bytes of all keys, and where each starts and how long it is."""
    if isinstance(keys, pa.ChunkedArray):
        keys = keys.combine_chunks()
    keys = keys.cast(pa.binary())
    _, offsets, data = keys.buffers()
    if offsets is None or not len(keys):
        empty = np.zeros(len(keys), dtype=np.int64)
        return np.zeros(0, dtype=np.uint8), empty, empty
    bounds = np.frombuffer(offsets, dtype=np.int32)[keys.offset : keys.offset + len(keys) + 1]
    starts = bounds[:-1].astype(np.int64)
    lengths = np.diff(bounds).astype(np.int64)
    return np.frombuffer(data if data is not None else b"", dtype=np.uint8), starts, lengths


def _word(data: NDArray[np.uint8], at: NDArray[np.int64], count: int) -> NDArray[np.uint32]:
    """The little-endian number in `count` bytes at each place."""
    word = data[at].astype(np.uint32)
    for index in range(1, count):
        word |= data[at + index].astype(np.uint32) << np.uint32(8 * index)
    return word
