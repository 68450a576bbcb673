"""Reading ahead: one thread a topic, and the records of the next epoch once they are asked for.

An epoch takes all that is there when it begins, so that epochs are small while there is little to
do and grow with the load. A thread stops reading while a full epoch waits.

Topics that are read together are kept in step: while a partition of one still has records to read,
no other topic's record is given whose timestamp is beyond what was read of it, nor one that is
newer than a record that waits for this reason. So a stream does not run ahead of the table that it
is joined with, and old records are joined as they were written. Within a topic nothing is held
back; lateness is judged by partition anyway.
Source: Kafka Streams' `max.task.idle.ms` of 0 (KIP-695).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from merganser.engine.log.protocol import Log, Reader, TopicBatch, TopicPartition
from merganser.engine.runtime.epoch import running_maximum
from merganser.engine.runtime.session import Pace, Ranges

EPOCH_ROWS_MAX = 100_000  # Past this latency grows and the rate does not.
POLL_ROWS_MAX = 20_000  # So often the others get their turn.
POLL_WAIT_MS = 100
TRICKLE_ROWS = 1_000  # While fewer wait for their epoch to begin, the client gathers more:
TRICKLE_SECONDS = 0.003  # a look for each record would take a sixth of a core at 1,000 a second.
HELD_EPOCHS_MAX = 8  # A topic that waits for another one reads on up to so many epochs.
QUIET_SECONDS = 30.0  # A partition that gives nothing for so long does not hold windows open.
BEFORE_ALL, AFTER_ALL = -(1 << 62), 1 << 62


@dataclass(frozen=True, slots=True)
class Fetched:
    """An epoch's records, the ranges they came from, and which partitions hold time back."""

    batches: Sequence[TopicBatch]
    ranges: Ranges
    pace: Pace


@dataclass
class _TopicIntake:
    """What was read of one topic and not given yet.

    Attributes:
        ends: Per partition where reading resumes.
        given: Per partition where the next epoch starts.
        newest_ms: Per partition the largest timestamp that was read.
    """

    topic: str
    reader: Reader
    given: dict[TopicPartition, int]
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    lag: Mapping[TopicPartition, int] = field(default_factory=dict)
    newest_ms: dict[int, int] = field(default_factory=dict)
    waiting: list[pa.Table] = field(default_factory=list)
    row_count: int = 0
    _maxima: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.ends = dict(self.given)

    def add(
        self,
        batches: Sequence[TopicBatch],
        ends: dict[TopicPartition, int],
        lag: Mapping[TopicPartition, int],
    ) -> bool:
        """Takes in what a poll gave; tells whether anything changed."""
        changed = bool(batches) or ends != self.ends or lag != self.lag
        self.ends, self.lag = ends, lag
        for batch in batches:
            self._maxima = None
            self.waiting.append(batch.records)
            self.row_count += batch.records.num_rows
        return changed

    def note_times(self, batches: Sequence[TopicBatch]) -> None:
        """Keeps the largest timestamp of each partition."""
        for batch in batches:
            grouped = batch.records.group_by("partition").aggregate([("timestamp", "max")])
            for partition, newest in zip(
                grouped.column("partition").to_pylist(),
                grouped.column("timestamp_max").to_pylist(),
                strict=True,
            ):
                self.newest_ms[partition] = max(self.newest_ms.get(partition, BEFORE_ALL), newest)

    def horizon_ms(self) -> int:
        """Up to where in time the topic was read."""
        behind = [place.partition for place, lag in self.lag.items() if lag]
        if not behind and self.lag:
            return AFTER_ALL
        return min(
            (self.newest_ms.get(partition, BEFORE_ALL) for partition in behind), default=BEFORE_ALL
        )

    def take(self, horizon_ms: int) -> tuple[list[TopicBatch], dict[TopicPartition, int]]:
        """The records up to a time, and per partition the position behind them."""
        if self._is_inside(horizon_ms):
            tables, self.waiting, self.row_count = self.waiting, [], 0
            return [TopicBatch(self.topic, table) for table in tables], dict(self.ends)
        table, inside = self._divided(horizon_ms)
        given, held = table.filter(pa.array(inside)), table.filter(pa.array(~inside))
        self.waiting, self.row_count, self._maxima = [held], held.num_rows, None
        ends = dict(self.ends)
        partitions, first = np.unique(held.column("partition").to_numpy(), return_index=True)
        offsets = held.column("offset").to_numpy()[first]
        for partition, offset in zip(partitions.tolist(), offsets.tolist(), strict=True):
            ends[TopicPartition(self.topic, partition)] = offset
        return ([TopicBatch(self.topic, given)] if given.num_rows else []), ends

    def first_held_ms(self, horizon_ms: int) -> int:
        """The smallest timestamp of the records that have to wait."""
        if self._is_inside(horizon_ms):
            return AFTER_ALL
        table, inside = self._divided(horizon_ms)
        held: int = pc.min(table.column("timestamp").filter(pa.array(~inside))).as_py()
        return held

    def _is_inside(self, horizon_ms: int) -> bool:
        """Whether all waiting records can be given."""
        newest_ms = max(self.newest_ms.values(), default=BEFORE_ALL)
        return not self.waiting or newest_ms <= horizon_ms

    def _divided(self, horizon_ms: int) -> tuple[pa.Table, np.ndarray]:
        """The waiting records as one table, and which of them can be given."""
        if self._maxima is None:  # Asked twice for an epoch, and again while nothing can be given.
            self.waiting = [pa.concat_tables(self.waiting)]
            self._maxima = running_maximum(self.waiting[0])
        return self.waiting[0], self._maxima <= horizon_ms


