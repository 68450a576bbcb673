"""Publishing to Kafka: an epoch is one transaction of outputs, positions and a commit record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any

import confluent_kafka
import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from merganser.engine.log.commit_record import decode_commit, encode_commit
from merganser.engine.log.epoch_order import is_repeated
from merganser.engine.log.kafka_admin import KafkaAdmin
from merganser.engine.log.kafka_client import (
    LOGGER,
    Setting,
    client_settings,
    kafka_errors,
    log_error,
)
from merganser.engine.log.kafka_consumer import MakesConsumer
from merganser.engine.log.kafka_partitions import Partitioner
from merganser.engine.log.kafka_reader import KafkaReader
from merganser.engine.log.protocol import Commit, Output, TopicPartition
from merganser.errors import FencedError, LogError

COMMITS_SUFFIX = "-commits"
COMMITS_CONFIG = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
TRANSACTION_SECONDS = 30.0  # For a transaction's end; below Kafka's own limit of 60 s.
# librdkafka's send_offsets_to_transaction was seen to wait for ever after its broker was killed.
PUBLISH_SECONDS_MAX = 75.0  # Of which 30 s are the limit for the offsets, and 30 s for the commit.
ABORT_SECONDS = 5.0
QUEUE_FULL_SECONDS = 0.01
SLICE_ROWS = 2_000  # Python objects of so many records fit the cache: a fifth of the time.
COMMITS_PAGE_OFFSETS = 10_000
LOOK_BACK_OFFSETS = 16  # A commit takes two: the record and the marker of its transaction.

PRODUCER_SETTINGS: Mapping[str, Setting] = {
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # Java's.
    # Measured in transactions of 100,000 records: with 1 MB a fifth more records/s than by
    # default; lz4 costs up to a tenth more CPU than none and spares network and disk.
    "batch.size": 1_000_000,
    "compression.type": "lz4",
    "linger.ms": 5,
    "queue.buffering.max.messages": 1_000_000,
    # A transaction that follows at once on another is asked to try again, until the markers of
    # that one are written: one of 20 records takes 12.6 ms at 10 ms between tries, 5.5 ms at 1 ms,
    # at which a transaction was seen not to come back from a broker that was well.
    "retry.backoff.ms": 10,
    # Only failures are told, which costs nothing; a callback for each record costs a third.
    "delivery.report.only.error": True,
}


class KafkaPublisher:
    """Publishes the epochs of one task. See `Publisher`.

    With `exactly_once` an epoch is one transaction. Without, an idempotent producer writes the
    outputs, then the commit record, then the consumer group's positions: after a crash in between
    the epoch's outputs are written again.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        producer_id: str,
        admin: KafkaAdmin,
        *,
        exactly_once: bool,
        consumer: MakesConsumer,
    ) -> None:
        """Fences older publishers, and creates the topic of the commit records for the first."""
        self._settings = settings
        self._admin = admin
        self._consumer = consumer
        self._exactly_once = exactly_once
        self._partitioner = Partitioner(admin)
        self._commits_topic = producer_id + COMMITS_SUFFIX
        admin.create(self._commits_topic, 1, None, COMMITS_CONFIG)
        self._failures: list[LogError] = []
        self._broken: LogError | None = None
        self._closed = False
        self._hangs = False
        defaults = dict(PRODUCER_SETTINGS)
        if exactly_once:
            defaults["transactional.id"] = producer_id
        config = client_settings(settings, "producer", defaults)
        group: dict[str, Setting] = {"group.id": producer_id, "enable.auto.commit": False}
        with kafka_errors("cannot start a producer"):
            self._producer = Producer({**config, "on_delivery": self._on_failure}, logger=LOGGER)
            if exactly_once:
                self._producer.init_transactions(TRANSACTION_SECONDS)
            # Of this consumer only the group's positions are used.
            self._group = Consumer(
                {**client_settings(settings, "consumer", group), **group}, logger=LOGGER
            )
            self._group_metadata = self._group.consumer_group_metadata()
            self._mark_start()
        self._last = self._find_last()

    def last_commit(self) -> Commit | None:
        return self._last

    def commits(self, after_epoch: int) -> Iterator[Commit]:
        last = self._last
        if last is None or last.epoch <= after_epoch:
            return
        place = TopicPartition(self._commits_topic, 0)
        low, end = self._bounds(place)
        # Every epoch takes at least one offset, so this many epochs back is not too far back.
        start = max(end - LOOK_BACK_OFFSETS - 2 * (last.epoch - after_epoch), low)
        while start > low:
            first = next(self._read_commits(place, start, end), None)
            if first is not None and first.epoch <= after_epoch + 1:
                break
            start = max(start - (end - start), low)
        until = time.monotonic() + TRANSACTION_SECONDS
        while after_epoch < last.epoch:
            for commit in self._read_commits(place, start, end):
                if commit.epoch > after_epoch:
                    yield commit
                    after_epoch = commit.epoch
            # An epoch of this very publisher may show a moment after its commit.
            if time.monotonic() > until:
                raise LogError(f"the record of epoch {last.epoch} is not there", retryable=True)
            start, end = end, self._bounds(place)[1]

    def publish(self, commit: Commit, outputs: Sequence[Output]) -> None:
        if self._broken is not None:
            raise self._broken
        if is_repeated(commit, self._last):
            return
        try:
            outputs = [self._partitioner.placed(output) for output in outputs]
            step = self._in_transaction if self._exactly_once else self._at_least_once
            self._patiently(partial(step, commit, outputs))
        except LogError as error:
            self._broken = error
            raise
        self._last = commit

    def close(self) -> None:
        """Aborts what is open. A producer that is beyond that is left to its destruction."""
        if self._closed:
            return
        self._closed = True
        if self._hangs:
            return  # Its thread has it still.
        if self._broken is None:
            self._producer.close()
        else:
            self._abort()
        self._broken = LogError("the publisher is closed", retryable=False)
        self._group.close()

    # ---- publishing ----

    def _patiently(self, publish: Callable[[], None]) -> None:
        """Publishes in a thread, which is left behind if it does not end.

        The next publisher fences what is left behind.
        """
        failures: list[BaseException] = []

        def run() -> None:
            try:
                publish()
            except BaseException as error:  # noqa: BLE001 — handed to the caller.
                failures.append(error)

        thread = threading.Thread(target=run, name="transaction", daemon=True)
        thread.start()
        thread.join(PUBLISH_SECONDS_MAX)
        if thread.is_alive():
            self._hangs = True
            raise LogError(
                f"the client does not come back within {PUBLISH_SECONDS_MAX:g} s", retryable=False
            )
        if failures:
            raise failures[0]

    def _in_transaction(self, commit: Commit, outputs: Sequence[Output]) -> None:
        doing = f"epoch {commit.epoch} cannot be published"
        try:
            with kafka_errors(doing):
                self._producer.begin_transaction()
                self._produce_all(outputs)
                self._produce_commit(commit)
                positions = _group_positions(commit)
                if positions:
                    self._producer.send_offsets_to_transaction(
                        positions, self._group_metadata, TRANSACTION_SECONDS
                    )
                self._producer.commit_transaction(TRANSACTION_SECONDS)
        except LogError as error:
            if isinstance(error, FencedError):
                raise
            # What is said of the transaction is only that it went wrong; the records say why.
            self._producer.poll(0)
            raise _final(self._failures[0] if self._failures else error) from error

    def _at_least_once(self, commit: Commit, outputs: Sequence[Output]) -> None:
        with kafka_errors(f"epoch {commit.epoch} cannot be published"):
            self._produce_all(outputs)
            self._flush()
            self._produce_commit(commit)
            self._flush()
            positions = _group_positions(commit)
            if positions:
                self._group.commit(offsets=positions, asynchronous=False)

    def _produce_all(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            produce_output(self._producer, output)

    def _produce_commit(self, commit: Commit) -> None:
        self._producer.produce(self._commits_topic, encode_commit(commit), partition=0)

    def _flush(self) -> None:
        left = self._producer.flush(TRANSACTION_SECONDS)
        if self._failures:
            raise _final(self._failures[0])
        if left:
            raise LogError(
                f"{left} records were not taken within {TRANSACTION_SECONDS} s", retryable=False
            )

    def _abort(self) -> None:
        """Ends an open transaction, so that readers need not wait for Kafka to end it."""
        self._producer.purge()
        if self._exactly_once:
            try:
                self._producer.abort_transaction(ABORT_SECONDS)
            except KafkaException as error:
                LOGGER.info("publisher: not aborted: %s", error)

    def _on_failure(self, error: KafkaError | None, message: Message) -> None:
        """Called by the client, from within a flush, for each record that was not taken."""
        if error is not None:
            self._failures.append(
                log_error(error, f'a record was refused by topic "{message.topic()}"')
            )

    # ---- commit records ----

    def _mark_start(self) -> None:
        """Writes a record without value, behind which no commit record of an older publisher is.

        A broker that was killed tells for a moment of an end of the topic from before, and commit
        records behind that would be taken for missing: their epochs would be published twice. What
        it has acknowledged since it is back, and all before that, it shows.
        """
        if self._exactly_once:
            self._producer.begin_transaction()
        self._producer.produce(self._commits_topic, None, b"start", partition=0)
        if self._exactly_once:
            self._producer.commit_transaction(TRANSACTION_SECONDS)
        else:
            self._flush()

    def _find_last(self) -> Commit | None:
        """The newest commit record: read back from the end in steps that double."""
        place = TopicPartition(self._commits_topic, 0)
        low, end = self._bounds(place)
        step = LOOK_BACK_OFFSETS
        start = end
        while start > low:
            upper, start = start, max(end - step, low)
            found = None
            for commit in self._read_commits(place, start, upper):
                found = commit
            if found is not None:
                return found
            step *= 2
        return None

    def _bounds(self, place: TopicPartition) -> tuple[int, int]:
        start = self._admin.oldest(place.topic)[place]
        return start, self._admin.newest(place.topic)[place]

    def _read_commits(self, place: TopicPartition, start: int, end: int) -> Iterator[Commit]:
        """The commit records at these offsets."""
        # The end is told after one fetch of nothing: the default wait of 500 ms would be felt.
        settings = {**self._settings, "consumer.fetch.wait.max.ms": "10"}
        reader = KafkaReader(
            settings, {place: start}, self._admin.check, headers=False, consumer=self._consumer
        )
        try:
            while start < end:
                stop = min(start + COMMITS_PAGE_OFFSETS, end)
                for batch in reader.read({place: (start, stop)}):
                    for value in batch.records["value"].drop_null().to_pylist():
                        yield decode_commit(value)
                start = stop
        finally:
            reader.close()


def produce_output(producer: Producer, output: Output) -> None:
    """Gives records to a producer, in order, without waiting for them to be written.

    A timestamp of 0 goes as 1: librdkafka takes 0 for “now”, which would be 56 years off.
    """
    headers = output.records["headers"]
    with_headers = headers.null_count < len(headers)
    stamps = _timestamps(output.records["timestamp"])
    for start in range(0, output.records.num_rows, SLICE_ROWS):
        records = output.records.slice(start, SLICE_ROWS)
        partitions: Iterable[int] = repeat(-1)
        if output.partitions is not None:
            partitions = output.partitions.slice(start, SLICE_ROWS).to_pylist()
        rows = zip(
            records["value"].to_pylist(),
            records["key"].to_pylist(),
            partitions,
            stamps[start : start + SLICE_ROWS].tolist(),
            strict=False,
        )
        if with_headers:
            _produce_with_headers(producer, output.topic, rows, records["headers"].to_pylist())
        else:
            _produce(producer, output.topic, rows)


def _produce(
    producer: Producer, topic: str, rows: Iterable[tuple[bytes | None, bytes | None, int, int]]
) -> None:
    """The hot loop: names bound locally, arguments by place, no call-back and no poll."""
    produce = producer.produce
    for value, key, partition, stamp in rows:
        try:
            produce(topic, value, key, partition, None, None, stamp)
        except BufferError:
            _when_free(producer, partial(produce, topic, value, key, partition, None, None, stamp))


def _produce_with_headers(
    producer: Producer,
    topic: str,
    rows: Iterable[tuple[bytes | None, bytes | None, int, int]],
    headers: list[list[dict[str, Any]] | None],
) -> None:
    """The same for records with headers: few, so that a closure for each does no harm."""
    for (value, key, partition, stamp), each in zip(rows, headers, strict=False):
        pairs = _header_pairs(each)
        _when_free(
            producer,
            partial(producer.produce, topic, value, key, partition, None, None, stamp, pairs),
        )


def _when_free(producer: Producer, produce: Callable[[], None]) -> None:
    """Produces one record, waiting while the queue is full."""
    while True:
        try:
            produce()
        except BufferError:
            producer.poll(QUEUE_FULL_SECONDS)
        else:
            return


def _timestamps(column: pa.ChunkedArray) -> np.ndarray:
    stamps = (column.fill_null(-1) if column.null_count else column).to_numpy()
    found: np.ndarray = np.where(stamps == -1, 0, np.where(stamps == 0, 1, stamps))
    return found


def _header_pairs(
    headers: list[dict[str, Any]] | None,
) -> list[tuple[str, str | bytes | None]]:
    return [(header["key"], header["value"]) for header in headers or ()]


def _group_positions(commit: Commit) -> list[confluent_kafka.TopicPartition]:
    return [
        confluent_kafka.TopicPartition(place.topic, place.partition, end)
        for place, (_, end) in commit.ranges.items()
    ]


def _final(error: LogError) -> LogError:
    """The same error, not retryable: its publisher cannot go on."""
    error.retryable = False
    return error
