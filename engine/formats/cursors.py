"""Reading many payloads at once: one place per payload, moved through all of them together.

Binary formats say by their schema what comes next, so that a field can be read from all records of
a batch in some numpy operations. Whatever is out of the ordinary makes a row doubtful: nothing is
claimed of it then, and it is read exactly. A place never leaves the buffer, whatever bytes say.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_] | None
"""The rows that have the field; None: all of them."""

Longs = npt.NDArray[np.int64]
Unsigned = npt.NDArray[np.uint64]
Booleans = npt.NDArray[np.bool_]

G = TypeVar("G", bound=np.generic)

PAD_BYTES = 32  # On both sides of the payloads, so that words around a place can be read.

_HIGH = np.uint64(0x8080808080808080)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_ONE = np.uint64(1)
_STEPS = [
    (np.uint64(0x007F007F007F007F), np.uint64(0x7F007F007F007F00), np.uint64(1)),
    (np.uint64(0x00003FFF00003FFF), np.uint64(0x3FFF00003FFF0000), np.uint64(2)),
    (np.uint64(0x000000000FFFFFFF), np.uint64(0x0FFFFFFF00000000), np.uint64(4)),
]
"""How the seven bits of eight bytes move together, two neighbours at a time."""


class Payloads:
    """The bytes of a batch's payloads, one behind the other, and where each begins and ends."""

    def __init__(self, payloads: pa.Array) -> None:
        count = len(payloads)
        offsets = np.frombuffer(payloads.buffers()[1], np.int32, count + 1, payloads.offset * 4)
        first, last = int(offsets[0]), int(offsets[-1])
        held = payloads.buffers()[2]
        size = last - first
        self.data = np.zeros(size + 2 * PAD_BYTES, np.uint8)
        if size:
            self.data[PAD_BYTES:-PAD_BYTES] = np.frombuffer(held, np.uint8, size, first)
        places = offsets.astype(np.int64) + (PAD_BYTES - first)
        self.starts, self.ends = places[:-1], places[1:]

    def payload(self, row: int) -> bytes:
        """One payload."""
        return self.data[self.starts[row] : self.ends[row]].tobytes()

    def begin_with(self, rows: Longs, prefix: bytes) -> Booleans:
        """Which of some rows' payloads begin with these bytes."""
        start, end = self.starts[rows], self.ends[rows]
        same: Booleans = end - start >= len(prefix)
        for index, byte in enumerate(prefix):
            same &= self.data[np.minimum(start + index, len(self.data) - 1)] == byte
        return same

    def cursors(self, rows: Longs, skipped_bytes: int) -> Cursors:
        """Cursors behind the first bytes of some rows' payloads, in ascending order."""
        return Cursors(self.data, self.starts[rows] + skipped_bytes, self.ends[rows])


