"""What a publisher needs of a Kafka producer, and how it is had from the Python client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import repeat
from typing import Any, Protocol

import confluent_kafka
import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, Message, Producer

from merganser.engine.log.kafka_client import LOGGER, Setting
from merganser.engine.log.protocol import Output, TopicPartition

QUEUE_FULL_SECONDS = 0.01
SLICE_ROWS = 2_000  # Python objects of so many records fit the cache: a fifth of the time.

OnFailure = Callable[[KafkaError, str], None]
"""Is told the error and the topic of a record that was not taken."""


class RecordProducer(Protocol):
    """A producer of batches. All may raise KafkaException, RuntimeError or ValueError.

    Failed deliveries are told to the call-back that it was made with, from within its calls.
    """

    def produce(self, output: Output) -> None:
        """Takes records, in order, without waiting for them to be written.

        A timestamp of 0 goes as 1: librdkafka takes 0 for “now”, which would be 56 years off.
        """
        ...

    def init_transactions(self, seconds: float) -> None:
        """Fences older producers of the transactional id."""
        ...

    def begin_transaction(self) -> None:
        """What is produced from now on belongs to one transaction."""
        ...

    def send_offsets(
        self, positions: Mapping[TopicPartition, int], group_id: str, seconds: float
    ) -> None:
        """Puts the positions of a consumer group into the transaction."""
        ...

    def commit_transaction(self, seconds: float) -> None:
        """Makes the transaction durable."""
        ...

    def abort_transaction(self, seconds: float) -> None:
        """Drops the transaction."""
        ...

    def flush(self, seconds: float) -> int:
        """Waits for all records to be written. Gives how many are not."""
        ...

    def purge(self) -> None:
        """Drops what is not written yet."""
        ...

    def report(self) -> None:
        """Tells of failed deliveries, without waiting."""
        ...

    def close(self) -> None:
        """Frees the client."""
        ...


class ObjectProducer:
    """By the Python client, an object a record. See `RecordProducer`."""

    def __init__(self, settings: Mapping[str, Setting], on_failure: OnFailure) -> None:
        self._settings = settings
        self._on_failure = on_failure
        self._producer = Producer({**settings, "on_delivery": self._delivered}, logger=LOGGER)
        self._groups: dict[str, Any] = {}

    def produce(self, output: Output) -> None:
        headers = output.records["headers"]
        with_headers = headers.null_count < len(headers)
        stamps = stamps_to_write(output.records["timestamp"])
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
                self._produce_with_headers(output.topic, rows, records["headers"].to_pylist())
            else:
                self._produce_plain(output.topic, rows)

    def init_transactions(self, seconds: float) -> None:
        self._producer.init_transactions(seconds)

    def begin_transaction(self) -> None:
        self._producer.begin_transaction()

    def send_offsets(
        self, positions: Mapping[TopicPartition, int], group_id: str, seconds: float
    ) -> None:
        self._producer.send_offsets_to_transaction(
            [
                confluent_kafka.TopicPartition(place.topic, place.partition, position)
                for place, position in positions.items()
            ],
            self._group(group_id),
            seconds,
        )

    def commit_transaction(self, seconds: float) -> None:
        self._producer.commit_transaction(seconds)

    def abort_transaction(self, seconds: float) -> None:
        self._producer.abort_transaction(seconds)

    def flush(self, seconds: float) -> int:
        left: int = self._producer.flush(seconds)
        return left

    def purge(self) -> None:
        self._producer.purge()

    def report(self) -> None:
        self._producer.poll(0)

    def close(self) -> None:
        self._producer.close()

    def _group(self, group_id: str) -> Any:
        """The metadata of a group, which the Python client gives by a consumer only."""
        found = self._groups.get(group_id)
        if found is None:
            connection = {
                name: value
                for name, value in self._settings.items()
                if name == "bootstrap.servers" or name.startswith(("security.", "sasl.", "ssl."))
            }
            consumer = Consumer({**connection, "group.id": group_id}, logger=LOGGER)
            found = self._groups[group_id] = consumer.consumer_group_metadata()
            consumer.close()
        return found

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._on_failure(error, message.topic() or "")

    def _produce_plain(
        self, topic: str, rows: Iterable[tuple[bytes | None, bytes | None, int, int]]
    ) -> None:
        """The hot loop: names bound locally, arguments by place, no call-back and no poll."""
        produce = self._producer.produce
        for value, key, place, stamp in rows:
            try:
                produce(topic, value, key, place, None, None, stamp)
            except BufferError:
                self._when_free(partial(produce, topic, value, key, place, None, None, stamp))

    def _produce_with_headers(
        self,
        topic: str,
        rows: Iterable[tuple[bytes | None, bytes | None, int, int]],
        headers: list[list[dict[str, Any]] | None],
    ) -> None:
        """The same for records with headers: few, so that a closure for each does no harm."""
        for (value, key, place, stamp), each in zip(rows, headers, strict=False):
            pairs = [(header["key"], header["value"]) for header in each or ()]
            self._when_free(
                partial(self._producer.produce, topic, value, key, place, None, None, stamp, pairs)
            )

    def _when_free(self, produce: Callable[[], None]) -> None:
        """Produces one record, waiting while the queue is full."""
        while True:
            try:
                produce()
            except BufferError:
                self._producer.poll(QUEUE_FULL_SECONDS)
            else:
                return


def stamps_to_write(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """The timestamps of records as librdkafka takes them: 0 is “now”."""
    stamps = (column.fill_null(-1) if column.null_count else column).to_numpy()
    found: np.ndarray = np.where(stamps == -1, 0, np.where(stamps == 0, 1, stamps))
    return found
