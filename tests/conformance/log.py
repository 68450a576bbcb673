"""A log in memory whose topics report their partition counts, yet keep all in partition 0.

That is how conformance cases were recorded: only the planner sees several partitions. Records stay
in arrival order; commit records stay in a list, so that restart and replay work as on a real log.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from merganser.engine.log.protocol import (
    RECORD_SCHEMA,
    Commit,
    Output,
    Topic,
    TopicBatch,
    TopicPartition,
)
from merganser.errors import FencedError, LogError


class StoredRecord(NamedTuple):
    """A record; its offset is its place in the topic's list."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(slots=True)
class _StoredTopic:
    """`delivered` is what readers get instead of `records`, where that differs."""

    topic: Topic
    records: list[StoredRecord] = field(default_factory=list)
    delivered: list[StoredRecord] | None = None

    @property
    def readable(self) -> list[StoredRecord]:
        return self.records if self.delivered is None else self.delivered


class SinglePartitionLog:
    """`merganser.engine.log.protocol.Log` in memory. For one thread."""

    def __init__(self) -> None:
        self._topics: dict[str, _StoredTopic] = {}
        self._commits: dict[str, list[Commit]] = {}
        self._generations: dict[str, int] = {}

    # What a case does.

    def write(self, topic: str, records: Sequence[StoredRecord]) -> None:
        """Appends records."""
        self._stored(topic).records.extend(records)

    def deliver_only(self, topic: str, records: Sequence[StoredRecord]) -> None:
        """From now on readers get just these records, from offset 0, whatever else is written."""
        self._stored(topic).delivered = list(records)

    def written(self, topic: str) -> list[StoredRecord]:
        """All that was written to a topic; nothing if there is no such topic."""
        stored = self._topics.get(topic)
        return list(stored.records) if stored else []

    def batch(self, topic: str, start: int, stop: int) -> TopicBatch:
        """Records [start, stop) as a reader gives them.

        Raises:
            LogError: They are not all there.
        """
        return TopicBatch(topic, _arrow(self._stored(topic).readable, start, stop))

    # What the engine sees.

    def topics(self) -> list[Topic]:
        return [self._topics[name].topic for name in sorted(self._topics)]

    def topic(self, name: str) -> Topic | None:
        stored = self._topics.get(name)
        return stored.topic if stored else None

    def create_topic(
        self,
        name: str,
        partition_count: int,
        replica_count: int | None,
        config: Mapping[str, str],
    ) -> None:
        if name not in self._topics:
            replicas = (replica_count or 1,) * partition_count
            self._topics[name] = _StoredTopic(Topic(name, partition_count, replicas, dict(config)))

    def delete_topic(self, name: str) -> None:
        self._topics.pop(name, None)

    def start_positions(self, topic: str) -> dict[TopicPartition, int]:
        self._stored(topic)
        return {TopicPartition(topic, 0): 0}

    def end_positions(self, topic: str) -> dict[TopicPartition, int]:
        return {TopicPartition(topic, 0): len(self._stored(topic).readable)}

    def positions_at(self, topic: str, timestamp_ms: int) -> dict[TopicPartition, int]:
        readable = self._stored(topic).readable
        found = (
            offset for offset, record in enumerate(readable) if record.timestamp_ms >= timestamp_ms
        )
        return {TopicPartition(topic, 0): next(found, len(readable))}

    def reader(
        self, positions: Mapping[TopicPartition, int], *, headers: bool = True
    ) -> SinglePartitionReader:
        return SinglePartitionReader(self, positions, headers=headers)

    def publisher(self, producer_id: str, *, exactly_once: bool = True) -> SinglePartitionPublisher:
        del exactly_once
        self._generations[producer_id] = self._generations.get(producer_id, 0) + 1
        return SinglePartitionPublisher(self, producer_id, self._generations[producer_id])

    def append(self, output: Output) -> None:
        self.write(output.topic, _stored_records(output.records))

    def forget(self, producer_id: str) -> None:
        self._commits.pop(producer_id, None)

    def healthy(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to free."""

    # What readers and publishers share.

    def _stored(self, topic: str) -> _StoredTopic:
        stored = self._topics.get(topic)
        if stored is None:
            raise LogError(f"topic {topic} does not exist", retryable=False)
        return stored

    def _commits_of(self, producer_id: str) -> list[Commit]:
        return self._commits.setdefault(producer_id, [])


class SinglePartitionReader:
    """Reads partition 0 of topics."""

    def __init__(
        self, log: SinglePartitionLog, positions: Mapping[TopicPartition, int], *, headers: bool
    ) -> None:
        self._log = log
        self._positions = dict(positions)
        self._headers = headers

    def poll(self, rows_max: int, wait_ms: int) -> list[TopicBatch]:
        del wait_ms  # Nothing comes while the one thread waits.
        ranges = {}
        for place, start in self._positions.items():
            end = self._log.end_positions(place.topic).get(place, start)
            stop = min(end, start + rows_max)
            rows_max -= stop - start
            if stop > start:
                ranges[place] = (start, stop)
        return self.read(ranges)

    def positions(self) -> dict[TopicPartition, int]:
        return dict(self._positions)

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> list[TopicBatch]:
        batches = []
        for place, (start, stop) in sorted(ranges.items()):
            if place.partition != 0 and stop > start:
                raise LogError(f"{place} holds no records", retryable=False)
            batches.append(self._without_headers(self._log.batch(place.topic, start, stop)))
            self._positions[place] = stop
        return batches

    def lag(self) -> dict[TopicPartition, int]:
        return {
            place: max(0, self._log.end_positions(place.topic).get(place, position) - position)
            for place, position in self._positions.items()
        }

    def close(self) -> None:
        """Nothing to free."""

    def _without_headers(self, batch: TopicBatch) -> TopicBatch:
        if self._headers:
            return batch
        index = RECORD_SCHEMA.get_field_index("headers")
        nulls = pa.nulls(batch.records.num_rows, RECORD_SCHEMA.field(index).type)
        records = batch.records.set_column(index, RECORD_SCHEMA.field(index), nulls)
        return TopicBatch(batch.topic, records)


class SinglePartitionPublisher:
    """Publishes the epochs of one producer id; refuses gaps, and epochs after it was fenced."""

    def __init__(self, log: SinglePartitionLog, producer_id: str, generation: int) -> None:
        self._log = log
        self._producer_id = producer_id
        self._generation = generation

    def last_commit(self) -> Commit | None:
        commits = self._log._commits_of(self._producer_id)
        return commits[-1] if commits else None

    def commits(self, after_epoch: int) -> Iterator[Commit]:
        commits = self._log._commits_of(self._producer_id)
        start = bisect_left([commit.epoch for commit in commits], after_epoch + 1)
        return iter(commits[start:])

    def publish(self, commit: Commit, outputs: Sequence[Output]) -> None:
        if self._log._generations[self._producer_id] != self._generation:
            raise FencedError(f"a newer publisher has the id {self._producer_id}", retryable=False)
        last = self.last_commit()
        due = last.epoch + 1 if last else 0
        if commit.epoch < due:
            return  # Published before: idempotent by epoch.
        if commit.epoch > due:
            raise LogError(f"epoch {commit.epoch} came, {due} is due", retryable=False)
        self._check_topics(outputs)
        for output in outputs:
            self._log.append(output)
        self._log._commits_of(self._producer_id).append(commit)

    def close(self) -> None:
        """Nothing to free."""

    def _check_topics(self, outputs: Sequence[Output]) -> None:
        """All or nothing: no record is written before every topic is known to exist."""
        for output in outputs:
            self._log._stored(output.topic)


def _arrow(records: Sequence[StoredRecord], start: int, stop: int) -> pa.Table:
    if not 0 <= start <= stop <= len(records):
        raise LogError(
            f"records [{start}, {stop}) of {len(records)} are not there", retryable=False
        )
    part = records[start:stop]
    headers = [
        [{"key": name, "value": value} for name, value in record.headers] or None for record in part
    ]
    columns = {
        "key": [record.key for record in part],
        "value": [record.value for record in part],
        "timestamp": [record.timestamp_ms for record in part],
        "headers": headers,
        "partition": [0] * len(part),
        "offset": list(range(start, stop)),
    }
    return pa.table(columns, schema=RECORD_SCHEMA)


def _stored_records(records: pa.Table) -> list[StoredRecord]:
    """The rows of an Arrow table of OUTPUT_SCHEMA."""
    keys = records.column("key").to_pylist()
    values = records.column("value").to_pylist()
    timestamps = records.column("timestamp").to_pylist()
    headers = records.column("headers").to_pylist()
    return [
        StoredRecord(
            key,
            value,
            timestamp,
            tuple((header["key"], header["value"]) for header in record_headers or ()),
        )
        for key, value, timestamp, record_headers in zip(
            keys, values, timestamps, headers, strict=True
        )
    ]
