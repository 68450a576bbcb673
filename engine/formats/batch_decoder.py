# ruff: noqa: S608 - names and expressions come from `identifier()` and from the engine.
"""A decoder of whole batches over a reader of single payloads."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from merganser.engine.duck import Duck, identifier
from merganser.engine.formats.exact import RowReader, read_rows
from merganser.engine.formats.format import Decoded
from merganser.engine.schema import Column
from merganser.errors import DecodeError

_NUMBERS = itertools.count()


class BatchDecoder:
    """Decodes batches. Its temporary relations are its own and live as long as a batch."""

    def __init__(self, columns: Sequence[Column], reader: RowReader) -> None:
        self._columns = columns
        self._reader = reader
        number = next(_NUMBERS)
        self._rows, self._joined = f"$rows{number}", f"$decoded{number}"

    def decode(self, duck: Duck, source: str, payload: str) -> Decoded:
        """A view of the rows of `source` with their decoded columns."""
        null = f"{payload} IS NULL"
        if not self._columns:
            return Decoded(source, {}, failed=None, null=null)
        payloads = duck.arrow(f"SELECT {payload} FROM {source}").column(0).to_pylist()
        batch = read_rows(duck, self._reader, self._columns, payloads)
        names = {c.name: f"{self._rows}.{i}" for i, c in enumerate(self._columns)}
        table = batch.table.rename_columns([f"{self._rows}.ok", *names.values()])
        duck.register(self._rows, table)
        duck.execute(
            f"CREATE OR REPLACE TEMP VIEW {identifier(self._joined)} AS "
            f"SELECT * FROM {source} POSITIONAL JOIN {identifier(self._rows)}"
        )
        columns = {name: identifier(physical) for name, physical in names.items()}
        ok = identifier(f"{self._rows}.ok")
        failed = f"NOT {ok}" if batch.failed_count else None
        return Decoded(identifier(self._joined), columns, failed, null)

    def reason(self, payload: bytes) -> str:
        """What the reader says of the payload."""
        try:
            self._reader.read(payload)
        except DecodeError as error:
            return error.message
        return "the payload decodes"
