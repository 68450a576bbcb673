"""Records that a query could not use, to be kept as they are in a dead-letter topic.

They go out in the transaction of the epoch that met them, so that each is there once.
Source: Kafka's KIP-1034, for the property and the names of the headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output

TOPIC_PROPERTY = "errors.dead.letter.queue.topic.name"
BYTES_MAX = 512 * 1024
"""Of keys and values only so much is kept: topics take records of a megabyte by default, and a
letter that its topic refuses would stop the query."""

_PREFIX = "__streams.errors."


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record as it was, and what was wrong with it."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Sequence[tuple[str, bytes | None]]

    def told(self) -> list[tuple[str, bytes | None]]:
        """Its headers, and behind them where it was and why it is here."""
        facts = {
            "message": self.reason,
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
        }
        for name, payload in (("key", self.key), ("value", self.value)):
            if payload is not None and len(payload) > BYTES_MAX:
                facts[f"{name}.bytes"] = str(len(payload))
        return [*self.headers, *((_PREFIX + name, text.encode()) for name, text in facts.items())]


def output(letters: Sequence[DeadLetter], topic: str) -> Output:
    """Dead letters as records of their topic."""
    columns = [
        pa.array([_short(letter.key) for letter in letters], pa.binary()),
        pa.array([_short(letter.value) for letter in letters], pa.binary()),
        pa.array([letter.timestamp_ms for letter in letters], pa.int64()),
        pa.array(
            [[{"key": k, "value": v} for k, v in letter.told()] for letter in letters],
            OUTPUT_SCHEMA.field("headers").type,
        ),
    ]
    return Output(topic, pa.Table.from_arrays(columns, schema=OUTPUT_SCHEMA))


def _short(payload: bytes | None) -> bytes | None:
    return payload if payload is None else payload[:BYTES_MAX]
