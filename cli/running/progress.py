"""How persistent queries get on: counters read again and again, and the rates between readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from merganser.server.services import QueryStats

_SETTLED = frozenset({"RUNNING", "PAUSED", "ERROR", "STOPPED"})
"""States in which nothing happens by itself; the others mean a start, or a log that is away."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One query at one moment; rates are records a second since the reading before."""

    stats: QueryStats
    rate_in: float
    rate_out: float


@dataclass(slots=True)
class Progress:
    """Readings of all queries, and since when nothing has moved.

    Attributes:
        clock: Tells seconds from any beginning.
        readings: The last ones, in order of creation.
    """

    clock: Callable[[], float] = monotonic
    readings: list[Reading] = field(default_factory=list)
    _last: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    _read_at: float = field(init=False)
    _moved_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._read_at = self._moved_at = self.clock()

    def read(self, stats: Sequence[QueryStats]) -> None:
        """Takes the counters in."""
        now = self.clock()
        seconds = max(now - self._read_at, 1e-3)
        self.readings = []
        for entry in stats:
            before = self._last.get(entry.query_id)
            records_in, records_out = before or (0, 0)
            came, went = entry.records_in - records_in, entry.records_out - records_out
            self.readings.append(Reading(entry, came / seconds, went / seconds))
            busy = entry.state not in _SETTLED or entry.lag > 0
            if before is None or came or went or busy:
                self._moved_at = now
        self._last = {entry.query_id: (entry.records_in, entry.records_out) for entry in stats}
        self._read_at = now

    @property
    def idle_seconds(self) -> float:
        """How long no query has read or written anything, or had anything to read."""
        return self._read_at - self._moved_at

    @property
    def failed(self) -> list[str]:
        """Ids of the queries that have stopped with an error."""
        return [r.stats.query_id for r in self.readings if r.stats.state == "ERROR"]

    @property
    def all_failed(self) -> bool:
        """Whether there is nothing left that could go on."""
        return bool(self.readings) and len(self.failed) == len(self.readings)

    def lines(self) -> list[str]:
        """One line a query, for a log."""
        return [
            f"{_state(r)}, {r.stats.records_in:,} records in ({r.rate_in:,.0f}/s), "
            f"{r.stats.records_out:,} out ({r.rate_out:,.0f}/s), lag {r.stats.lag:,}{_flaws(r)}"
            for r in self.readings
        ]

    def totals(self) -> list[str]:
        """One line a query, for the end."""
        return [
            f"{_state(r)}, {r.stats.records_in:,} records in, "
            f"{r.stats.records_out:,} out{_flaws(r)}"
            for r in self.readings
        ]

    def table(self) -> Table:
        """A table of all queries, for a terminal."""
        table = Table(title="Queries", title_justify="left", expand=False)
        table.add_column("Query")
        table.add_column("State")
        for head in ("Records in", "/s", "Records out", "/s", "Late", "Bad", "Lag"):
            table.add_column(head, justify="right")
        for reading in self.readings:
            stats = reading.stats
            colour = {"RUNNING": "green", "ERROR": "red"}.get(stats.state, "yellow")
            table.add_row(
                stats.query_id,
                f"[{colour}]{stats.state}[/]",
                f"{stats.records_in:,}",
                f"{reading.rate_in:,.0f}",
                f"{stats.records_out:,}",
                f"{reading.rate_out:,.0f}",
                f"{stats.late_rows:,}",
                f"{stats.record_errors:,}",
                f"{stats.lag:,}",
            )
        return table


def _state(reading: Reading) -> str:
    return f"{reading.stats.query_id}: {reading.stats.state.lower()}"


def _flaws(reading: Reading) -> str:
    late, bad = reading.stats.late_rows, reading.stats.record_errors
    return (f", {late:,} late" if late else "") + (f", {bad:,} bad" if bad else "")
