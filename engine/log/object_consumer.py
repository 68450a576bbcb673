"""A Kafka consumer by the Python client: an object a record, then Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import confluent_kafka
import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, Message

from merganser.engine.log.kafka_client import LOGGER, Setting
from merganser.engine.log.kafka_records import Chunk, Event, OnError, Pulled, ends_of
from merganser.engine.log.protocol import RECORD_SCHEMA, TopicPartition

ROWS_MAX = 2_000  # Lists of 10,000 and of 1,000 were both slower.

_HEADERS_TYPE = RECORD_SCHEMA.field("headers").type


class ObjectConsumer:
    """See `RecordConsumer`."""

    rows_max = ROWS_MAX

    def __init__(
        self, settings: Mapping[str, Setting], on_error: OnError, *, headers: bool
    ) -> None:
        self._headers = headers
        self._consumer = Consumer({**settings, "error_cb": on_error}, logger=LOGGER)

    def consume(self, rows_max: int, wait_s: float) -> Pulled:
        messages = self._consumer.consume(min(rows_max, ROWS_MAX), wait_s)
        events = []
        if any(map(Message.error, messages)):
            events = [_event(each) for each in messages if each.error() is not None]
            messages = [each for each in messages if each.error() is None]
        by_topic = _by_topic(messages)
        return Pulled([_converted(*each, headers=self._headers) for each in by_topic], events)

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._consumer.assign(
            [
                confluent_kafka.TopicPartition(place.topic, place.partition, position)
                for place, position in positions.items()
            ]
        )

    def end(self, place: TopicPartition, wait_s: float) -> int:
        where = confluent_kafka.TopicPartition(*place)
        if not wait_s:
            return self._consumer.get_watermark_offsets(where, cached=True)[1]
        return self._consumer.get_watermark_offsets(where, timeout=wait_s)[1]

    def close(self) -> None:
        self._consumer.close()


def _event(message: Message) -> Event:
    error, offset = message.error(), message.offset()
    assert error is not None
    place = TopicPartition(message.topic() or "", message.partition() or 0)
    return Event(place, -1 if offset is None else offset, error)


def _by_topic(messages: list[Message]) -> list[tuple[str, list[Message]]]:
    if not messages:
        return []
    names = [message.topic() or "" for message in messages]
    if names[0] == names[-1] and len(set(names)) == 1:
        return [(names[0], messages)]
    found: dict[str, list[Message]] = {}
    for name, message in zip(names, messages, strict=True):
        found.setdefault(name, []).append(message)
    return list(found.items())


def _converted(topic: str, messages: list[Message], *, headers: bool) -> Chunk:
    count = len(messages)
    # Numpy reads lists of numbers in half the time.
    partitions = np.fromiter(cast("list[int]", list(map(Message.partition, messages))), np.int32)
    offsets = np.fromiter(cast("list[int]", list(map(Message.offset, messages))), np.int64)
    columns = [
        pa.array(list(map(Message.key, messages)), pa.binary()),
        pa.array(list(map(Message.value, messages)), pa.binary()),
        pa.array(np.fromiter((message.timestamp()[1] for message in messages), np.int64, count)),
        _headers(messages) if headers else pa.nulls(count, _HEADERS_TYPE),
        pa.array(partitions),
        pa.array(offsets),
    ]
    records = pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)
    return Chunk(topic, records, ends_of(partitions, offsets))


def _headers(messages: list[Message]) -> pa.Array:
    found = cast("list[list[tuple[str, bytes | None]]]", list(map(Message.headers, messages)))
    if not any(found):
        return pa.nulls(len(found), _HEADERS_TYPE)
    return pa.array(
        [[{"key": key, "value": value} for key, value in each] if each else None for each in found],
        _HEADERS_TYPE,
    )
