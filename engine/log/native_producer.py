"""A Kafka producer that takes Arrow batches without Python objects for their records."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import KafkaError

from merganser.engine.log import native_kernels as kernels
from merganser.engine.log.kafka_client import Setting
from merganser.engine.log.kafka_producer import QUEUE_FULL_SECONDS, OnFailure, stamps_to_write
from merganser.engine.log.librdkafka import Client, library, partition_list, raise_code, raise_error
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output, TopicPartition

_FULL = KafkaError._QUEUE_FULL  # noqa: SLF001 - librdkafka's own codes begin with an underscore
_PURGE_ALL = 1 | 2  # RD_KAFKA_PURGE_F_QUEUE, RD_KAFKA_PURGE_F_INFLIGHT
_ZERO = np.frombuffer(bytes(4), np.int32)
_SOME = np.frombuffer(bytes(8), np.uint8)  # What is there and empty needs an address as well.
_CALLS = ("produceva", "headers_new", "header_add", "headers_destroy")
_Column = tuple[np.ndarray, np.ndarray, np.ndarray]


class NativeProducer:
    """See `RecordProducer`. For one thread at a time."""

    def __init__(self, settings: Mapping[str, Setting], on_failure: OnFailure) -> None:
        self._lib = library()
        self._client = Client(consumes=False, settings=settings, on_failure=on_failure)
        self._topics: dict[str, int] = {}
        self._calls = tuple(self._lib.address(name) for name in _CALLS)

    def produce(self, output: Output) -> None:
        topic = self._topic(output.topic)
        table = output.records
        if table.schema != OUTPUT_SCHEMA:  # A column that is null in all rows may have no type.
            table = table.cast(OUTPUT_SCHEMA)
        start = 0
        for records in table.to_batches():
            count = records.num_rows
            partitions = np.full(count, -1, np.int32)
            if output.partitions is not None:
                some = output.partitions.slice(start, count)
                partitions = some.to_numpy(zero_copy_only=False).astype(np.int32)
            self._produce_all(
                topic,
                (_bytes(records["key"]), _bytes(records["value"])),
                _headers(records["headers"]),
                partitions,
                stamps_to_write(records["timestamp"]),
            )
            start += count

    def init_transactions(self, seconds: float) -> None:
        raise_error(self._lib.init_transactions(self._client.handle, _ms(seconds)))

    def begin_transaction(self) -> None:
        raise_error(self._lib.begin_transaction(self._client.handle))

    def send_offsets(
        self, positions: Mapping[TopicPartition, int], group_id: str, seconds: float
    ) -> None:
        lib, handle = self._lib, self._client.handle
        group = lib.consumer_group_metadata_new(group_id.encode())
        try:
            with partition_list(positions) as places:
                raise_error(lib.send_offsets_to_transaction(handle, places, group, _ms(seconds)))
        finally:
            lib.consumer_group_metadata_destroy(group)

    def commit_transaction(self, seconds: float) -> None:
        raise_error(self._lib.commit_transaction(self._client.handle, _ms(seconds)))

    def abort_transaction(self, seconds: float) -> None:
        raise_error(self._lib.abort_transaction(self._client.handle, _ms(seconds)))

    def flush(self, seconds: float) -> int:
        self._lib.flush(self._client.handle, _ms(seconds))
        left: int = self._lib.outq_len(self._client.handle)
        return left

    def purge(self) -> None:
        raise_code(self._lib.purge(self._client.handle, _PURGE_ALL))

    def report(self) -> None:
        self._lib.poll(self._client.handle, 0)

    def close(self) -> None:
        topics, self._topics = self._topics, {}
        for topic in topics.values():
            self._lib.topic_destroy(topic)
        self._client.destroy()

    def __del__(self) -> None:
        """Frees a producer that was forgotten, topics first."""
        if hasattr(self, "_calls"):
            self.close()

    # ---- records ----

    def _topic(self, name: str) -> int:
        handle = self._client.handle
        found = self._topics.get(name)
        if found is None:
            found = self._lib.topic_new(handle, name.encode(), None)
            if not found:
                raise ValueError(f'"{name}" is no name of a topic')
            self._topics[name] = found
        return found

    def _produce_all(
        self,
        topic: int,
        columns: tuple[_Column, _Column],
        headers: tuple[np.ndarray, _Column, _Column],
        partitions: np.ndarray,
        stamps: np.ndarray,
    ) -> None:
        client = (self._client.handle, topic)
        row = 0
        while True:
            row, error = kernels.produce_rows(
                self._calls, client, columns, headers, partitions, stamps, row
            )
            if not error:
                return
            self._wait_or_raise(error)

    def _wait_or_raise(self, error: int) -> None:
        """Waits for room where the client's queue is full.

        Raises:
            KafkaException: Anything else is wrong.
        """
        if self._lib.error_code(error) != _FULL:
            raise_error(error)
        self._lib.error_destroy(error)
        self._lib.poll(self._client.handle, _ms(QUEUE_FULL_SECONDS))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _bytes(column: pa.Array) -> _Column:
    """A BINARY or STRING column as compiled loops take it."""
    _, offsets_at, data_at = column.buffers()
    first = column.offset
    offsets, data = _ZERO, _SOME
    if len(column):
        offsets = np.frombuffer(offsets_at, np.int32)[first : first + len(column) + 1]
    if data_at is not None and data_at.size:
        data = np.frombuffer(data_at, np.uint8)
    valid = np.zeros(0, np.bool_)
    if column.null_count:
        valid = column.is_valid().to_numpy(zero_copy_only=False)
    return data, offsets, valid


def _headers(column: pa.ListArray) -> tuple[np.ndarray, _Column, _Column]:
    """Between which headers each row's lie, or nothing if there are none, and the headers."""
    bounds = np.zeros(0, np.int64)
    if column.null_count < len(column):
        counts = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
        bounds = np.zeros(len(column) + 1, np.int64)
        np.cumsum(counts, out=bounds[1:])
    pairs = column.flatten()
    return bounds, _bytes(pairs.field("key")), _bytes(pairs.field("value"))
