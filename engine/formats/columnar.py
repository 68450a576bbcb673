"""Decoding whole batches of binary formats with schemas: by schema, then field by field.

1. The batch is cut into slices that fit the processor's caches.
2. A slice's payloads are told apart by what stands in front of them, which names their schema.
3. Each schema's payloads are read together; a schema that is odd leaves them to the exact reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from merganser.engine.duck import arrow_type
from merganser.engine.formats.cursors import Booleans, Cursors, Longs, Payloads
from merganser.engine.schema import Column
from merganser.errors import DecodeError

SLICE_ROWS = 16_384  # Columns of so many numbers stay in the cache between two operations.
SLICE_BYTES_MAX = 2**30  # Places in a slice are counted in 32 bits.
NAMES_BYTES = 5  # Of payloads that cannot be read, those with the same ones are left out together.
FRAMES_MAX = 16  # More kinds of records in one slice than these are read one by one.

ReadColumns = Callable[[Cursors], Sequence[pa.Array]]
"""Reads the columns, in order, of rows that have one schema."""


class Frames(Protocol):
    """What stands in front of payloads, and how to read what is behind.

    Attributes:
        start: What all payloads begin with.
    """

    @property
    def start(self) -> bytes: ...

    def prefix_bytes(self, payload: bytes) -> int:
        """How many of the first bytes name the schema.

        Raises:
            DecodeError: They name none.
        """
        ...

    def reader(self, payload: bytes) -> ReadColumns | None:
        """How payloads with this one's schema are read; None: one by one.

        Raises:
            DecodeError: There is no such schema, or the columns do not fit it.
            RegistryError: The registry does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Columnar:
    """What was read: a column per SQL column, and the rows of which nothing is sure."""

    columns: list[pa.ChunkedArray]
    doubtful: Booleans


class ColumnReader:
    """Reads payloads of any mix of schemas."""

    def __init__(self, columns: Sequence[Column], frames: Frames) -> None:
        self._types = [arrow_type(column.type) for column in columns]
        self._frames = frames

    def read(self, payloads: pa.ChunkedArray) -> Columnar:
        """The columns of all payloads. NULL payloads give NULLs.

        Raises:
            RegistryError: The registry does not answer.
        """
        pieces: list[list[pa.Array]] = [[] for _ in self._types]
        doubtful: list[Booleans] = []
        for chunk in payloads.chunks:
            for start in range(0, len(chunk), SLICE_ROWS):
                columns, doubts = self._read_slice(chunk.slice(start, SLICE_ROWS))
                doubtful.append(doubts)
                for piece, column in zip(pieces, columns, strict=True):
                    piece.append(column)
        columns = [
            pa.chunked_array(piece, kind) for piece, kind in zip(pieces, self._types, strict=True)
        ]
        return Columnar(columns, np.concatenate(doubtful) if doubtful else np.zeros(0, np.bool_))

    def _read_slice(self, payloads: pa.Array) -> tuple[list[pa.Array], Booleans]:
        present = payloads.is_valid().to_numpy(zero_copy_only=False)
        if payloads.nbytes > SLICE_BYTES_MAX:
            return self._nothing(len(payloads)), present
        held = Payloads(payloads)
        doubtful = present.copy()
        found: list[tuple[Longs, Sequence[pa.Array]]] = []
        for rows, skipped_bytes, read in self._groups(held, np.flatnonzero(present)):
            cursors = held.cursors(rows, skipped_bytes)
            columns = read(cursors)
            cursors.finish()
            doubtful[rows] = cursors.doubtful
            found.append((rows, columns))
        return self._joined(found, len(payloads)), doubtful

    def _groups(self, held: Payloads, left: Longs) -> Iterator[tuple[Longs, int, ReadColumns]]:
        """Rows with equal prefixes, and how they are read. What cannot be told is left out."""
        left = left[held.begin_with(left, self._frames.start)]
        for _ in range(FRAMES_MAX):
            if not len(left):
                return
            first = held.payload(int(left[0]))
            read, size = None, len(self._frames.start)
            try:
                size = self._frames.prefix_bytes(first)
                read = self._frames.reader(first)
            except DecodeError:
                first = first[:NAMES_BYTES]
            same = held.begin_with(left, first[:size] if read is not None else first)
            if read is not None:
                yield left[same], size, read
            left = left[~same]

    def _joined(self, found: list[tuple[Longs, Sequence[pa.Array]]], count: int) -> list[pa.Array]:
        if not found:
            return self._nothing(count)
        if len(found) == 1 and len(found[0][0]) == count:
            return list(found[0][1])
        places: npt.NDArray[np.int64] = np.full(count, -1, np.int64)
        begin = 0
        for rows, _ in found:
            places[rows] = np.arange(begin, begin + len(rows))
            begin += len(rows)
        order = pa.array(places, mask=places < 0)
        return [
            pa.concat_arrays([columns[index] for _, columns in found]).take(order)
            for index in range(len(self._types))
        ]

    def _nothing(self, count: int) -> list[pa.Array]:
        return [pa.nulls(count, kind) for kind in self._types]
