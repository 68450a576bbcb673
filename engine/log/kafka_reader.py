"""Reading Kafka: lists of records into Arrow columns, and ranges read again for replay."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
from confluent_kafka import KafkaError

from merganser.engine.log.kafka_client import (
    LOGGER,
    Setting,
    client_settings,
    kafka_errors,
    log_error,
)
from merganser.engine.log.kafka_consumer import MakesConsumer
from merganser.engine.log.kafka_records import Chunk, Event, ends_of
from merganser.engine.log.protocol import RECORD_SCHEMA, TopicBatch, TopicPartition
from merganser.errors import LogError

IDLE_SECONDS = 5.0  # After so long without a record, ask whether the topics are still there.
READ_SECONDS_MAX = 30.0  # For a replay without a single new record.
LAG_SECONDS = 5.0

_EOF = KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's own codes begin with an underscore
_DOING = "cannot read records"
_SETTINGS: Mapping[str, Setting] = {
    "group.id": "merganser-reader",  # Demanded by the client; with assigned partitions unused.
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
    # The default of 1,000 ms stalls a fast reader at a tenth of its rate.
    "fetch.queue.backoff.ms": 10,
    # A replay learns of the end of a partition by a fetch that gives nothing: half a second by
    # default, for each. Records are given at once in any case.
    "fetch.wait.max.ms": 100,
}


class KafkaReader:
    """Reads committed records of assigned partitions. For one thread. See `Reader`.

    Positions pass markers of transactions when the client reports a partition's end.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        positions: Mapping[TopicPartition, int],
        check_topics: Callable[[set[str]], None],
        *,
        headers: bool,
        consumer: MakesConsumer,
    ) -> None:
        """`check_topics` raises LogError if a topic is gone or the cluster is away."""
        self._topics = {place.topic for place in positions}
        self._check_topics = check_topics
        self._given = dict(positions)  # Behind what poll and read gave.
        self._fetched = dict(positions)  # Behind what the client gave to us.
        self._ahead: deque[Chunk] = deque()  # Fetched and not given: a replay read past its end.
        self._partition_ends: dict[TopicPartition, int] = {}
        self._failure: LogError | None = None
        self._heard_at = time.monotonic()
        config = client_settings(settings, "consumer", _SETTINGS)
        with kafka_errors(_DOING):
            self._consumer = consumer(config, self._on_error, headers=headers)
            self._assign()

    def poll(self, rows_max: int, wait_ms: int) -> list[TopicBatch]:
        assert rows_max > 0
        until = time.monotonic() + wait_ms / 1000
        chunks: list[Chunk] = []
        count = 0
        while self._ahead and count < rows_max:
            chunk = self._ahead.popleft()
            if count + chunk.records.num_rows > rows_max:
                chunk, rest = _cut(chunk, rows_max - count)
                self._ahead.appendleft(rest)
            chunks.append(chunk)
            count += chunk.records.num_rows
        while count < rows_max:
            # A list of one returns with the first record; a longer one would wait to be full.
            wait_s = 0.0 if count else max(until - time.monotonic(), 0.0)
            pulled = self._pull(min(self._consumer.rows_max, rows_max - count), 0.0)
            if not pulled and wait_s:
                pulled = self._pull(1, wait_s)
            chunks += pulled
            count += sum(chunk.records.num_rows for chunk in pulled)
            if not pulled and (count or self._failure or time.monotonic() >= until):
                break
        if not chunks:
            self._raise_failure()
        for chunk in chunks:
            for partition, end in chunk.ends.items():
                self._given[TopicPartition(chunk.topic, partition)] = end
        if not self._ahead:
            self._given.update(self._fetched)
        if not chunks:
            self._look_around()
        return _batches(chunks)

    def positions(self) -> dict[TopicPartition, int]:
        return dict(self._given)

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> list[TopicBatch]:
        wanted = {place: bounds for place, bounds in ranges.items() if bounds[1] > bounds[0]}
        if any(self._given[place] != start for place, (start, _) in wanted.items()):
            self._seek({place: start for place, (start, _) in wanted.items()})
        self._partition_ends.clear()
        ends = {place: end for place, (_, end) in wanted.items()}
        try:
            found = self._read_until(ends)
        except LogError:
            # What was read of these ranges is lost: the next read must not go on behind it.
            self._seek({})
            raise
        self._given.update(ends)
        return _batches(found)

    def lag(self) -> dict[TopicPartition, int]:
        found = {}
        for place, position in self._given.items():
            with kafka_errors("cannot read the end of a partition"):
                end = self._consumer.end(place, 0.0)
                if end < 0:  # Nothing was fetched from it yet.
                    end = self._consumer.end(place, LAG_SECONDS)
            found[place] = max(end - position, 0)
        return found

    def close(self) -> None:
        self._consumer.close()

    # ---- positions of the client ----

    def _assign(self) -> None:
        self._consumer.assign(self._given)

    def _seek(self, starts: Mapping[TopicPartition, int]) -> None:
        """Resumes from other positions; what was fetched ahead is dropped."""
        self._failure = None
        self._given.update(starts)
        self._fetched = dict(self._given)
        self._ahead.clear()
        with kafka_errors(_DOING):
            self._assign()

    def _read_until(self, ends: Mapping[TopicPartition, int]) -> list[Chunk]:
        """The records before these ends; others that come meanwhile are kept."""
        found: list[Chunk] = []
        before = list(self._ahead)
        self._ahead.clear()
        self._take(before, ends, found)
        until = time.monotonic() + READ_SECONDS_MAX
        while unread := [place for place, end in ends.items() if self._fetched[place] < end]:
            pulled = self._pull(self._consumer.rows_max, 0.0) or self._pull(1, 0.1)
            self._take(pulled, ends, found)
            if pulled:
                until = time.monotonic() + READ_SECONDS_MAX
                continue
            self._raise_failure()
            for place in unread:
                at_end = self._partition_ends.get(place) == self._fetched[place]
                if self._fetched[place] < ends[place] and (at_end or time.monotonic() > until):
                    raise LogError(
                        f'partition {place.partition} of topic "{place.topic}" holds no records '
                        f"up to position {ends[place]}",
                        retryable=True,
                    )
        return found

    def _take(
        self, chunks: Sequence[Chunk], ends: Mapping[TopicPartition, int], found: list[Chunk]
    ) -> None:
        """Puts records before `ends` into `found` and keeps the others for later."""
        for chunk in chunks:
            limits = np.zeros(max(chunk.ends) + 1, dtype=np.int64)
            for partition in chunk.ends:
                limits[partition] = ends.get(TopicPartition(chunk.topic, partition), 0)
            offsets = chunk.records.column("offset").to_numpy()
            inside = offsets < limits[chunk.records.column("partition").to_numpy()]
            if inside.all():
                found.append(chunk)
                continue
            if inside.any():
                found.append(_chunk(chunk.topic, chunk.records.filter(pa.array(inside))))
            self._ahead.append(_chunk(chunk.topic, chunk.records.filter(pa.array(~inside))))

    # ---- from the client ----

    def _pull(self, rows_max: int, wait_s: float) -> list[Chunk]:
        """One list from the client. An error that came with it is kept for later."""
        with kafka_errors(_DOING):
            pulled = self._consumer.consume(rows_max, wait_s)
        for event in pulled.events:
            self._note(event)
        for chunk in pulled.chunks:
            self._heard_at = time.monotonic()
            for partition, end in chunk.ends.items():
                # The end of the partition may stand behind these records in the same list.
                place = TopicPartition(chunk.topic, partition)
                self._fetched[place] = max(self._fetched[place], end)
        return pulled.chunks

    def _note(self, event: Event) -> None:
        """Keeps the end of a partition, or an error, that the client reported."""
        place = event.place
        if event.error.code() == _EOF:
            self._fetched[place] = max(self._fetched[place], event.offset)
            self._partition_ends[place] = event.offset
        else:
            where = f'{_DOING} of partition {place.partition} of topic "{place.topic}"'
            self._keep_failure(log_error(event.error, where))

    def _on_error(self, error: KafkaError) -> None:
        """Called by the client, from within `consume`. Single connections come and go unharmed."""
        LOGGER.info("reader: %s", error.str())
        if error.fatal() or error.code() in {
            KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - as above
            KafkaError._AUTHENTICATION,  # noqa: SLF001 - as above
        }:
            self._keep_failure(log_error(error, _DOING))

    def _keep_failure(self, failure: LogError) -> None:
        if self._failure is None or self._failure.retryable:
            self._failure = failure

    def _raise_failure(self) -> None:
        """Raises what the client reported, if anything. It reports an error once.

        So one that waiting does not mend stays, and after another the next silence is looked into.
        """
        failure = self._failure
        if failure is not None:
            if failure.retryable:
                self._failure = None
                self._heard_at = 0.0
            raise failure

    def _look_around(self) -> None:
        """After a silence: the client does not report a deleted topic, or twice a cluster away."""
        now = time.monotonic()
        if now - self._heard_at > IDLE_SECONDS:
            self._check_topics(self._topics)
            self._heard_at = now


def _chunk(topic: str, records: pa.RecordBatch) -> Chunk:
    partitions, offsets = (records.column(name).to_numpy() for name in ("partition", "offset"))
    return Chunk(topic, records, ends_of(partitions, offsets))


def _cut(chunk: Chunk, rows: int) -> tuple[Chunk, Chunk]:
    first, rest = chunk.records.slice(0, rows), chunk.records.slice(rows)
    return _chunk(chunk.topic, first), _chunk(chunk.topic, rest)


def _batches(chunks: Sequence[Chunk]) -> list[TopicBatch]:
    by_topic: dict[str, list[pa.RecordBatch]] = {}
    for chunk in chunks:
        by_topic.setdefault(chunk.topic, []).append(chunk.records)
    return [
        TopicBatch(topic, pa.Table.from_batches(batches, RECORD_SCHEMA))
        for topic, batches in by_topic.items()
    ]
