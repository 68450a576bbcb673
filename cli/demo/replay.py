"""The day's records, given out in event time at a multiple of its speed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from threading import Event
from time import monotonic

from merganser.errors import InternalError
from merganser.server.produce import Record

TICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Quickstart:
    """The example that the demo runs.

    Attributes:
        records: By event time, ascending.
    """

    statements: str
    topic: str
    records: tuple[Record, ...]

    @classmethod
    def load(cls) -> Quickstart:
        """Reads the example from the package."""
        folder = files("merganser.cli.demo") / "quickstart"
        inputs = json.loads((folder / "input.json").read_text(encoding="utf-8"))["inputs"]
        topics = {entry["topic"] for entry in inputs}
        if len(topics) != 1:
            raise InternalError(f"the quickstart has records for {len(topics)} topics, not for one")
        records = [
            Record(
                entry["key"].encode(),
                json.dumps(entry["value"], separators=(",", ":")).encode(),
                entry["timestamp"],
            )
            for entry in inputs
        ]
        records.sort(key=lambda record: record.timestamp_ms)
        statements = (folder / "statements.sql").read_text(encoding="utf-8")
        return cls(statements, topics.pop(), tuple(records))


@dataclass(frozen=True, slots=True)
class Tick:
    """One step of a replay: the event time reached, and the records up to it."""

    event_time_ms: int
    records: tuple[Record, ...]


def replay(records: tuple[Record, ...], seconds: float, stop: Event) -> Iterator[Tick]:
    """Yields the records in ticks so that they all are given out within `seconds`, or till a stop.

    A reader that is slow gets bigger ticks, not a longer replay.
    """
    first, last = records[0].timestamp_ms, records[-1].timestamp_ms
    started, given = monotonic(), 0
    while given < len(records) and not stop.is_set():
        share = min((monotonic() - started) / seconds, 1.0)
        reached = first + int((last - first) * share)
        until = given
        while until < len(records) and records[until].timestamp_ms <= reached:
            until += 1
        yield Tick(reached, records[given:until])
        given = until
        if given < len(records):
            stop.wait(TICK_SECONDS)
