"""The intake keeps the topics of a query in step, however the log hands their records over."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from merganser.engine.log.protocol import RECORD_SCHEMA, Log, TopicBatch, TopicPartition
from merganser.engine.runtime.intake import Intake

WAIT_SECONDS_MAX = 30.0

Times = list[list[int]]
"""A topic: the timestamps of each partition, in order."""


class GatedReader:
    """Gives one record of one partition for each gate that is opened."""

    def __init__(self, topic: str, partitions: Times) -> None:
        self._topic = topic
        self._partitions = partitions
        self._positions = [0] * len(partitions)
        self._next: int | None = None
        self._closed = False
        self._turn = threading.Condition()
        self._is_new = True
        self._is_waiting = False

    def settle(self) -> None:
        """Waits until what was let through is with the intake, which then polls again."""
        with self._turn:
            assert self._turn.wait_for(lambda: self._is_waiting, WAIT_SECONDS_MAX)

    def open(self, partition: int) -> None:
        """Lets the next record of a partition through."""
        with self._turn:
            self._next, self._is_waiting = partition, False
            self._turn.notify_all()
        self.settle()

    def poll(self, rows_max: int, wait_ms: int) -> list[TopicBatch]:
        with self._turn:
            if self._is_new:  # As a reader that has learned the ends and has no record yet.
                self._is_new = False
                return []
            self._is_waiting = True
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._next is not None or self._closed)
            if self._next is None:
                return []
            partition, self._next = self._next, None
        offset = self._positions[partition]
        self._positions[partition] += 1
        row = {
            "key": None,
            "value": b"",
            "timestamp": self._partitions[partition][offset],
            "headers": None,
            "partition": partition,
            "offset": offset,
        }
        return [TopicBatch(self._topic, pa.Table.from_pylist([row], RECORD_SCHEMA))]

    def positions(self) -> dict[TopicPartition, int]:
        return {TopicPartition(self._topic, i): at for i, at in enumerate(self._positions)}

    def lag(self) -> dict[TopicPartition, int]:
        return {
            place: len(self._partitions[place.partition]) - at
            for place, at in self.positions().items()
        }

    def close(self) -> None:
        """Nothing to free."""

    def end(self) -> None:
        """Lets the thread that reads go."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()


class GatedLog:
    """A log whose readers a test holds in its hands."""

    def __init__(self, topics: Mapping[str, Times]) -> None:
        self.readers = {name: GatedReader(name, times) for name, times in topics.items()}

    def reader(self, positions: Mapping[TopicPartition, int], *, headers: bool) -> GatedReader:
        (topic,) = {place.topic for place in positions}
        return self.readers[topic]


@contextmanager
def intake_of(log: GatedLog, topics: Mapping[str, Times]) -> Iterator[Intake]:
    """An intake at the beginning of these topics."""
    positions = {
        TopicPartition(name, index): 0
        for name, partitions in topics.items()
        for index in range(len(partitions))
    }
    changed = threading.Condition()
    intake = Intake(cast("Log", log), positions, changed, name="test", headers=True)
    intake.start()
    try:
        yield intake
    finally:
        with changed:
            intake._ending = True
        for reader in log.readers.values():
            reader.end()
        intake.stop()


def epochs_of(topics: Mapping[str, Times], schedule: Sequence[tuple[str, int]]) -> list[set[str]]:
    """Reads the records in an order and asks for an epoch after each; `topic/partition/offset`."""
    log = GatedLog(topics)
    epochs = []
    with intake_of(log, topics) as intake:
        for reader in log.readers.values():
            reader.settle()
        for topic, partition in schedule:
            log.readers[topic].open(partition)
            # The lock of the intake is the pipeline's own way to it.
            with intake._changed:
                fetched = intake.take()
            if fetched is not None:
                epochs.append(
                    {
                        f"{batch.topic}/{row['partition']}/{row['offset']}"
                        for batch in fetched.batches
                        for row in batch.records.to_pylist()
                    }
                )
    return epochs


partitions = st.lists(st.lists(st.integers(0, 20), max_size=5).map(sorted), min_size=1, max_size=3)
two_topics = st.fixed_dictionaries({"a": partitions, "b": partitions})


@given(st.data())
def test_no_record_overtakes_an_older_one_of_another_topic(data: st.DataObject) -> None:
    topics = data.draw(two_topics)
    gates = [
        (name, index)
        for name, times in topics.items()
        for index, partition in enumerate(times)
        for _ in partition
    ]
    schedule = data.draw(st.permutations(gates))
    epochs = epochs_of(topics, schedule)
    assert sum(map(len, epochs)) == len(gates)
    newest_ms = {"a": -1, "b": -1}
    for epoch in epochs:
        times = [(place.split("/")[0], _time(topics, place)) for place in epoch]
        for topic, time in times:
            other = "b" if topic == "a" else "a"
            assert time >= newest_ms[other], epochs
        for topic, time in times:
            newest_ms[topic] = max(newest_ms[topic], time)


def test_a_stream_waits_for_the_table_that_waits_for_the_stream() -> None:
    topics: dict[str, Times] = {"orders": [[10], [10]], "users": [[1]]}
    schedule = [("users", 0), ("orders", 0), ("orders", 1)]
    first, *_ = epochs_of(topics, schedule)
    assert "users/0/0" in first


def _time(topics: Mapping[str, Times], place: str) -> int:
    topic, partition, offset = place.split("/")
    return topics[topic][int(partition)][int(offset)]
