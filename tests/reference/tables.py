"""Tables record by record: sources, filters, and joins of two tables.

Source: semantics.md, sections 2, 6 and 12 (items 4 and 24).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.reference.rows import Columns, Expr, Row, Value, Window

Key = tuple[tuple[Value, ...], Window | None]


@dataclass(slots=True)
class Table:
    """The latest row of each key: gives every change its old row."""

    rows: dict[Key, tuple[Columns, int]] = field(default_factory=dict)

    def put(self, row: Row) -> Row:
        """The change that a row is."""
        place = (row.key, row.window)
        old, old_time_ms = self.rows.pop(place, (None, -1))
        if row.columns is not None:
            self.rows[place] = (row.columns, row.time_ms)
        return Row(row.key, row.columns, row.time_ms, row.partition, row.window, old, old_time_ms)


def filtered(row: Row, holds: Callable[[Columns], bool]) -> list[Row]:
    """A change behind WHERE or HAVING: who leaves is deleted, who never was in is nothing."""
    old = row.old if row.old is not None and holds(row.old) else None
    new = row.columns if row.columns is not None and holds(row.columns) else None
    if old is None and new is None:
        return []
    old_time_ms = row.old_time_ms if old is not None else -1
    return [Row(row.key, new, row.time_ms, row.partition, row.window, old, old_time_ms)]


@dataclass(slots=True)
class TableTableJoin:
    """A join on the primary keys: both rows as they are now."""

    kind: str
    sides: tuple[Table, Table] = field(default_factory=lambda: (Table(), Table()))

    def take(self, side: int, row: Row) -> list[Row]:
        """The change of the result that a change of one side makes."""
        place = (row.key, row.window)
        old, old_time = self._joined(place, -1)
        self.sides[side].put(row)
        new, time = self._joined(place, row.time_ms)
        if old is None and new is None:
            return []
        return [Row(row.key, new, time, row.partition, row.window, old, old_time)]

    def _joined(self, place: Key, time_ms: int) -> tuple[Columns | None, int]:
        left, right = (table.rows.get(place) for table in self.sides)
        present = {
            "INNER": left is not None and right is not None,
            "LEFT": left is not None,
            "RIGHT": right is not None,
            "FULL": left is not None or right is not None,
        }[self.kind]
        columns: dict[str, Value] = {"ROWKEY": place[0][0]}
        for found in (left, right):
            if found is not None:
                columns |= found[0]
                time_ms = max(time_ms, found[1])
        return (columns if present else None), time_ms


@dataclass(slots=True)
class ForeignKeyJoin:
    """Each left row with the right row that its foreign key names."""

    kind: str
    foreign: Expr
    left: Table = field(default_factory=Table)
    right: Table = field(default_factory=Table)
    given: Table = field(default_factory=Table)

    def take(self, side: int, row: Row) -> list[Row]:
        """The changes of the result."""
        if side == 0:
            change = self.left.put(row)
            keys = (change.columns, change.old)
            # The row that takes a result back has looked its old partner up, for the time.
            met = [
                self.right.rows[place][1]
                for columns in keys
                if columns is not None
                and (place := ((self.foreign.of(columns),), None)) in self.right.rows
            ]
            time_ms = max(row.time_ms, *met[:1], row.time_ms)
            return self._tell(row.key, time_ms, row.partition)
        self.right.put(row)
        named = sorted(
            key
            for (key, _), (columns, _) in self.left.rows.items()
            if self.foreign.of(columns) == row.key[0]
        )
        return [found for key in named for found in self._tell(key, row.time_ms, row.partition)]

    def _tell(self, key: tuple[Value, ...], time_ms: int, partition: int) -> list[Row]:
        mine = self.left.rows.get((key, None))
        columns: dict[str, Value] | None = None
        if mine is not None:
            partner = self.right.rows.get(((self.foreign.of(mine[0]),), None))
            if partner is not None or self.kind == "LEFT":
                columns = {**mine[0], **(partner[0] if partner is not None else {})}
        change = self.given.put(Row(key, columns, time_ms, partition))
        return [change] if change.columns is not None or change.old is not None else []
