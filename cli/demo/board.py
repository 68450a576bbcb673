"""What the demo shows: the windows as the push query has told of them so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from threading import Condition, Event
from time import monotonic

from rich.table import Table
from rich.text import Text

from merganser.server.client import Row

NEW_YORK = timezone(timedelta(hours=-4), "EDT")  # Summer time, as on that day.
HOUR_MS = 3_600_000
HOURS_SHOWN = 12
QUERY = (
    "SELECT ORIGIN, WINDOWSTART, FLIGHTS, CANCELLED, AVG_DELAY_MIN, MAX_DELAY_MIN "
    "FROM DELAYS EMIT CHANGES;"
)
_YELLOW_FROM_MIN = 15  # What the authorities call late.
_RED_FROM_MIN = 60


@dataclass(frozen=True, slots=True)
class Hour:
    """One window: an airport's hour."""

    airport: str
    start_ms: int
    flights: int
    cancelled: int
    average_min: int
    longest_min: int | None

    @classmethod
    def of(cls, row: Row) -> Hour:
        """Reads a row of QUERY."""
        return cls(*row.values)

    @property
    def end_ms(self) -> int:
        """When it ends."""
        return self.start_ms + HOUR_MS

    def line(self) -> str:
        """Says it in one line."""
        longest = "" if self.longest_min is None else f", longest {self.longest_min:4d}"
        return (
            f"{local(self.start_ms):%H:%M}  {self.airport}  {self.flights:3d} flights, "
            f"{self.cancelled:3d} cancelled, average delay {self.average_min:4d} min{longest}"
        )


@dataclass
class Board:
    """All windows, each as last heard of. Written by one thread, read by another.

    Attributes:
        expected: How many flights there will be.
        updates: How many rows have come.
    """

    expected: int
    updates: int = 0
    _hours: dict[tuple[int, str], Hour] = field(default_factory=dict)
    _changed: Condition = field(default_factory=Condition)

    def put(self, hour: Hour) -> None:
        """Takes in what the query says of a window now."""
        with self._changed:
            self._hours[hour.start_ms, hour.airport] = hour
            self.updates += 1
            self._changed.notify_all()

    @property
    def flights(self) -> int:
        """Flights counted in all windows."""
        return sum(hour.flights for hour in self.hours())

    def hours(self) -> list[Hour]:
        """All windows, by time and airport."""
        with self._changed:
            return [self._hours[key] for key in sorted(self._hours)]

    def wait_until_complete(self, seconds: float, stop: Event) -> bool:
        """Waits until all flights are counted, at most so long and not beyond a stop."""
        until = monotonic() + seconds
        with self._changed:
            while self.flights < self.expected and not stop.is_set() and monotonic() < until:
                self._changed.wait(timeout=0.1)
        return self.flights >= self.expected

    def table(self, event_time_ms: int) -> Table:
        """The latest hours, an hour a row, for a terminal."""
        hours = self.hours()
        airports = sorted({hour.airport for hour in hours})
        table = Table(
            title=f"New York, {local(event_time_ms):%d %B %Y, %H:%M}",
            caption="flights (cancelled) and average delay, by hour of departure; "
            f"{self.flights} flights, {self.updates} updates",
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("Hour")
        for airport in airports:
            table.add_column(airport, justify="right", min_width=8)
            table.add_column("delay", justify="right", min_width=7)
        by_hour: dict[int, dict[str, Hour]] = {}
        for hour in hours:
            by_hour.setdefault(hour.start_ms, {})[hour.airport] = hour
        for start_ms in sorted(by_hour)[-HOURS_SHOWN:]:
            cells = [
                cell for airport in airports for cell in _cells(by_hour[start_ms].get(airport))
            ]
            is_open = start_ms + HOUR_MS > event_time_ms
            style = "bold" if is_open else ""
            table.add_row(f"{local(start_ms):%H:%M}", *cells, style=style)
        return table


def local(epoch_ms: int) -> datetime:
    """The moment as New York's clocks showed it."""
    return datetime.fromtimestamp(epoch_ms / 1000, tz=UTC).astimezone(NEW_YORK)


def _cells(hour: Hour | None) -> tuple[Text, Text]:
    if hour is None:
        return Text(""), Text("")
    flights = f"{hour.flights} ({hour.cancelled})" if hour.cancelled else f"{hour.flights}    "
    colour = "green"
    if hour.average_min >= _RED_FROM_MIN:
        colour = "red"
    elif hour.average_min >= _YELLOW_FROM_MIN:
        colour = "yellow"
    return Text(flights), Text(f"{hour.average_min} min", style=colour)
