"""The embedded log: topics in one DuckDB file or in memory, with Kafka's behaviour and no broker.

Writers take turns and commit one DuckDB transaction each; readers have connections of their own
and never wait for a writer. Where each partition starts and ends is also kept in memory, and is
moved only after a commit, so that a reader sees committed records only and an idle one costs
nothing: it sleeps until a commit wakes it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from merganser.engine.clock import Clock, SystemClock
from merganser.engine.log.commit_record import decode_commit, encode_commit
from merganser.engine.log.embedded_reader import EmbeddedReader
from merganser.engine.log.embedded_recent import RecentRecords
from merganser.engine.log.embedded_store import Range, RecordStore, StoredTopic
from merganser.engine.log.epoch_order import is_repeated
from merganser.engine.log.murmur2 import partitions_of
from merganser.engine.log.protocol import (
    OUTPUT_SCHEMA,
    RECORD_SCHEMA,
    Commit,
    Output,
    Topic,
    TopicPartition,
)
from merganser.errors import FencedError, LogError

CLEAN_INTERVAL_MS = 300_000  # Kafka's log.retention.check.interval.ms.
CLEANABLE_RATIO = 0.5  # Kafka's log.cleaner.min.cleanable.ratio.
DELETE_RETENTION_MS = 86_400_000  # Kafka's delete.retention.ms.
COMMITS_PAGE_ROWS = 1_000
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")  # Kafka's rule.


class EmbeddedLog:
    """Topics in one DuckDB file (or in memory). Any thread may call; see `Log` for the contract.

    A process holds the file exclusively, so a producer id is fenced by a count in memory.
    """

    def __init__(self, path: Path | None = None, *, clock: Clock | None = None) -> None:
        """Opens or makes the log.

        Raises:
            LogError: The file cannot be opened; retryable if another process holds it.
        """
        self._clock = clock if clock is not None else SystemClock()
        self._store = RecordStore.open(path)
        self._writing = threading.Lock()  # Taken before `_changed`, never the other way.
        self._changed = threading.Condition()
        self._topics = {topic.name: topic for topic in self._store.topics()}
        self._last_topic_id = max((topic.id for topic in self._topics.values()), default=0)
        self._generations: dict[str, int] = {}
        self._next_clean_ms = self._clock.now_ms() + CLEAN_INTERVAL_MS
        self._recent = RecentRecords()  # Under `_changed`.
        self._closed = False

    # ---- topics ----

    def topics(self) -> list[Topic]:
        with self._changed:
            return [_described(self._topics[name]) for name in sorted(self._topics)]

    def topic(self, name: str) -> Topic | None:
        with self._changed:
            found = self._topics.get(name)
            return _described(found) if found is not None else None

    def create_topic(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        if not _TOPIC_NAME.fullmatch(name) or name in {".", ".."}:
            raise LogError(
                f'topic name "{name}" is not legal: letters, digits, ".", "_" and "-" are allowed',
                retryable=False,
            )
        if partition_count < 1:
            raise LogError(f"a topic cannot have {partition_count} partitions", retryable=False)
        if replica_count is not None and replica_count > 1:
            raise LogError(
                f"the embedded log keeps one replica, not {replica_count}", retryable=False
            )
        with self._writing:
            self._check_open()
            if name in self._topics:
                return
            self._last_topic_id += 1
            zeros = [0] * partition_count
            topic = StoredTopic(self._last_topic_id, name, dict(config), list(zeros), list(zeros))
            with self._store.transaction():
                self._store.create(topic)
            with self._changed:
                self._topics[name] = topic

    def delete_topic(self, name: str) -> None:
        with self._writing:
            self._check_open()
            topic = self._topics.get(name)
            if topic is None:
                return
            with self._store.transaction():
                self._store.drop(topic)
            with self._changed:
                del self._topics[name]
                self._recent.drop(topic.id)
                self._changed.notify_all()

    def start_positions(self, topic: str) -> dict[TopicPartition, int]:
        with self._changed:
            return _positions(topic, self._existing(topic).starts)

    def end_positions(self, topic: str) -> dict[TopicPartition, int]:
        with self._changed:
            return _positions(topic, self._existing(topic).ends)

    def positions_at(self, topic: str, timestamp_ms: int) -> dict[TopicPartition, int]:
        with self._writing:
            self._check_open()
            found = self._existing(topic)
            first = self._store.first_since(found, timestamp_ms)
            return {
                TopicPartition(topic, partition): first.get(partition, end)
                for partition, end in enumerate(found.ends)
            }

    # ---- reading and writing ----

    def reader(
        self, positions: Mapping[TopicPartition, int], *, headers: bool = True
    ) -> EmbeddedReader:
        with self._changed:
            self._check_open()
            for topic, partition in positions:
                if partition >= len(self._existing(topic).ends):
                    raise LogError(f'topic "{topic}" has no partition {partition}', retryable=False)
            topics = {topic: self._topics[topic] for topic, _ in positions}
        return EmbeddedReader(self, self._store.cursor(), topics, dict(positions), headers=headers)

    def publisher(self, producer_id: str, *, exactly_once: bool = True) -> EmbeddedPublisher:
        """A transaction costs this log nothing, so that `exactly_once` changes nothing here."""
        del exactly_once
        with self._writing:
            self._check_open()
            generation = self._generations.get(producer_id, 0) + 1
            self._generations[producer_id] = generation
            return EmbeddedPublisher(
                self, producer_id, generation, self._store.last_commit(producer_id)
            )

    def append(self, output: Output) -> None:
        with self._writing:
            self._check_open()
            self._write([output])

    def forget(self, producer_id: str) -> None:
        with self._writing:
            self._check_open()
            self._generations[producer_id] = self._generations.get(producer_id, 0) + 1
            with self._store.transaction():
                self._store.forget(producer_id)

    def healthy(self) -> bool:
        return not self._closed

    def close(self) -> None:
        with self._writing, self._changed:
            if not self._closed:
                self._closed = True
                self._store.close()
                self._changed.notify_all()

    # ---- what readers and publishers call ----

    @property
    def changed(self) -> threading.Condition:
        """Held to read positions; told of each commit, deletion and the end of the log."""
        return self._changed

    def current(self, topic: StoredTopic) -> bool:
        """Whether the topic is still there and the log open. While holding `changed`."""
        return not self._closed and self._topics.get(topic.name) is topic

    def recent(self, topic: StoredTopic, ranges: Sequence[Range]) -> list[pa.Table] | None:
        """Tables in memory that hold these ranges and more, if they are there."""
        with self._changed:
            return self._recent.find(topic.id, ranges)

    def commits(self, producer_id: str, after_epoch: int) -> Iterator[Commit]:
        """The commit records of a producer with a larger epoch, in order."""
        while True:
            with self._writing:
                self._check_open()
                page = self._store.commits(producer_id, after_epoch, COMMITS_PAGE_ROWS)
            if not page:
                return
            for record in page:
                commit = decode_commit(record)
                after_epoch = commit.epoch
                yield commit

    def publish(
        self,
        producer_id: str,
        generation: int,
        commit: tuple[int, bytes],
        outputs: Sequence[Output],
    ) -> None:
        """Stores an epoch, unless the producer is fenced."""
        with self._writing:
            self._check_open()
            if self._generations[producer_id] != generation:
                raise FencedError(f"a newer publisher has the id {producer_id}", retryable=False)
            self._write(outputs, (producer_id, *commit))

    # ---- cleaning ----

    def clean(self, *, ratio_min: float = 0.0) -> None:
        """Deletes what retention and compaction let go. Called by itself every five minutes.

        Retention takes a partition's oldest records up to the first that is young enough by its
        timestamp. Compaction runs once `ratio_min` of the records came after the last one.

        Source: Kafka's topic settings cleanup.policy, retention.ms, delete.retention.ms.
        """
        with self._writing:
            self._check_open()
            self._clean(ratio_min)

    def _clean(self, ratio_min: float) -> None:
        now_ms = self._clock.now_ms()
        for topic in self._topics.values():
            policy = topic.config.get("cleanup.policy", "delete")
            retention_ms = int(topic.config.get("retention.ms", "-1"))
            if "delete" in policy and retention_ms >= 0:
                first = self._store.first_since(topic, now_ms - retention_ms)
                starts = [first.get(index, end) for index, end in enumerate(topic.ends)]
                if starts != topic.starts:
                    with self._store.transaction():
                        self._store.expire(topic, starts)
                    with self._changed:
                        topic.starts = starts
                        self._recent.drop(topic.id)
            kept = sum(topic.ends) - sum(topic.starts)
            if "compact" in policy and topic.unclean_count > ratio_min * kept:
                delay_ms = int(topic.config.get("delete.retention.ms", DELETE_RETENTION_MS))
                with self._store.transaction():
                    self._store.compact(topic, now_ms, delay_ms)
                with self._changed:
                    topic.unclean_count = 0
                    self._recent.drop(topic.id)

    # ---- writing, under the lock ----

    def _write(
        self, outputs: Sequence[Output], commit: tuple[str, int, bytes] | None = None
    ) -> None:
        """Stores records and a commit record together, then shows them to readers."""
        ends = {output.topic: list(self._existing(output.topic).ends) for output in outputs}
        written = []
        with self._store.transaction():
            for output in outputs:
                if output.records.num_rows:
                    topic = self._topics[output.topic]
                    before = list(ends[output.topic])
                    records = self._placed(topic, ends[output.topic], output)
                    self._store.insert(topic, records)
                    bounds = enumerate(zip(before, ends[output.topic], strict=True))
                    filled = {index: (start, end) for index, (start, end) in bounds if end > start}
                    written.append((topic, records, filled))
            if commit is not None:
                self._store.add_commit(*commit)
        with self._changed:
            for topic, records, filled in written:
                self._recent.add(topic.id, records, filled)
            for name, topic_ends in ends.items():
                topic = self._topics[name]
                topic.unclean_count += sum(topic_ends) - sum(topic.ends)
                topic.ends = topic_ends
            self._changed.notify_all()
        if self._clock.now_ms() >= self._next_clean_ms:
            self._clean(CLEANABLE_RATIO)
            self._next_clean_ms = self._clock.now_ms() + CLEAN_INTERVAL_MS

    def _placed(self, topic: StoredTopic, ends: list[int], output: Output) -> pa.Table:
        """The records with their partition and offset; `ends` moves behind them."""
        records = output.records.select(OUTPUT_SCHEMA.names)
        if records["key"].null_count and "compact" in topic.config.get("cleanup.policy", ""):
            raise LogError(
                f'topic "{topic.name}" is compacted and takes no record without a key',
                retryable=False,
            )
        if output.partitions is not None:
            partitions = np.asarray(output.partitions, dtype=np.int32)
        else:
            partitions = partitions_of(records["key"], len(ends), first_turn=sum(ends))
        offsets = np.empty(len(partitions), dtype=np.int64)
        for partition in np.unique(partitions):
            if not 0 <= partition < len(ends):
                raise LogError(
                    f'topic "{topic.name}" has no partition {partition}', retryable=False
                )
            rows = np.flatnonzero(partitions == partition)
            offsets[rows] = np.arange(ends[partition], ends[partition] + rows.size)
            ends[partition] += rows.size
        timestamps = records["timestamp"]
        if timestamps.null_count:
            timestamps = timestamps.fill_null(self._clock.now_ms())
        return (
            records.set_column(2, "timestamp", timestamps)
            .append_column("partition", pa.array(partitions))
            .append_column("offset", pa.array(offsets))
            .cast(RECORD_SCHEMA)
        )

    def _existing(self, name: str) -> StoredTopic:
        topic = self._topics.get(name)
        if topic is None:
            raise LogError(f'topic "{name}" does not exist', retryable=False)
        return topic

    def _check_open(self) -> None:
        if self._closed:
            raise LogError("the log is closed", retryable=False)


class EmbeddedPublisher:
    """Publishes the epochs of one task. See `Publisher` for the contract."""

    def __init__(
        self, log: EmbeddedLog, producer_id: str, generation: int, last: bytes | None
    ) -> None:
        self._log = log
        self._producer_id = producer_id
        self._generation = generation
        self._last = decode_commit(last) if last is not None else None
        self._closed = False

    def last_commit(self) -> Commit | None:
        return self._last

    def commits(self, after_epoch: int) -> Iterator[Commit]:
        return self._log.commits(self._producer_id, after_epoch)

    def publish(self, commit: Commit, outputs: Sequence[Output]) -> None:
        if self._closed:
            raise LogError("the publisher is closed", retryable=False)
        if is_repeated(commit, self._last):
            return
        record = encode_commit(commit)
        self._log.publish(self._producer_id, self._generation, (commit.epoch, record), outputs)
        self._last = commit

    def close(self) -> None:
        self._closed = True


def _described(topic: StoredTopic) -> Topic:
    count = len(topic.ends)
    return Topic(topic.name, count, (1,) * count, dict(topic.config))


def _positions(topic: str, found: Sequence[int]) -> dict[TopicPartition, int]:
    return {TopicPartition(topic, index): position for index, position in enumerate(found)}
