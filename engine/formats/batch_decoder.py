"""A decoder of whole batches: by SQL where that is sure, else record by record.

1. Small batches are read record by record, which takes less time than one more SQL statement.
2. Else the fast path's statement reads all rows into a temporary table and marks suspects.
3. Suspects, if any, are read record by record. If there are many, another statement with dearer
   proofs clears some of them before.
4. The rows of the source stand beside the results, by position.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats.exact import RowBatch, RowReader, arrow_schema, is_wide, read_rows
from merganser.engine.formats.format import Decoded
from merganser.engine.schema import Column
from merganser.errors import DecodeError

SMALL_ROWS = 256  # Read exactly: some 1 ms, as much as the statements of the fast path take.
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

    def prepare(self, head: Sequence[bytes | None]) -> None:
        """Looks at the first payloads of the batch to come."""
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
    """Decodes batches. Its temporary relations are its own and live as long as a batch.

    Args:
        columns: The columns of the key or value.
        reader: The exact reading.
        fast: The fast one, if the format has one.
    """

    def __init__(
        self, columns: Sequence[Column], reader: RowReader, fast: FastPath | None = None
    ) -> None:
        self._columns = columns
        self._reader = reader
        # SQL has no numbers for wide decimals.
        self._fast = None if any(is_wide(column.type) for column in columns) else fast
        self._schema: pa.Schema | None = None
        number = next(_NUMBERS)
        self._table, self._exact = f"$rows{number}", f"$exact{number}"
        self._doubts = f"$doubts{number}"

    def decode(self, duck: Duck, source: str, payload: str) -> Decoded:
        """The rows of `source` with their decoded columns beside them."""
        null = f"{payload} IS NULL"
        if not self._columns:
            return Decoded(source, {}, failed=None, null=null)
        head = self._payloads(duck, f"SELECT {payload} FROM {source} LIMIT {HEAD_ROWS}")
        fast: str | None = None
        if self._fast is not None and len(head) > SMALL_ROWS:
            self._fast.prepare(head)
            fast = self._fast.select(source, payload)
        if self._fast is None or fast is None:
            return self._decode_exactly(duck, source, payload, head)
        duck.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(self._table)} AS {fast}")
        tally = self._tally(duck)
        places, payloads = self._suspects(duck, source, payload, tally.doubt_count)
        self._fast.learn(tally, payloads)
        if payloads:
            return self._decode_suspects(duck, source, payload, tally.row_count, places, payloads)
        rows = f"(SELECT * FROM {source} POSITIONAL JOIN ({self._prefixed('c')}))"
        return Decoded(rows, self._names("c"), failed=None, null=null)

    def _payloads(self, duck: Duck, query: str) -> list[bytes | None]:
        found: list[bytes | None] = duck.arrow(query).column(0).to_pylist()
        return found

    def _tally(self, duck: Duck) -> Tally:
        counts = duck.rows(
            "SELECT count(*), count(*) FILTER (suspect), count(*) FILTER (broken) "
            f"FROM {identifier(self._table)}"
        )[0]
        rows, suspects, broken = (int(str(count)) for count in counts)
        return Tally(rows, suspects, broken)

    def _names(self, letter: str) -> dict[str, str]:
        return {
            column.name: identifier(f"{self._table}.{letter}{index}")
            for index, column in enumerate(self._columns)
        }

    def _prefixed(self, letter: str) -> str:
        names = [f"c{i} AS {name}" for i, name in enumerate(self._names(letter).values())]
        return f"SELECT {', '.join(names)} FROM {identifier(self._table)}"

    def _read(self, duck: Duck, payloads: Sequence[bytes | None]) -> RowBatch:
        if self._schema is None:
            self._schema = arrow_schema(duck, self._columns)
        return read_rows(self._reader, self._columns, self._schema, payloads)

    def _register(self, duck: Duck, batch: RowBatch, rows: np.ndarray | None) -> None:
        """Makes exact results readable, spread over all rows if `rows` gives the place of each."""
        names = [f"{self._table}.ok", *(f"{self._table}.e{i}" for i in range(len(self._columns)))]
        table = batch.table.rename_columns(names)
        if rows is not None:
            table = table.take(pa.array(rows, mask=rows < 0))
        duck.register(self._exact, table)

    def _decode_exactly(
        self, duck: Duck, source: str, payload: str, head: list[bytes | None]
    ) -> Decoded:
        payloads = head
        if len(head) == HEAD_ROWS:  # There may be more.
            payloads = self._payloads(duck, f"SELECT {payload} FROM {source}")
        batch = self._read(duck, payloads)
        self._register(duck, batch, rows=None)
        rows = f"(SELECT * FROM {source} POSITIONAL JOIN {identifier(self._exact)})"
        ok = identifier(f"{self._table}.ok")
        failed = f"NOT {ok}" if batch.failed_count else None
        return Decoded(rows, self._names("e"), failed, f"{payload} IS NULL")

    def _suspects(
        self, duck: Duck, source: str, payload: str, doubt_count: int
    ) -> tuple[np.ndarray, list[bytes | None]]:
        """The rows that SQL is not sure of: their places and payloads."""
        if not doubt_count:
            return np.array([], dtype=np.int64), []
        table, doubts = identifier(self._table), identifier(self._doubts)
        query = (
            f"SELECT place, p FROM (SELECT row_number() OVER () - 1 AS place, {payload} AS p, "
            f"suspect FROM {source} POSITIONAL JOIN (SELECT suspect FROM {table})) WHERE suspect"
        )
        if doubt_count > REVIEW_ROWS and self._fast is not None:
            review = self._fast.review(doubts, "p")
            if review is not None:
                duck.execute(f"CREATE OR REPLACE TEMP TABLE {doubts} AS {query}")
                query = (
                    f"SELECT place, p FROM {doubts} POSITIONAL JOIN "
                    f"(SELECT suspect FROM ({review})) WHERE suspect"
                )
        found = duck.arrow(query)
        return found.column(0).to_numpy(), found.column(1).to_pylist()

    def _decode_suspects(
        self,
        duck: Duck,
        source: str,
        payload: str,
        row_count: int,
        places: np.ndarray,
        payloads: list[bytes | None],
    ) -> Decoded:
        batch = self._read(duck, payloads)
        spread = np.full(row_count, -1, dtype=np.int64)
        spread[places] = np.arange(len(places))
        self._register(duck, batch, spread)
        rows = (
            f"(SELECT * FROM {source} POSITIONAL JOIN ({self._prefixed('c')}) "
            f"POSITIONAL JOIN {identifier(self._exact)})"
        )
        ok = identifier(f"{self._table}.ok")
        fast, slow = self._names("c"), self._names("e")
        columns = {
            name: f"CASE WHEN {ok} IS NULL THEN {fast[name]} ELSE {slow[name]} END" for name in fast
        }
        failed = f"NOT coalesce({ok}, TRUE)" if batch.failed_count else None
        return Decoded(rows, columns, failed, f"{payload} IS NULL")

    def reason(self, payload: bytes) -> str:
        """What the reader says of the payload."""
        try:
            self._reader.read(payload)
        except DecodeError as error:
            return error.message
        return "the payload decodes"
