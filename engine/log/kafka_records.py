"""What a Kafka consumer gives: records of one topic in Arrow, and what it reports beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import KafkaError

from merganser.engine.log.protocol import TopicPartition


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one topic, and per partition the position behind its last one here."""

    topic: str
    records: pa.RecordBatch
    ends: dict[int, int]


@dataclass(frozen=True, slots=True)
class Event:
    """An error or the end of a partition, with the position at which it was met."""

    place: TopicPartition
    offset: int
    error: KafkaError


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one call of a consumer gave. Chunks keep the order of records within partitions."""

    chunks: list[Chunk]
    events: list[Event]


class RecordConsumer(Protocol):
    """A consumer of assigned partitions. All may raise KafkaException, or RuntimeError if closed.

    Attributes:
        rows_max: More records at once bring nothing.
    """

    rows_max: int

    def consume(self, rows_max: int, wait_s: float) -> Pulled:
        """Up to so many records; waits until so many are there, or for `wait_s`."""
        ...

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Goes on at these positions, and drops what it has fetched."""
        ...

    def end(self, place: TopicPartition, wait_s: float) -> int:
        """Behind the newest committed record. With `wait_s` 0 what the client knows, else -1."""
        ...

    def close(self) -> None:
        """Frees the client."""
        ...


OnError = Callable[[KafkaError], None]


def ends_of(partitions: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> dict[int, int]:
    """The position behind the last record of each partition."""
    # The first in reverse is the last.
    found, places = np.unique(partitions[::-1], return_index=True)
    return dict(zip(found.tolist(), (offsets[::-1][places] + 1).tolist(), strict=True))
