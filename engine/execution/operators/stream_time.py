"""Lateness: which rows belong to windows that their own partition has closed.

Stream time is kept per partition and operator: the largest event time of the rows that have come to
the operator. A row first moves it, then is judged by it.
Source: parity/semantics.md, sections 1 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine.execution.topology import Epoch
from merganser.errors import InternalError


@dataclass(frozen=True, slots=True)
class Bounds:
    """Event times of an epoch's rows in one partition."""

    least_ms: int
    largest_ms: int


def bounds_by_partition(epoch: Epoch, source: str) -> dict[int, Bounds]:
    """The least and the largest event time of each partition's rows."""
    found = epoch.duck.rows(
        'SELECT coalesce("$partition", 0), min("$rowtime"), max("$rowtime") '
        f"FROM {source} GROUP BY 1 ORDER BY 1"
    )
    bounds: dict[int, Bounds] = {}
    for partition, least, largest in found:
        assert isinstance(partition, int)
        assert isinstance(least, int)
        assert isinstance(largest, int)
        bounds[partition] = Bounds(least, largest)
    return bounds


def advance(epoch: Epoch, operator: str, bounds: dict[int, Bounds]) -> None:
    """Moves the operator's stream time by the rows of this epoch."""
    times = epoch.times.setdefault(operator, {})
    for partition, bound in bounds.items():
        before = times.get(partition, -1)
        after = max(before, bound.largest_ms)
        if after < before:
            raise InternalError(f"stream time of partition {partition} fell")
        times[partition] = after


def none_late(epoch: Epoch, operator: str, bounds: dict[int, Bounds], lateness_ms: int) -> bool:
    """Whether no row can be late: even the oldest is within `lateness_ms` of the newest."""
    times = epoch.times.get(operator, {})
    return all(
        bound.least_ms > max(times.get(partition, -1), bound.largest_ms) - lateness_ms
        for partition, bound in bounds.items()
    )


def stream_time_sql(epoch: Epoch, operator: str, event_time: str = '"$rowtime"') -> str:
    """Each row's stream time, itself included, as SQL over rows with `$seq`.

    `event_time` is NULL for rows that do not move it; before the first that does, so is the result.
    """
    running = (
        f'max({event_time}) OVER (PARTITION BY "$partition" ORDER BY "$seq" '
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    if not epoch.times.get(operator):
        return running
    return f"greatest({running}, {own_time_sql(epoch, operator)})"


def watermark(epoch: Epoch, operator: str) -> int:
    """The least stream time over the active partitions; -1 while it is not known. Never falls.

    A partition that has unread records and has given none yet holds it back; one that has been
    quiet for long is left out (what the wall clock decided stands in the commit record).
    """
    times = epoch.times.get(operator, {})
    marks = epoch.times.setdefault(f"{operator}#watermark", {})
    before = marks.get(0, -1)
    if not times or any(partition not in times for partition in epoch.behind):
        return before
    active = [time for partition, time in times.items() if partition not in epoch.quiet]
    marks[0] = max(before, min(active) if active else min(times.values()))
    return marks[0]


def own_time_sql(epoch: Epoch, operator: str) -> str:
    """The stream time of a row's own `$partition`; -1 where it has none yet."""
    times = epoch.times.get(operator, {})
    if not times:
        return "-1"
    branches = " ".join(f"WHEN {partition} THEN {time}" for partition, time in times.items())
    return f'CASE coalesce("$partition", 0) {branches} ELSE -1 END'


def closed_sql(epoch: Epoch, operator: str, ends: str, *, by_partition: bool) -> str:
    """The predicate of rows that were open before this epoch and are closed now.

    `ends` is the stream time from which a row is closed. `by_partition`: by the time of the row's
    own `$partition`, else by the watermark.
    """
    if not by_partition:
        before = epoch.times.get(f"{operator}#watermark", {}).get(0, -1)
        return f"{ends} > {before} AND {ends} <= {watermark(epoch, operator)}"
    marks = epoch.times.setdefault(f"{operator}#closed", {})
    conditions = []
    for partition, time in epoch.times.get(operator, {}).items():
        mine = f'coalesce("$partition", 0) = {partition}'
        conditions.append(f"({mine} AND {ends} > {marks.get(partition, -1)} AND {ends} <= {time})")
        marks[partition] = time
    return "(" + (" OR ".join(conditions) or "FALSE") + ")"
