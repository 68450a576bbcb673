"""Made-up records as a timed flow: when each is due, and when in event time it happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from time import monotonic

from merganser.cli.datagen.encode import key_encoder, value_encoder
from merganser.cli.datagen.schemas import RecordSchema, Row
from merganser.server.produce import Record

BATCH_RECORDS = 10_000  # Past this the rate no longer rises; a batch is still made in 0.1 s.
BATCH_SECONDS = 0.1  # With a rate, records are due in lots of this long.


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    Attributes:
        rate: Records a second; None makes them as fast as they can be written.
        count: How many; None goes on until stopped.
        start_ms: Event time of the first record; later ones follow at the rate (1000 a second if
            there is none). None takes the clock for each record.
    """

    schema: RecordSchema
    key: str
    value_format: str = "JSON"
    rate: float | None = None
    count: int | None = None
    seed: int | None = None
    start_ms: int | None = None


def rows(order: Order, now_ms: Callable[[], int]) -> Iterator[tuple[Row, int]]:
    """Yields rows with their event times, epoch ms, for ever or up to the count."""
    row = order.schema.maker(Random(order.seed))  # noqa: S311 (no secret is made of it)
    step_ms = 1000 / (order.rate or 1000)
    number = 0
    while order.count is None or number < order.count:
        due = now_ms() if order.start_ms is None else order.start_ms + int(number * step_ms)
        yield row(number, due), due
        number += 1


def encoded(order: Order, now_ms: Callable[[], int]) -> Iterator[Record]:
    """Yields the same as records."""
    key = key_encoder(order.schema, order.key)
    value = value_encoder(order.schema, order.value_format, order.key)
    for row, event_time_ms in rows(order, now_ms):
        yield Record(key(row), value(row), event_time_ms)


class Pace:
    """Says how many records are due by now, so that a late batch is made up for by a bigger one."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._started = monotonic()
        self._given = 0

    def due(self) -> int:
        """Returns how many records to make now, at most a batch; 0 means to wait a little."""
        if self._rate is None:
            return BATCH_RECORDS
        total = int((monotonic() - self._started) * self._rate) + 1
        due = min(total - self._given, BATCH_RECORDS)
        self._given += due
        return due

    @property
    def wait_seconds(self) -> float:
        """How long to wait before asking again."""
        return 0.0 if self._rate is None else min(BATCH_SECONDS, 1 / self._rate)
