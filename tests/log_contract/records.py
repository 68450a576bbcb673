"""Making records and reading them back, for tests of the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from merganser.engine.log.protocol import (
    OUTPUT_SCHEMA,
    RECORD_SCHEMA,
    Log,
    Output,
    Reader,
    TopicBatch,
    TopicPartition,
)

READ_SECONDS_MAX = 20.0
START_MS = 1_700_000_000_000

Header = tuple[str, bytes | None]


class Record(NamedTuple):
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


def table(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None] | None = None,
    timestamps: Sequence[int | None] | None = None,
    headers: Sequence[Sequence[Header] | None] | None = None,
) -> pa.Table:
    """Records to be written. Values are `v0`, `v1`, … and timestamps count up, if not given."""
    count = len(keys)
    if values is None:
        values = [b"v%d" % index for index in range(count)]
    if timestamps is None:
        timestamps = [START_MS + index for index in range(count)]
    lists = [
        None if each is None else [{"key": name, "value": value} for name, value in each]
        for each in (headers or [None] * count)
    ]
    columns = [
        pa.array(keys, pa.binary()),
        pa.array(values, pa.binary()),
        pa.array(timestamps, pa.int64()),
        pa.array(lists, OUTPUT_SCHEMA.field("headers").type),
    ]
    return pa.table(columns, schema=OUTPUT_SCHEMA)


def append(
    log: Log, topic: str, keys: Sequence[bytes | None], partition: int | None = None
) -> None:
    """Writes records with these keys, all to one partition if it is given."""
    partitions = None if partition is None else pa.array([partition] * len(keys), pa.int32())
    log.append(Output(topic, table(keys), partitions))


def records(batches: Iterable[TopicBatch]) -> list[Record]:
    """The records of batches, in the order given. Checks what every batch keeps."""
    found = []
    for batch in batches:
        assert batch.records.schema == RECORD_SCHEMA
        assert batch.records.num_rows, "an empty batch"
        last: dict[int, int] = {}
        for row in batch.records.to_pylist():
            partition, offset = row["partition"], row["offset"]
            assert offset > last.get(partition, -1), "offsets of a partition do not ascend"
            last[partition] = offset
            found.append(
                Record(batch.topic, partition, offset, row["key"], row["value"], row["timestamp"])
            )
    return found


def poll_until(
    reader: Reader, ends: Mapping[TopicPartition, int], rows_max: int = 1_000
) -> list[TopicBatch]:
    """Polls until these positions are reached."""
    until = time.monotonic() + READ_SECONDS_MAX
    batches: list[TopicBatch] = []
    while any(reader.positions()[place] < end for place, end in ends.items()):
        assert time.monotonic() < until, f"reached {reader.positions()}, not {dict(ends)}"
        batches += reader.poll(rows_max, 100)
    return batches


def read_all(log: Log, *topics: str, count: int = 0) -> list[Record]:
    """All committed records, by topic, partition and offset.

    Waits for `count` of them: Kafka shows the records of an epoch a moment after its commit.
    """
    reader = log.reader(_positions(topics, log.start_positions))
    found: list[Record] = []
    until = time.monotonic() + READ_SECONDS_MAX
    try:
        while True:
            found += records(poll_until(reader, _positions(topics, log.end_positions)))
            if len(found) >= count:
                return sorted(found, key=lambda record: record[:3])
            assert time.monotonic() < until, f"{len(found)} of {count} records"
    finally:
        reader.close()


def _positions(
    topics: Sequence[str], ask: Callable[[str], dict[TopicPartition, int]]
) -> dict[TopicPartition, int]:
    return {place: position for topic in topics for place, position in ask(topic).items()}
