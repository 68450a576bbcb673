"""A batch of records that decoders read, and beside which they put what they have read."""

from __future__ import annotations

import pyarrow as pa

from merganser.engine.duck import Duck, identifier


class Batch:
    """Records in Arrow, readable in DuckDB under a name. Columns can be added, rows cannot.

    What stands in Arrow already is put beside the records as it is, so that nothing is copied or
    joined to bring the two together. The name is one of the engine's own, with a `$` in front.
    """

    def __init__(self, duck: Duck, name: str, records: pa.Table) -> None:
        self.duck = duck
        self.records = records
        self._names = [name]
        duck.register(name, records)

    @property
    def source(self) -> str:
        """The relation with all columns, as SQL."""
        return identifier(self._names[-1])

    @property
    def row_count(self) -> int:
        """Records in the batch."""
        count: int = self.records.num_rows
        return count

    def add(self, columns: pa.Table) -> None:
        """Puts columns of names that are not there yet beside the records, row by row."""
        assert columns.num_rows == self.row_count, "another number of rows"
        arrays = [*self.records.columns, *columns.columns]
        names = [*self.records.column_names, *columns.column_names]
        self.records = pa.Table.from_arrays(arrays, names=names)
        # Each name keeps its columns from batch to batch, so that what was planned stays planned.
        self._names.append(f"{self._names[0]}+{len(self._names)}")
        self.duck.register(self._names[-1], self.records)

    def column(self, payload: str) -> pa.ChunkedArray:
        """What an SQL expression gives for all records, as BINARY in Arrow."""
        name = payload.strip('"')
        if identifier(name) == payload and name in self.records.column_names:
            return self.records.column(name)
        return self.duck.arrow(f"SELECT {payload} FROM {self.source}").column(0)

    def payloads(self, payload: str, clause: str = "") -> list[bytes | None]:
        """What an SQL expression gives for the records that a WHERE or LIMIT leaves, in order."""
        rows = self.duck.arrow(f"SELECT {payload} FROM {self.source} {clause}")
        found: list[bytes | None] = rows.column(0).to_pylist()
        return found
