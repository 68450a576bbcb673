"""A decoder of whole batches: by SQL where that is sure, else record by record.

1. Small batches are read record by record, which takes less time than one more SQL statement.
2. Else the fast path's statement, or the columnar reader, reads all rows and marks suspects.
3. Suspects, if any, are read record by record. If there are many, another statement with dearer
   proofs clears some of them before.
4. The results stand beside the records, as columns of the batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats.batch import Batch
from merganser.engine.formats.columnar import ColumnReader
from merganser.engine.formats.exact import RowBatch, RowReader, arrow_schema, is_wide, read_rows
from merganser.engine.formats.format import Decoded
from merganser.engine.schema import Column
from merganser.errors import DecodeError

SMALL_ROWS = 256  # Read exactly: some 1 ms, as much as the statements of the fast path take.
SMALL_COLUMNAR_ROWS = 64  # Likewise for numpy's calls, which take some 0.3 ms however few the rows.
HEAD_ROWS = SMALL_ROWS + 1  # The sample to learn from.
REVIEW_ROWS = 512  # More doubts than these are reviewed in SQL before they are read exactly.

CAREFUL_BATCHES = 100

_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of a batch that the fast path read.

    Attributes:
        doubt_count: Rows that its quick statement was not sure of.
        broken_count: Rows that slowed SQL down, as they are not even text of the format.
    """

    row_count: int
    doubt_count: int
    broken_count: int


class Carefulness:
    """Whether to expect broken rows: for some batches after one that had any.

    TRY costs nothing until it catches; then it takes ten times as long for all rows around. A
    careful statement looks before it leaps.
    """

    def __init__(self) -> None:
        self._batches = 0

    def __bool__(self) -> bool:
        return self._batches > 0

    def learn(self, tally: Tally) -> None:
        """Takes note of a batch."""
        if tally.broken_count:
            self._batches = CAREFUL_BATCHES
        elif self._batches:
            self._batches -= 1

    def text(self, source: str, payload: str) -> str:
        """A SELECT of payload `p` and its text `t`, NULL if it is not UTF-8."""
        rows = f"SELECT {payload} AS p FROM {source}"
        return careful_text(rows) if self else f"SELECT p, TRY(decode(p)) AS t FROM ({rows})"


def careful_text(rows: str) -> str:
    """Payload `p` and text `t` of rows of which some are not UTF-8."""
    replaced = f"SELECT p, decode(p, 'replace') AS u FROM ({rows})"  # An invalid byte becomes `?`.
    valid = "CASE WHEN contains(u, '?') AND encode(u) <> p THEN NULL ELSE u END"
    return f"SELECT p, {valid} AS t FROM ({replaced})"


class FastPath(Protocol):
    """Reads batches of ordinary data in SQL.

    Its statements give `c0`, `c1`, … per column and BOOLEANs `suspect` and `broken`, for the same
    rows in the same order. What they give for rows that are no suspects is what the exact reader
    gives, and these do not fail. NULL payloads give NULLs.
    """

    def prepare(self, head: Callable[[], Sequence[bytes | None]]) -> None:
        """Looks at the first payloads of the batch to come, if it has to."""
        ...

    def select(self, source: str, payload: str) -> str | None:
        """The quick statement over `source`; None: no SQL for this data."""
        ...

    def review(self, source: str, payload: str) -> str | None:
        """A slower and surer statement for many rows in doubt; None if there is no surer one."""
        ...

    def learn(self, tally: Tally, suspects: Sequence[bytes | None]) -> None:
        """Takes note of how a batch went, and of what had to be read exactly."""
        ...


