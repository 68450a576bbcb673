"""A Kafka consumer whose records go from librdkafka's memory to Arrow without Python objects."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import KafkaException

from merganser.engine.log import native_kernels as kernels
from merganser.engine.log.kafka_client import Setting
from merganser.engine.log.kafka_records import Chunk, Event, OnError, Pulled, ends_of
from merganser.engine.log.librdkafka import (
    Client,
    MessageHead,
    error_of,
    library,
    partition_list,
    raise_code,
)
from merganser.engine.log.protocol import RECORD_SCHEMA, TopicPartition

ROWS_MAX = 10_000
BYTES_MAX = 2**31 - 1  # Of a column: Arrow's offsets have 32 bits.

_HEADERS_TYPE = RECORD_SCHEMA.field("headers").type
_Words = npt.NDArray[np.int64]


class NativeConsumer:
    """See `RecordConsumer`. One thread consumes; another one may close."""

    rows_max = ROWS_MAX

    def __init__(
        self, settings: Mapping[str, Setting], on_error: OnError, *, headers: bool
    ) -> None:
        self._lib = library()
        self._headers = headers
        self._client = Client(settings, on_error)
        self._lib.poll_set_consumer(self._client.handle)
        self._queue = self._lib.queue_get_consumer(self._client.handle)
        self._messages: _Words = np.zeros(ROWS_MAX, np.int64)
        self._lock = threading.Lock()

    def consume(self, rows_max: int, wait_s: float) -> Pulled:
        with self._lock:
            assert self._client.handle
            count = self._lib.consume_batch_queue(
                self._queue,
                int(wait_s * 1000),
                self._messages.ctypes.data,
                min(rows_max, ROWS_MAX),
            )
            if count < 0:
                raise KafkaException(error_of(-count))
            if not count:
                return Pulled([], [])
            messages = self._messages[:count]
            try:
                return self._converted(messages)
            finally:
                kernels.call_each(self._lib.address("message_destroy"), messages)

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        with partition_list(positions) as places:
            raise_code(self._lib.assign(self._client.handle, places))

    def end(self, place: TopicPartition, wait_s: float) -> int:
        low, high = ctypes.c_int64(-1), ctypes.c_int64(-1)
        bounds = (ctypes.addressof(low), ctypes.addressof(high))
        where = (self._client.handle, place.topic.encode(), place.partition)
        if not wait_s:
            # Of a partition from which nothing was fetched yet the library knows nothing.
            return -1 if self._lib.get_watermark_offsets(*where, *bounds) else high.value
        raise_code(self._lib.query_watermark_offsets(*where, *bounds, int(wait_s * 1000)))
        return high.value

    def close(self) -> None:
        with self._lock:
            if self._queue is None:
                return
            self._lib.consumer_close(self._client.handle)
            self._lib.queue_destroy(self._queue)
            self._queue = None
            self._client.destroy()

    def __del__(self) -> None:
        """Frees a consumer that was forgotten."""
        if getattr(self, "_lock", None) is not None:
            self.close()

    # ---- into Arrow ----

    def _converted(self, messages: _Words) -> Pulled:
        errors = np.empty(len(messages), np.int32)
        topics: _Words = np.empty(len(messages), np.int64)
        kernels.read_heads(messages, errors, topics)
        events: list[Event] = []
        if errors.any():
            events = [self._event(int(address)) for address in messages[errors != 0]]
            messages, topics = messages[errors == 0], topics[errors == 0]
        if not len(messages):
            return Pulled([], events)
        chunks: list[Chunk] = []
        if (topics == topics[0]).all():
            self._append_chunks(chunks, self._name(int(topics[0])), messages)
        else:
            # Several handles may stand for one topic.
            by_name: dict[str, list[int]] = {}
            for address in dict.fromkeys(topics.tolist()):
                by_name.setdefault(self._name(address), []).append(address)
            for name, addresses in by_name.items():
                self._append_chunks(chunks, name, messages[np.isin(topics, addresses)])
        return Pulled(chunks, events)

    def _append_chunks(self, chunks: list[Chunk], topic: str, messages: _Words) -> None:
        count = len(messages)
        partitions = np.empty(count, np.int32)
        offsets, stamps = np.empty(count, np.int64), np.empty(count, np.int64)
        keys, values = np.empty((2, count), np.int64), np.empty((2, count), np.int64)
        kernels.read_fields(
            messages,
            self._lib.address("message_timestamp"),
            partitions,
            offsets,
            stamps,
            keys,
            values,
        )
        if count > 1 and max(int(keys[1].sum()), int(values[1].sum())) > BYTES_MAX:
            self._append_chunks(chunks, topic, messages[: count // 2])
            self._append_chunks(chunks, topic, messages[count // 2 :])
            return
        columns = [
            _binary(keys),
            _binary(values),
            pa.array(stamps),
            self._header_lists(messages),
            pa.array(partitions),
            pa.array(offsets),
        ]
        records = pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)
        chunks.append(Chunk(topic, records, ends_of(partitions, offsets)))

    def _header_lists(self, messages: _Words) -> pa.Array:
        count = len(messages)
        if not self._headers:
            return pa.nulls(count, _HEADERS_TYPE)
        headers, counts = np.empty(count, np.int64), np.empty(count, np.int64)
        lib = self._lib
        total = kernels.count_headers(
            messages, lib.address("message_headers"), lib.address("header_cnt"), headers, counts
        )
        if not total:
            return pa.nulls(count, _HEADERS_TYPE)
        names, values = np.empty((2, total), np.int64), np.empty((2, total), np.int64)
        kernels.read_headers(headers, counts, lib.address("header_get_all"), names, values)
        # A header's name is never null; an empty one is a place with no bytes.
        pairs = pa.StructArray.from_arrays(
            [_binary(names).cast(pa.string()), _binary(values)],
            fields=list(_HEADERS_TYPE.value_type),
        )
        bounds = np.zeros(count + 1, np.int32)
        np.cumsum(counts, out=bounds[1:])
        return pa.ListArray.from_arrays(
            pa.array(bounds), pairs, type=_HEADERS_TYPE, mask=pa.array(counts == 0)
        )

    def _name(self, topic: int) -> str:
        name: str = self._lib.topic_name(topic).decode()
        return name

    def _event(self, message: int) -> Event:
        head = MessageHead.from_address(message)
        text = (self._lib.message_errstr(message) or b"").decode(errors="replace")
        topic = self._lib.topic_name(head.topic).decode() if head.topic else ""
        place = TopicPartition(topic, max(head.partition, 0))
        return Event(place, head.offset, error_of(head.err, text))


def _binary(spans: _Words) -> pa.Array:
    """The bytes at these addresses as an array; address 0 is null."""
    count = spans.shape[1]
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(spans[1], out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    kernels.gather(spans, offsets, data)
    missing = spans[0] == 0
    nulls = int(np.count_nonzero(missing))
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little")) if nulls else None
    return pa.Array.from_buffers(
        pa.binary(),
        count,
        [valid, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)],
        null_count=nulls,
    )