class Intake:
    """Reads the topics of a task. `changed` guards it, and is told of each change."""

    def __init__(
        self,
        log: Log,
        positions: Mapping[TopicPartition, int],
        changed: threading.Condition,
        *,
        name: str,
        headers: bool,
    ) -> None:
        self._changed = changed
        self._ending = False
        self._last_seen: dict[int, float] = {}
        self._topics = []
        self.failure: BaseException | None = None
        for topic in sorted({place.topic for place in positions}):
            mine = {place: at for place, at in positions.items() if place.topic == topic}
            reader = log.reader(mine, headers=headers)
            self._topics.append(_TopicIntake(topic, reader, mine))
        self._threads = [
            threading.Thread(target=self._fetch, args=(each,), name=f"{name}-fetch", daemon=True)
            for each in self._topics
        ]
        self._starved = False

    def start(self) -> None:
        """Starts the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the threads and closes the readers."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        for topic in self._topics:
            topic.reader.close()

    @property
    def row_count(self) -> int:
        """Records that wait."""
        return sum(topic.row_count for topic in self._topics)

    @property
    def is_full(self) -> bool:
        """Whether a full epoch waits."""
        return any(topic.row_count >= EPOCH_ROWS_MAX for topic in self._topics)

    @property
    def lag(self) -> int:
        """Records that wait here or in the log."""
        return self.row_count + sum(sum(topic.lag.values()) for topic in self._topics)

    def take(self) -> Fetched | None:
        """The records of an epoch; None if none can be given yet. The caller holds `changed`."""
        batches: list[TopicBatch] = []
        ends: dict[TopicPartition, int] = {}
        horizons = self._horizons()
        for topic in self._topics:
            found, topic_ends = topic.take(horizons[topic.topic])
            batches += found
            ends |= topic_ends
        self._starved = not batches
        self._changed.notify_all()
        if not batches:
            return None
        ranges = {}
        for topic in self._topics:
            for place, start in topic.given.items():
                if ends[place] != start:
                    ranges[place] = (start, ends[place])
                    topic.given[place] = ends[place]
        return Fetched(batches, ranges, self._pace(ranges))

    def _horizons(self) -> dict[str, int]:
        """Per topic up to which time its records can be given."""
        if len(self._topics) == 1:
            return {self._topics[0].topic: AFTER_ALL}
        limits = {topic.topic: topic.horizon_ms() for topic in self._topics}
        if any(topic.row_count >= HELD_EPOCHS_MAX * EPOCH_ROWS_MAX for topic in self._topics):
            return dict.fromkeys(limits, AFTER_ALL)  # Memory is worth more than order.
        horizons = _least_of_others(limits)
        for topic in self._topics:
            held_ms = topic.first_held_ms(horizons[topic.topic])
            limits[topic.topic] = min(limits[topic.topic], held_ms - 1)
        return _least_of_others(limits)

    def _pace(self, ranges: Ranges) -> Pace:
        """What the wall clock and the log's ends say of each partition number now."""
        now = time.monotonic()
        for place in ranges:
            self._last_seen[place.partition] = now
        behind = frozenset(
            place.partition
            for topic in self._topics
            for place in topic.ends
            if topic.lag.get(place) or topic.given[place] < topic.ends[place]
        )
        quiet = frozenset(
            partition
            for partition, seen in self._last_seen.items()
            if now - seen > QUIET_SECONDS and partition not in behind
        )
        return Pace(behind, quiet)

    def _fetch(self, topic: _TopicIntake) -> None:
        """A reading thread."""
        in_step = len(self._topics) > 1
        try:
            while not self._ending:
                batches = topic.reader.poll(POLL_ROWS_MAX, POLL_WAIT_MS)
                if in_step:
                    topic.note_times(batches)
                ends, lag = topic.reader.positions(), topic.reader.lag()
                with self._changed:
                    if topic.add(batches, ends, lag):
                        self._changed.notify_all()
                    if 0 < topic.row_count < TRICKLE_ROWS:
                        self._changed.wait(TRICKLE_SECONDS)
                    self._changed.wait_for(lambda: self._ending or self._has_room(topic))
        except BaseException as error:  # noqa: BLE001 — handed to the computing thread.
            with self._changed:
                self.failure = error
                self._changed.notify_all()

    def _has_room(self, topic: _TopicIntake) -> bool:
        """Whether to read on. While nothing can be given, more has to be read."""
        limit = HELD_EPOCHS_MAX if self._starved else 1
        return topic.row_count < limit * EPOCH_ROWS_MAX


def _least_of_others(limits: Mapping[str, int]) -> dict[str, int]:
    """Per topic the earliest limit of any other one."""
    return {name: min(limit for other, limit in limits.items() if other != name) for name in limits}