class Cursors:
    """One place per row. Reading gives a number per row and moves the places on.

    Attributes:
        at: Where each row is read next.
        end: Where its bytes end.
        doubtful: Rows of which nothing is sure.
    """

    def __init__(self, data: npt.NDArray[np.uint8], at: Longs, end: Longs) -> None:
        self.data = data
        self.at = at
        self.end = end
        self.doubtful: Booleans = np.zeros(len(at), np.bool_)
        self._chosen: dict[str, Booleans] = {}
        self._limit = len(data) - PAD_BYTES + 1  # One behind the last payload: past every end.
        self._words: Unsigned = _view(data, np.uint64)

    def __len__(self) -> int:
        return len(self.at)

    def some(self, rows: Longs) -> Cursors:
        """Cursors of some rows, to be given back to `join`."""
        return Cursors(self.data, self.at[rows], self.end[rows])

    def join(self, rows: Longs, part: Cursors) -> None:
        """Takes over where cursors of some rows have come."""
        self.at[rows] = part.at
        self.doubtful[rows] |= part.doubtful

    def doubt(self, rows: Booleans, on: Mask = None) -> None:
        """Rows that are not to be believed, among those that have the field."""
        self.doubtful |= rows if on is None else rows & on

    def choose(self, choice: str, rows: Booleans) -> None:
        """Doubts rows that have made a choice before."""
        before = self._chosen.get(choice)
        if before is not None:
            self.doubtful |= before & rows
            rows = before | rows
        self._chosen[choice] = rows

    def finish(self) -> None:
        """Doubts rows that went past their end."""
        self.doubtful |= self.at > self.end

    def _move(self, sizes: Longs | int, on: Mask) -> None:
        if on is None:
            self.at = np.minimum(self.at + sizes, self._limit)
        else:
            self.at = np.minimum(self.at + np.multiply(sizes, on), self._limit)

    def bytes(self, on: Mask = None) -> npt.NDArray[np.uint8]:
        """One byte."""
        found = self.data[self.at]
        self._move(1, on)
        return found

    def peek(self) -> npt.NDArray[np.uint8]:
        """The next byte; nothing moves."""
        return self.data[self.at]

    def fixed(self, dtype: type[G], on: Mask = None) -> npt.NDArray[G]:
        """A number of fixed length, little-endian."""
        found = _view(self.data, dtype)[self.at]
        self._move(np.dtype(dtype).itemsize, on)
        return found

    def skip(self, size: int, on: Mask = None) -> None:
        """Passes over bytes."""
        self._move(size, on)

    def varints(self, on: Mask = None) -> Unsigned:
        """A number of seven bits a byte, the lowest first."""
        first = self.data[self.at]
        many = first >= 0x80
        if not (many.any() if on is None else (many & on).any()):
            self._move(1, on)
            return first.astype(np.uint64)
        word = self._words[self.at]
        stops = ~word & _HIGH
        below = (stops & (~stops + _ONE)) - _ONE  # The bits below the last byte's highest.
        number = word & below & _LOW  # The highest bit itself is 0.
        for low, high, shift in _STEPS:
            number = (number & low) | ((number & high) >> shift)
        sizes = (np.bitwise_count(below) >> 3).astype(np.int64) + 1
        long = stops == 0
        if long.any():
            self._finish_long(np.flatnonzero(long), number, sizes, on)
        self._move(sizes, on)
        return number

    def _finish_long(self, rows: Longs, number: Unsigned, sizes: Longs, on: Mask) -> None:
        """The ninth and the tenth byte."""
        ninth, tenth = self.data[self.at[rows] + 8], self.data[self.at[rows] + 9]
        more = ninth >= 0x80
        number[rows] |= (ninth & 0x7F).astype(np.uint64) << np.uint64(56)
        number[rows] |= np.where(more, tenth & 1, 0).astype(np.uint64) << np.uint64(63)
        sizes[rows] = 9 + more
        beyond = np.zeros(len(self), np.bool_)
        beyond[rows] = more & (tenth > 1)
        self.doubt(beyond, on)

    def zigzags(self, on: Mask = None) -> Longs:
        """A varint whose lowest bit is the sign."""
        number = self.varints(on)
        return ((number >> _ONE) ^ (~(number & _ONE) + _ONE)).view(np.int64)

    def spans(self, sizes: Longs, on: Mask = None) -> tuple[Longs, Longs]:
        """Passes over a number of bytes per row: where they begin and end.

        Begin and end are equal in rows without the field and in those that are doubtful.
        """
        wrong = (sizes < 0) | (sizes > self.end - self.at)
        if on is not None:
            wrong &= on
        if wrong.any():
            self.doubtful |= wrong
            sizes = np.where(wrong, 0, sizes)
        if on is not None:
            sizes = sizes * on
        start = self.at
        self.at = start + sizes
        return start, self.at

    def inside(self, start: Longs, end: Longs) -> Cursors:
        """Cursors over a part of each row. What they doubt is to be told to `doubt`."""
        return Cursors(self.data, start, end)


def _view(data: npt.NDArray[np.uint8], dtype: type[G]) -> npt.NDArray[G]:
    """What a number at each place of the buffer would be; places overlap."""
    size = np.dtype(dtype).itemsize
    return np.lib.stride_tricks.as_strided(
        data[:size].view(dtype), shape=(len(data) - size + 1,), strides=(1,), writeable=False
    )


def blobs(data: npt.NDArray[np.uint8], start: Longs, end: Longs, on: Mask = None) -> pa.Array:
    """The bytes from place to place of each row, as BINARY; NULL without the field.

    Offsets that also name the gaps make an array without a copy; every other element is wanted.
    """
    count = len(start)
    offsets = np.empty(2 * count + 1, np.int32)
    offsets[0:-1:2] = start
    offsets[1::2] = end
    offsets[-1] = offsets[:-1].max() if count else 0
    between = pa.Array.from_buffers(
        pa.binary(), 2 * count, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    mask = None if on is None else ~on
    return between.take(pa.array(np.arange(0, 2 * count, 2), mask=mask))
