"""GROUP BY: un-windowed, over time windows and sessions, over streams and tables.

Source: semantics.md, sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.reference.aggregates import Call, Held, add, undo
from tests.reference.rows import Columns, Expr, Row, Value, Window

DAY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Over:
    """A window clause.

    Attributes:
        size_ms: Size, or a session's gap.
        grace_ms: None: as the statement has none.
    """

    kind: str
    size_ms: int
    advance_ms: int
    grace_ms: int | None
    final: bool

    @property
    def lateness_ms(self) -> int:
        """The grace period that holds."""
        if self.grace_ms is not None:
            return self.grace_ms
        return 0 if self.final else max(DAY_MS - self.size_ms, 0)

    def sql(self) -> str:
        """The clause."""
        grace = f", GRACE PERIOD {self.grace_ms} MILLISECONDS" if self.grace_ms is not None else ""
        size = f"SIZE {self.size_ms} MILLISECONDS"
        match self.kind:
            case "TUMBLING":
                return f"WINDOW TUMBLING ({size}{grace})"
            case "HOPPING":
                return f"WINDOW HOPPING ({size}, ADVANCE BY {self.advance_ms} MILLISECONDS{grace})"
            case _:
                return f"WINDOW SESSION ({self.size_ms} MILLISECONDS{grace})"

    def windows_of(self, time_ms: int) -> list[Window]:
        """Every window that a time falls into, lowest start first."""
        starts = range(
            max(0, (time_ms - self.size_ms) // self.advance_ms * self.advance_ms),
            time_ms + 1,
            self.advance_ms,
        )
        return [
            Window(start, start + self.size_ms)
            for start in starts
            if start <= time_ms < start + self.size_ms
        ]


@dataclass(slots=True)
class _Group:
    """What is kept of a key and window."""

    held: list[Held]
    time_ms: int
    partition: int


@dataclass(slots=True)
class Grouping:
    """Folds rows into groups.

    Attributes:
        rekeyed: The groups are not the keys that the records came with, so that a group's rows
            come from several partitions.
    """

    by: Sequence[Expr]
    calls: Sequence[Call]
    over: Over | None
    over_table: bool
    rekeyed: bool
    groups: dict[tuple[tuple[Value, ...], Window | None], _Group] = field(default_factory=dict)
    times: dict[int, int] = field(default_factory=dict)
    arrived: int = 0
    late: int = 0

    def take(self, row: Row) -> list[Row]:
        """The changes that a row makes."""
        if self.over_table:
            return self._take_change(row)
        key = self._key(row.columns)
        if key is None or row.columns is None:
            return []
        self.arrived += 1
        now = max(self.times.get(row.partition, -1), row.time_ms)
        self.times[row.partition] = now
        if self.over is None:
            return [self._fold(key, row.window, row, row.columns)]
        if self.over.kind == "SESSION":
            return self._take_session(key, row, now)
        changes = []
        for window in self.over.windows_of(row.time_ms):
            if window.end_ms <= now - self.over.lateness_ms:
                self.late += 1
            else:
                changes.append(self._fold(key, window, row, row.columns))
        return changes

    def final_rows(self) -> list[Row]:
        """EMIT FINAL: the groups whose window has been closed by now."""
        assert self.over is not None
        found = []
        for (key, window), group in self.groups.items():
            assert window is not None
            time = min(self.times.values()) if self.rekeyed else self.times[group.partition]
            open_until = time - self.over.lateness_ms
            if self.over.kind == "SESSION":
                closed = window.end_ms < open_until - self.over.size_ms
            else:
                closed = window.end_ms <= open_until
            if closed:
                found.append(Row(key, self._result(group), group.time_ms, 0, window))
        return found

    def _key(self, columns: Columns | None) -> tuple[Value, ...] | None:
        if columns is None:
            return None
        key = tuple(expression.of(columns) for expression in self.by)
        return None if None in key else key

    def _result(self, group: _Group) -> Columns:
        return {f"A{i}": call.result(group.held[i]) for i, call in enumerate(self.calls)}

    def _group(self, key: tuple[Value, ...], window: Window | None) -> _Group:
        empty = _Group([[] for _ in self.calls], -1, 0)
        return self.groups.setdefault((key, window), empty)

    def _fold(
        self, key: tuple[Value, ...], window: Window | None, row: Row, columns: Columns
    ) -> Row:
        known = (key, window) in self.groups
        group = self._group(key, window)
        old, old_time_ms = (self._result(group), group.time_ms) if known else (None, -1)
        for held, call in zip(group.held, self.calls, strict=True):
            if call.takes(columns):
                add(held, self.arrived, call.argument.of(columns))
        group.time_ms = max(group.time_ms, row.time_ms)
        group.partition = row.partition
        return Row(key, self._result(group), group.time_ms, row.partition, window, old, old_time_ms)

    def _take_session(self, key: tuple[Value, ...], row: Row, now: int) -> list[Row]:
        assert self.over is not None
        gap, time = self.over.size_ms, row.time_ms
        kept_since = now - gap - self.over.lateness_ms
        mine = sorted(
            window
            for other, window in self.groups
            if other == key
            and window is not None
            and window.end_ms >= max(time - gap, kept_since)
            and window.start_ms <= time + gap
        )
        merged = Window(
            min([time, *(window.start_ms for window in mine)]),
            max([time, *(window.end_ms for window in mine)]),
        )
        if merged.end_ms < kept_since:
            self.late += 1
            return []
        changes = []
        group = _Group([[] for _ in self.calls], -1, row.partition)
        for window in mine:
            old = self.groups.pop((key, window))
            for held, more in zip(group.held, old.held, strict=True):
                held.extend(more)
            group.time_ms = max(group.time_ms, old.time_ms)
            if merged != Window(time, time):
                given = self._result(old)
                changes.append(
                    Row(key, None, window.end_ms, row.partition, window, given, old.time_ms)
                )
        stays = bool(mine) and not changes
        self.groups[key, merged] = group
        assert row.columns is not None
        new = self._fold(key, merged, row, row.columns)
        return [*changes, new if stays else replace(new, old=None, old_time_ms=-1)]

    def _take_change(self, row: Row) -> list[Row]:
        """Takes the table's old row out, then puts its new one in."""
        gone, come = self._key(row.old), self._key(row.columns)
        self.arrived += 1
        told: dict[tuple[Value, ...], tuple[Columns | None, int]] = {}
        for key, columns in ((gone, row.old), (come, row.columns)):
            if key is None or columns is None:
                continue
            known = (key, row.window) in self.groups
            group = self._group(key, row.window)
            told.setdefault(key, (self._result(group) if known else None, group.time_ms))
            for held, call in zip(group.held, self.calls, strict=True):
                if not call.takes(columns):
                    continue
                if columns is row.old:
                    undo(held, call.argument.of(columns))
                else:
                    add(held, self.arrived, call.argument.of(columns))
            group.time_ms = max(group.time_ms, row.time_ms)
        return [
            Row(
                key,
                self._result(self._group(key, row.window)),
                self._group(key, row.window).time_ms,
                row.partition,
                row.window,
                old,
                old_time_ms,
            )
            for key, (old, old_time_ms) in told.items()
        ]
