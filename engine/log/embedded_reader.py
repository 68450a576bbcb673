"""Reading the embedded log: by ranges of offsets, woken by commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from merganser.engine.log.embedded_recent import cut
from merganser.engine.log.embedded_store import Range, RecordStore, StoredTopic, by_topic
from merganser.engine.log.protocol import TopicBatch, TopicPartition
from merganser.errors import LogError


class _Shared(Protocol):
    """What a reader asks of its log."""

    @property
    def changed(self) -> threading.Condition: ...

    def current(self, topic: StoredTopic) -> bool: ...

    def recent(self, topic: StoredTopic, ranges: Sequence[Range]) -> list[pa.Table] | None: ...


class EmbeddedReader:
    """Reads committed records of assigned partitions. For one thread. See `Reader`."""

    def __init__(
        self,
        log: _Shared,
        store: RecordStore,
        topics: Mapping[str, StoredTopic],
        positions: dict[TopicPartition, int],
        *,
        headers: bool,
    ) -> None:
        self._log = log
        self._store = store
        self._topics = topics
        self._positions = positions
        self._headers = headers
        self._turn = 0
        self._closed = False

    def poll(self, rows_max: int, wait_ms: int) -> list[TopicBatch]:
        assert rows_max > 0
        until = time.monotonic() + wait_ms / 1000
        while True:
            with self._log.changed:
                available = self._available()
                while not available:
                    left = until - time.monotonic()
                    if left <= 0 or not self._log.changed.wait(left):
                        break
                    available = self._available()
            if not available:
                return []
            self._turn += 1
            ranges = {
                place: (self._positions[place], self._positions[place] + count)
                for place, count in shares(available, rows_max, self._turn).items()
            }
            batches = self._select(ranges)
            if batches:
                return batches
            # Compaction left nothing in these ranges: look at once whether there is more.

    def positions(self) -> dict[TopicPartition, int]:
        return dict(self._positions)

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> list[TopicBatch]:
        with self._log.changed:
            self._check_topics()
            for place, (start, end) in ranges.items():
                assert place in self._positions, "a range of a partition that is not assigned"
                topic = self._topics[place.topic]
                if start < topic.starts[place.partition] or end > topic.ends[place.partition]:
                    raise _out_of_range(place, topic, f"offsets [{start}, {end}) are")
        return self._select(ranges)

    def lag(self) -> dict[TopicPartition, int]:
        with self._log.changed:
            return {
                place: max(self._topics[place.topic].ends[place.partition] - position, 0)
                for place, position in self._positions.items()
            }

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._store.close()

    def _available(self) -> dict[TopicPartition, int]:
        """How many offsets lie ahead, where any do. While holding `changed`."""
        self._check_topics()
        found = {}
        for place, position in self._positions.items():
            topic = self._topics[place.topic]
            start, end = topic.starts[place.partition], topic.ends[place.partition]
            if not start <= position <= end:
                raise _out_of_range(place, topic, f"position {position} is")
            if position < end:
                found[place] = end - position
        return found

    def _check_topics(self) -> None:
        if self._closed:
            raise LogError("the reader is closed", retryable=False)
        for topic in self._topics.values():
            if not self._log.current(topic):
                raise LogError(
                    f'topic "{topic.name}" was deleted or the log is closed', retryable=False
                )

    def _select(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> list[TopicBatch]:
        """The records of these ranges; positions move to their ends."""
        batches = []
        for name, found in by_topic(ranges).items():
            topic = self._topics[name]
            recent = self._log.recent(topic, found)
            if recent is None:
                records = self._store.select(topic, found, headers=self._headers)
            else:
                records = cut(recent, found, headers=self._headers)
            if records.num_rows:
                batches.append(TopicBatch(name, records))
        for place, (_, end) in ranges.items():
            self._positions[place] = end
        return batches


def shares(
    available: Mapping[TopicPartition, int], rows_max: int, turn: int
) -> dict[TopicPartition, int]:
    """How many offsets each partition gives to one poll: equal parts, and what others leave.

    With fewer rows than partitions, `turn` decides who comes first.
    """
    places = sorted(available)
    first = turn % len(places)
    order = sorted(places[first:] + places[:first], key=available.__getitem__)
    taken: dict[TopicPartition, int] = {}
    rows_left = rows_max
    for index, place in enumerate(order):
        fair = -(-rows_left // (len(order) - index))
        taken[place] = min(available[place], fair)
        rows_left -= taken[place]
        if rows_left == 0:
            break
    return taken


def _out_of_range(place: TopicPartition, topic: StoredTopic, what: str) -> LogError:
    start, end = topic.starts[place.partition], topic.ends[place.partition]
    return LogError(
        f'{what} outside of partition {place.partition} of topic "{topic.name}"',
        retryable=False,
        detail=f"It holds offsets {start} to {end}, the last not included.",
    )
