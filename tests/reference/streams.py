"""Joins of streams: with a table, and with another stream within a time window.

Source: semantics.md, sections 6 and 12 (items 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.reference.rows import Columns, Expr, Row, Value
from tests.reference.tables import Table

DAY_MS = 24 * 3_600_000


@dataclass(slots=True)
class StreamTableJoin:
    """Each stream row meets the table as it is when the row arrives."""

    kind: str
    on: Expr
    table: Table = field(default_factory=Table)

    def take(self, side: int, row: Row) -> list[Row]:
        """The joined row, of a stream row."""
        if side == 1:
            self.table.put(row)
            return []
        if row.columns is None:
            return []
        key = self.on.of(row.columns)
        partner = self.table.rows.get(((key,), None)) if key is not None else None
        if partner is None and self.kind == "INNER":
            return []
        columns = {**row.columns, **(partner[0] if partner is not None else {})}
        return [Row((key,), columns, row.time_ms, row.partition)]


@dataclass(frozen=True, slots=True)
class Within:
    """How near the right row is to the left one, and how late both may be.

    Attributes:
        grace_ms: None: as the statement has none.
    """

    before_ms: int
    after_ms: int
    grace_ms: int | None

    def sql(self) -> str:
        """The clause."""
        grace = f" GRACE PERIOD {self.grace_ms} MILLISECONDS" if self.grace_ms is not None else ""
        return f"WITHIN ({self.before_ms} MILLISECONDS, {self.after_ms} MILLISECONDS){grace}"


@dataclass(slots=True)
class _Held:
    """A buffered row; `open` while it can still be given without a partner."""

    key: Value
    columns: Columns
    time_ms: int
    partition: int
    open: bool


@dataclass(slots=True)
class StreamStreamJoin:
    """Both sides are buffered; each row meets what the other side holds.

    Attributes:
        rekeyed: Rows of a key come from several partitions.
    """

    kind: str
    within: Within
    on: tuple[Expr, Expr]
    rekeyed: bool
    buffers: tuple[list[_Held], list[_Held]] = field(default_factory=lambda: ([], []))
    times: dict[int, int] = field(default_factory=dict)
    own_times: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))

    def take(self, side: int, row: Row) -> list[Row]:
        """The rows that were due before this one, then its own."""
        if row.columns is None:
            return []
        time, place = row.time_ms, row.partition
        self.times[place] = now = max(self.times.get(place, -1), time)
        own = self.own_times[side]
        own[place] = max(own.get(place, -1), time)
        found = [] if self.rekeyed else self.due({place: now})
        key = self.on[side].of(row.columns)
        partners = self._partners(side, key, time, place) if key is not None else []
        for partner in partners:
            sides = [row.columns, partner.columns]
            joined = {**sides[side], **sides[1 - side], "ROWKEY": key}
            found.append(Row((key,), joined, max(time, partner.time_ms), place))
            # A row that was due before this one came has been given, whenever that is seen.
            if now <= self._due_ms(1 - side, partner):
                partner.open = False
        late = time + self._reach(side)[1] + (DAY_MS if self._grace is None else 0) < now
        alone = not partners and self._is_outer(side)
        held = alone and self._grace is not None and not late and key is not None
        if alone and not held:
            found.append(Row((key,), {**row.columns, "ROWKEY": key}, time, place))
        if time >= own[place] - self._kept_ms and key is not None:
            self.buffers[side].append(_Held(key, row.columns, time, place, held))
        return found

    def due(self, times: dict[int, int]) -> list[Row]:
        """Rows without a partner whose time is over, by partition; as many sides at once."""
        found = [
            (held.time_ms, -side, held)
            for side in (0, 1)
            for held in self.buffers[side]
            if held.open and self._due_ms(side, held) < times.get(held.partition, -1)
        ]
        rows = []
        for _, _, held in sorted(found, key=lambda item: (item[0], item[1], str(item[2].key))):
            held.open = False
            rows.append(
                Row((held.key,), {**held.columns, "ROWKEY": held.key}, held.time_ms, held.partition)
            )
        return rows

    def due_at_last(self) -> list[Row]:
        """What the least of all partitions' times has brought out by now, of re-keyed rows."""
        if not self.rekeyed or not self.times:
            return []
        return self.due(dict.fromkeys(self.times, min(self.times.values())))

    @property
    def _grace(self) -> int | None:
        return self.within.grace_ms

    @property
    def _kept_ms(self) -> int:
        grace = self._grace if self._grace is not None else DAY_MS
        return self.within.before_ms + self.within.after_ms + grace

    def _is_outer(self, side: int) -> bool:
        return self.kind in (("LEFT", "FULL") if side == 0 else ("RIGHT", "FULL"))

    def _reach(self, side: int) -> tuple[int, int]:
        """How far before and after a row of a side its partners may be."""
        reach = (self.within.before_ms, self.within.after_ms)
        mirrored = self.kind == "RIGHT"  # The window is told of the right side then.
        return reach if (side == 0) is not mirrored else reach[::-1]

    def _due_ms(self, side: int, held: _Held) -> int:
        assert self._grace is not None or not held.open
        return held.time_ms + self._reach(side)[1] + (self._grace or 0)

    def _partners(self, side: int, key: Value, time: int, place: int) -> list[_Held]:
        if self._kept_ms == 0:
            return []
        before, after = self._reach(side)
        oldest = self.own_times[1 - side].get(place, -1) - self._kept_ms
        found = [
            held
            for held in self.buffers[1 - side]
            if held.key == key
            and time - before <= held.time_ms <= time + after
            and held.time_ms >= oldest
        ]
        return sorted(found, key=lambda held: held.time_ms)
