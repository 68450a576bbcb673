"""Finding the rows of a few keys in a large state table without reading all of it.

A join with the state reads the whole state, whatever the epoch's size: right for many keys, and for
a small state nothing is faster. A state that has grown gets an index on the key column that tells
rows apart best, and an epoch of a few keys says which values it wants.

Nothing depends on the index but the time that is taken. It is made once, when the table has grown,
between two transactions, and found again when the state is opened.
"""

from __future__ import annotations

from collections.abc import Sequence

from merganser.engine.duck import Duck, identifier, literal, physical_name

INDEX_ROWS_MIN = 200_000  # Below, reading the state takes less than planning a statement anew.
KEYS_MAX = 1_000  # DuckDB takes an index for up to 2,048 rows, or a thousandth of the table.
LOOK_EVERY_COMMITS = 64  # The table's size is looked at so often.
_SIMPLE = ("VARCHAR", "BIGINT", "INTEGER")


class KeyIndex:
    """The index of one state table, if it has one.

    Attributes:
        columns: The key columns that an index can be on, quoted, with their physical types.
    """

    def __init__(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        self._table = table
        self._columns = [(name, kind) for name, kind in columns if kind in _SIMPLE]
        self._on: str | None = None
        self._looks = 0

    def _name(self, column: str) -> str:
        return identifier(f"$index_{self._table}_{column.strip(chr(34))}")

    def prepare(self, duck: Duck, state: str) -> None:
        """Finds an index that an earlier run has made."""
        self._looks = 0
        rows = duck.rows(
            "SELECT index_name FROM duckdb_indexes() "
            f"WHERE database_name = {literal(physical_name(state))}"
        )
        found = {f'"{name}"' for (name,) in rows}
        self._on = next((name for name, _ in self._columns if self._name(name) in found), None)

    def wanted(self, duck: Duck, keys: str) -> str:
        """The condition of the rows that `keys` (what stands behind FROM) asks for, over `s`.

        It begins with AND; it is empty where the state is small or the keys are many.
        """
        if self._on is None:
            return ""
        rows = duck.rows(f"SELECT DISTINCT {self._on} FROM {keys} LIMIT {KEYS_MAX + 1}")
        values = [value for (value,) in rows]
        if len(values) > KEYS_MAX or None in values:  # NULL is in no index.
            return ""
        return f" AND s.{self._on} IN ({', '.join(map(literal, values)) or 'NULL'})"

    def maintain(self, duck: Duck, state: str) -> None:
        """Makes the index if the table has grown enough. Not inside a transaction."""
        self._looks += 1
        if self._on is not None or not self._columns or self._looks % LOOK_EVERY_COMMITS != 1:
            return
        table = f"{identifier(state)}.main.{identifier(self._table)}"
        ((count,),) = duck.rows(f"SELECT count(*) FROM {table}")
        if int(str(count)) < INDEX_ROWS_MIN:
            return
        names = [name for name, _ in self._columns]
        if len(names) > 1:
            counts = ", ".join(f"approx_count_distinct({name})" for name in names)
            (found,) = duck.rows(f"SELECT {counts} FROM {table}")
            best = max(zip(found, names, strict=True), key=lambda pair: int(str(pair[0])))[1]
        else:
            best = names[0]
        duck.execute(f"CREATE INDEX {self._name(best)} ON {table} ({best})")
        self._on = best
