"""Writing the bytes of many rows at once, field by field.

Small parts that follow one another (tags, lengths, numbers) are written into one buffer by numpy;
texts stay where they are, and Arrow joins the parts of each row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.formats.cursors import Longs, Mask, Unsigned

Bytes = npt.NDArray[np.uint8]
_Put = Callable[[Bytes, Longs], None]
"""Writes a part of every row at its place."""

BYTES_MAX = 2**31 - 64  # Arrow's BINARY counts in 32 bits.
_PAD_BYTES = 8


class OddRowsError(Exception):
    """Rows that are written one by one."""


class RowBytes:
    """The bytes of a number of rows, from the left to the right."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._parts: list[pa.Array] = []
        self._run: list[tuple[Longs | int, Mask, _Put]] = []

    def constant(self, data: bytes, on: Mask = None) -> None:
        """The same bytes in every row that has the field."""
        for byte in data:
            self._run.append((1, on, _byte_put(byte, on)))

    def varints(self, numbers: Unsigned, on: Mask = None) -> None:
        """Seven bits a byte, the lowest first."""
        largest = int(numbers.max()) if len(numbers) else 0
        sizes = np.ones(self.count, np.int64)
        for bits in range(7, largest.bit_length(), 7):
            sizes += numbers >= np.uint64(1 << bits)
        self._run.append((sizes, on, _varint_put(numbers, sizes, on)))

    def zigzags(self, numbers: Longs, on: Mask = None) -> None:
        """Varints with the sign in the lowest bit."""
        self.varints(zigzag(numbers), on)

    def fixed(self, values: npt.NDArray[np.generic], on: Mask = None) -> None:
        """Numbers as they stand in memory, little-endian."""
        self._run.append((values.dtype.itemsize, on, _fixed_put(values, on)))

    def blobs(self, found: pa.Array) -> None:
        """Bytes of any length; rows without the field have none."""
        self._flush()
        self._parts.append(found)

    def finish(self) -> pa.Array:
        """All rows, as BINARY.

        Raises:
            OddRowsError: They are too large for one array.
        """
        self._flush()
        if sum(_data_bytes(part) for part in self._parts) > BYTES_MAX:
            raise OddRowsError
        if len(self._parts) == 1:
            return self._parts[0]
        if not self._parts:
            return pa.array([b""] * self.count, pa.binary())
        return pc.binary_join_element_wise(*self._parts, b"")

    def _flush(self) -> None:
        if not self._run:
            return
        sizes = np.zeros(self.count, np.int64)
        masked = [
            (size if on is None else np.multiply(size, on), put) for size, on, put in self._run
        ]
        for size, _ in masked:
            sizes += size
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if self.count else 0
        if total > BYTES_MAX:
            raise OddRowsError
        offsets = np.zeros(self.count + 1, np.int32)
        offsets[1:] = ends
        out = np.empty(total + _PAD_BYTES, np.uint8)
        at = offsets[:-1].astype(np.int64)
        for size, put in masked:
            put(out, at)
            at = at + size
        self._run = []
        self._parts.append(binary(offsets, out))


def _data_bytes(part: pa.Array) -> int:
    offsets = np.frombuffer(part.buffers()[1], np.int32, len(part) + 1, part.offset * 4)
    return int(offsets[-1]) - int(offsets[0])


def binary(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8]) -> pa.Array:
    """BINARY from where its elements begin in some bytes."""
    return pa.Array.from_buffers(
        pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )


def zigzag(numbers: Longs) -> Unsigned:
    """Signed numbers as unsigned ones, small ones small."""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _byte_put(byte: int, on: Mask) -> _Put:
    def put(out: Bytes, at: Longs) -> None:
        out[at if on is None else at[on]] = byte

    return put


def _fixed_put(values: npt.NDArray[np.generic], on: Mask) -> _Put:
    def put(out: Bytes, at: Longs) -> None:
        size = values.dtype.itemsize
        if len(out) < size or not len(at):
            return
        view = np.lib.stride_tricks.as_strided(
            out[:size].view(values.dtype), shape=(len(out) - size + 1,), strides=(1,)
        )
        if on is None:
            view[at] = values
        else:
            view[at[on]] = values[on]

    return put


def _varint_put(numbers: Unsigned, sizes: Longs, on: Mask) -> _Put:
    def put(out: Bytes, at: Longs) -> None:
        rows = None if on is None else np.flatnonzero(on)
        places, left, size = (
            (at, numbers, sizes) if rows is None else (at[rows], numbers[rows], sizes[rows])
        )
        index = 0
        while len(places):
            more = size > index + 1
            byte = (left & np.uint64(0x7F)).astype(np.uint8)
            if not more.any():
                out[places + index] = byte
                return
            out[places + index] = byte | (more.astype(np.uint8) << 7)
            if not more.all():
                places, left, size = places[more], left[more], size[more]
            left = left >> np.uint64(7)
            index += 1

    return put
