"""Appending records to a topic without SQL, for those who have records and no client of Kafka.

Records are spread over the partitions by their keys, as Java's producers do it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa

from merganser.engine.log.protocol import OUTPUT_SCHEMA, Log, Output
from merganser.errors import InternalError
from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, open_log


class Record(NamedTuple):
    """A record as it will lie in the log; `timestamp_ms` is its event time."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class Producer:
    """Appends to one topic, which is created if there is none of that name."""

    def __init__(self, log: Log, topic: str, *, partition_count: int = 1) -> None:
        self._log = log
        self._topic = topic
        log.create_topic(topic, partition_count, None, {})

    def append(self, records: Sequence[Record]) -> None:
        """Writes records, in order; they are durable when this returns.

        Raises:
            LogError: The log refused or did not answer.
        """
        columns = zip(*records, strict=True) if records else ((), (), ())
        keys, values, timestamps = (list(column) for column in columns)
        table = pa.table(
            {
                "key": pa.array(keys, pa.binary()),
                "value": pa.array(values, pa.binary()),
                "timestamp": pa.array(timestamps, pa.int64()),
                "headers": pa.nulls(len(records), OUTPUT_SCHEMA.field("headers").type),
            },
            schema=OUTPUT_SCHEMA,
        )
        self._log.append(Output(self._topic, table))


@contextmanager
def producer(config: ServerConfig, topic: str, *, partition_count: int = 1) -> Iterator[Producer]:
    """A producer over the log that a configuration names, opened for it and closed behind it.

    Raises:
        LogError: The log cannot be opened; an embedded one is held by the server that runs on it.
    """
    log = open_log(config)
    try:
        yield Producer(log, topic, partition_count=partition_count)
    finally:
        log.close()


def producer_beside(server: RunningServer, topic: str, *, partition_count: int = 1) -> Producer:
    """A producer over the log of a server in this process."""
    log = getattr(server.engine, "log", None)
    if log is None:
        raise InternalError("the server's engine has no log")
    return Producer(log, topic, partition_count=partition_count)
