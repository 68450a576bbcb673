"""What the engine asks of a log: topics, readers, and publishing that is atomic and idempotent.

Two logs keep this contract (`KafkaLog`, `EmbeddedLog`), and one suite tests both.

An epoch is made durable by `Publisher.publish`: output records, consumed positions and the commit
record become visible together or not at all. A commit whose outcome is unknown is settled by a new
publisher of the same id, which fences the old one, and by `last_commit()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import pyarrow as pa

RECORD_SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("timestamp", pa.int64()),
        pa.field(
            "headers",
            pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())])),
        ),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
    ]
)
"""A batch from a reader. `headers` is NULL or empty where a record has none."""

OUTPUT_SCHEMA = pa.schema(
    [RECORD_SCHEMA.field(name) for name in ("key", "value", "timestamp", "headers")]
)
"""A batch to be published, in order. The partition follows from the key (murmur2, as Java's)."""


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the log has it.

    Attributes:
        replicas: Replica count of each partition.
        config: Known settings, such as `retention.ms` and `cleanup.policy`.
    """

    name: str
    partition_count: int
    replicas: tuple[int, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit record: what an epoch of a task read and decided.

    Attributes:
        epoch: Counts from 0 in a task, without gaps.
        ranges: Per input partition the position before and after the epoch, [from, to).
        wall_clock_ms: The clock reading that the epoch used for whatever the clock decided.
        notes: Decisions of the epoch beyond these, as JSON-able values by name.
    """

    epoch: int
    ranges: Mapping[TopicPartition, tuple[int, int]]
    wall_clock_ms: int
    notes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicBatch:
    """Records of one topic, by partition and offset ascending within each partition.

    Attributes:
        records: Arrow table of RECORD_SCHEMA.
    """

    topic: str
    records: pa.Table


@dataclass(frozen=True, slots=True)
class Output:
    """Records for one topic. `records` is an Arrow table of OUTPUT_SCHEMA.

    `partitions`: where the records must go, if it does not follow from the key.
    """

    topic: str
    records: pa.Table
    partitions: pa.Array | None = None


class Reader(Protocol):
    """Reads committed records of assigned partitions, from positions on. For one thread."""

    def poll(self, rows_max: int, wait_ms: int) -> list[TopicBatch]:
        """What is there, at most `rows_max` records in all, waiting at most `wait_ms` for a first.

        Raises:
            LogError: `retryable` while the log is away.
        """
        ...

    def positions(self) -> dict[TopicPartition, int]:
        """Where the next poll resumes, per assigned partition, markers of transactions passed."""
        ...

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> list[TopicBatch]:
        """Exactly the records of these ranges (for replay); afterwards positions are their ends.

        Raises:
            LogError: A range is no longer there (retention), not retryable.
        """
        ...

    def lag(self) -> dict[TopicPartition, int]:
        """Records behind the end, per assigned partition, as last known."""
        ...

    def close(self) -> None:
        """Frees the connection."""
        ...


class Publisher(Protocol):
    """Publishes the epochs of one task. A newer publisher of the same id fences this one."""

    def last_commit(self) -> Commit | None:
        """The newest durable commit record of this id."""
        ...

    def commits(self, after_epoch: int) -> Iterator[Commit]:
        """The durable commit records with a larger epoch, in order."""
        ...

    def publish(self, commit: Commit, outputs: Sequence[Output]) -> None:
        """Makes outputs, positions and commit record durable together.

        Readers see them all, a moment after this returns at the latest. Publishing the newest
        durable epoch again, as it was, does nothing.

        Raises:
            InternalError: The epoch is not the next one.
            FencedError: A newer publisher has the id.
            LogError: Not retryable by this publisher: make a new one and ask `last_commit()`.
        """
        ...

    def close(self) -> None:
        """Frees the connection; an unfinished epoch is dropped."""
        ...


class Log(Protocol):
    """Where records live."""

    def topics(self) -> list[Topic]:
        """All topics, by name, internal ones included."""
        ...

    def topic(self, name: str) -> Topic | None:
        """One topic, or None if there is none of exactly that name."""
        ...

    def create_topic(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        """Creates a topic and waits until it can be used; an existing one is left as it is."""
        ...

    def delete_topic(self, name: str) -> None:
        """Deletes a topic with its records; a missing one is no error."""
        ...

    def start_positions(self, topic: str) -> dict[TopicPartition, int]:
        """The oldest position of each partition."""
        ...

    def end_positions(self, topic: str) -> dict[TopicPartition, int]:
        """The position behind the newest committed record of each partition."""
        ...

    def positions_at(self, topic: str, timestamp_ms: int) -> dict[TopicPartition, int]:
        """Per partition the position of the first record with that timestamp or later."""
        ...

    def reader(self, positions: Mapping[TopicPartition, int], *, headers: bool = True) -> Reader:
        """A reader from these positions on. Without `headers` their column is NULL."""
        ...

    def publisher(self, producer_id: str, *, exactly_once: bool = True) -> Publisher:
        """The publisher of a task; fences older ones of the same id.

        `producer_id` names the task: its consumer group and the topic of its commit records.
        """
        ...

    def append(self, output: Output) -> None:
        """Writes records at once and durably, outside any epoch (INSERT VALUES)."""
        ...

    def forget(self, producer_id: str) -> None:
        """Deletes the commit records and positions of a task that is gone for good."""
        ...

    def healthy(self) -> bool:
        """Whether the log answers now, within two seconds. Raises nothing."""
        ...

    def close(self) -> None:
        """Frees all connections."""
        ...