class BatchDecoder:
    """Decodes batches. The columns that it adds have names of their own.

    Args:
        columns: The columns of the key or value.
        reader: The exact reading.
        fast: The fast one in SQL, if the format has one.
        columnar: The fast one in Arrow, if the format has one.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        reader: RowReader,
        fast: FastPath | None = None,
        *,
        columnar: ColumnReader | None = None,
    ) -> None:
        self._columns = columns
        self._reader = reader
        # Neither SQL nor Arrow has numbers for wide decimals.
        wide = any(is_wide(column.type) for column in columns)
        self._fast = None if wide else fast
        self._columnar = None if wide else columnar
        self._schema: pa.Schema | None = None
        number = next(_NUMBERS)
        self._prefix, self._doubts = f"$rows{number}", f"$doubts{number}"

    def decode(self, batch: Batch, payload: str) -> Decoded:
        """Puts the decoded columns beside the records."""
        null = f"{payload} IS NULL"
        if not self._columns:
            return Decoded({}, failed=None, null=null)
        if self._columnar is not None and batch.row_count > SMALL_COLUMNAR_ROWS:
            return self._decode_columns(self._columnar, batch, payload)
        fast: str | None = None
        if self._fast is not None and batch.row_count > SMALL_ROWS:
            self._fast.prepare(lambda: batch.payloads(payload, f"LIMIT {HEAD_ROWS}"))
            fast = self._fast.select(batch.source, payload)
        if self._fast is None or fast is None:
            return self._decode_exactly(batch, payload)
        found = batch.duck.arrow(fast)
        batch.add(found.rename_columns([f"{self._prefix}.{name}" for name in found.column_names]))
        tally = Tally(found.num_rows, _count(found, "suspect"), _count(found, "broken"))
        places, payloads = self._suspects(batch, payload, found, tally.doubt_count)
        self._fast.learn(tally, payloads)
        if payloads:
            return self._decode_suspects(batch, payload, places, payloads)
        return Decoded(self._names("c"), failed=None, null=null)

    def _decode_columns(self, reader: ColumnReader, batch: Batch, payload: str) -> Decoded:
        """By Arrow, and exactly what is left."""
        found = reader.read(batch.column(payload))
        names = [f"{self._prefix}.c{index}" for index in range(len(self._columns))]
        batch.add(pa.Table.from_arrays(found.columns, names=names))
        places = np.flatnonzero(found.doubtful)
        if len(places):
            payloads = batch.column(payload).take(pa.array(places)).to_pylist()
            return self._decode_suspects(batch, payload, places, payloads)
        return Decoded(self._names("c"), failed=None, null=f"{payload} IS NULL")

    def _name(self, column: str) -> str:
        return identifier(f"{self._prefix}.{column}")

    def _names(self, letter: str) -> dict[str, str]:
        return {
            column.name: self._name(f"{letter}{index}")
            for index, column in enumerate(self._columns)
        }

    def _read(self, duck: Duck, payloads: Sequence[bytes | None]) -> RowBatch:
        if self._schema is None:
            self._schema = arrow_schema(duck, self._columns)
        return read_rows(self._reader, self._columns, self._schema, payloads)

    def _exact(self, rows: RowBatch) -> pa.Table:
        """Exact results by the names that they have in a batch."""
        names = ["ok", *(f"e{index}" for index in range(len(self._columns)))]
        return rows.table.rename_columns([f"{self._prefix}.{name}" for name in names])

    def _decode_exactly(self, batch: Batch, payload: str) -> Decoded:
        rows = self._read(batch.duck, batch.payloads(payload))
        batch.add(self._exact(rows))
        failed = f"NOT {self._name('ok')}" if rows.failed_count else None
        return Decoded(self._names("e"), failed, f"{payload} IS NULL")

    def _suspects(
        self, batch: Batch, payload: str, found: pa.Table, doubt_count: int
    ) -> tuple[np.ndarray, list[bytes | None]]:
        """The rows that SQL is not sure of: their places and payloads."""
        if not doubt_count:
            return np.array([], dtype=np.int64), []
        places = np.flatnonzero(found.column("suspect").to_numpy())
        payloads = batch.payloads(payload, f"WHERE {self._name('suspect')}")
        review = None
        if doubt_count > REVIEW_ROWS and self._fast is not None:
            review = self._fast.review(identifier(self._doubts), "p")
        if review is not None:
            duck = batch.duck
            duck.register(self._doubts, pa.table({"p": pa.array(payloads, pa.binary())}))
            left = np.flatnonzero(duck.arrow(review).column("suspect").to_numpy())
            duck.unregister(self._doubts)
            places, payloads = places[left], [payloads[index] for index in left]
        return places, payloads

    def _decode_suspects(
        self, batch: Batch, payload: str, places: np.ndarray, payloads: list[bytes | None]
    ) -> Decoded:
        rows = self._read(batch.duck, payloads)
        spread = np.full(batch.row_count, -1, dtype=np.int64)
        spread[places] = np.arange(len(places))
        batch.add(self._exact(rows).take(pa.array(spread, mask=spread < 0)))
        ok = self._name("ok")
        fast, slow = self._names("c"), self._names("e")
        columns = {
            name: f"CASE WHEN {ok} IS NULL THEN {fast[name]} ELSE {slow[name]} END" for name in fast
        }
        failed = f"NOT coalesce({ok}, TRUE)" if rows.failed_count else None
        return Decoded(columns, failed, f"{payload} IS NULL")

    def reason(self, payload: bytes) -> str:
        """What the reader says of the payload."""
        try:
            self._reader.read(payload)
        except DecodeError as error:
            return error.message
        return "the payload decodes"


def _count(table: pa.Table, column: str) -> int:
    """How many rows have TRUE in a column."""
    return pc.sum(table.column(column)).as_py() or 0
