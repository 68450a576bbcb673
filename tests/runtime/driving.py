"""Engines whose tasks a test drives epoch by epoch, and what they have left in log and state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from merganser.engine.clock import SimulatedClock
from merganser.engine.duck import identifier, physical_name
from merganser.engine.engine import Engine, EngineConfig
from merganser.engine.log.protocol import (
    OUTPUT_SCHEMA,
    Log,
    Output,
    Reader,
    TopicBatch,
    TopicPartition,
)
from merganser.engine.runtime.task import Task

Cut = Mapping[TopicPartition, int]
"""Where an epoch ends, per input partition; partitions that are not named stay where they are."""

State = dict[str, list[tuple[object, ...]]]
"""A state database: table → rows, in an order of their own."""


class Input(NamedTuple):
    """A record to be written."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class Written(NamedTuple):
    """A record of an output topic, as it was read."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


@contextmanager
def opened(
    log: Log,
    data_dir: Path | None,
    *,
    autorun: bool = False,
    service_id: str = "test_",
    properties: Mapping[str, str] | None = None,
) -> Iterator[Engine]:
    """An engine at wall-clock time 0 that reads from the beginning; started, and closed at last."""
    config = EngineConfig(
        service_id=service_id,
        data_dir=data_dir,
        properties={"ksql.streams.auto.offset.reset": "earliest", **(properties or {})},
        autorun=autorun,
    )
    engine = Engine(config, log=log, clock=SimulatedClock())
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def append(log: Log, records: Sequence[Input]) -> None:
    """Writes records to their topics and partitions, in the order given."""
    for topic in dict.fromkeys(record.topic for record in records):
        mine = [record for record in records if record.topic == topic]
        table = pa.table(
            {
                "key": pa.array([record.key for record in mine], pa.binary()),
                "value": pa.array([record.value for record in mine], pa.binary()),
                "timestamp": pa.array([record.timestamp_ms for record in mine], pa.int64()),
                "headers": pa.nulls(len(mine), OUTPUT_SCHEMA.field("headers").type),
            },
            schema=OUTPUT_SCHEMA,
        )
        places = pa.array([record.partition for record in mine], pa.int32())
        log.append(Output(topic, table, places))


def run_to(log: Log, task: Task, cut: Cut) -> None:
    """One epoch by hand: from where the task is to `cut`. Nothing new, no epoch."""
    batches = unread(log, task, cut)
    if batches:
        task.run_epoch(batches)


def run_all(engine: Engine) -> None:
    """One epoch a task, in creation order, over all that is there."""
    for task in engine.tasks():
        task.open()
        ends: dict[TopicPartition, int] = {}
        for topic in task.source_topics:
            ends.update(engine.log.end_positions(topic))
        run_to(engine.log, task, ends)


def unread(log: Log, task: Task, cut: Cut) -> list[TopicBatch]:
    """The records between a task's positions and `cut`."""
    task.open()
    positions = task.positions
    ranges = {
        place: (position, cut[place])
        for place, position in positions.items()
        if position < cut.get(place, position)
    }
    reader = log.reader(positions)
    try:
        return reader.read(ranges) if ranges else []
    finally:
        reader.close()


def written(log: Log, topic: str) -> list[Written]:
    """All records of a topic, partition by partition."""
    reader = log.reader(log.start_positions(topic))
    try:
        batches = _all(reader, log.end_positions(topic))
    finally:
        reader.close()
    rows = [
        Written(row["partition"], row["offset"], row["key"], row["value"], row["timestamp"])
        for batch in batches
        for row in batch.records.to_pylist()
    ]
    return sorted(rows, key=lambda row: (row.partition, row.offset))


def _all(reader: Reader, ends: Mapping[TopicPartition, int]) -> list[TopicBatch]:
    batches: list[TopicBatch] = []
    while any(reader.positions()[place] < end for place, end in ends.items()):
        batches += reader.poll(10_000, 1000)
    return batches


def latest(records: Sequence[Written]) -> dict[bytes | None, tuple[bytes, int]]:
    """A changelog merged by key: the last value and timestamp; a tombstone takes its key away."""
    merged: dict[bytes | None, tuple[bytes, int]] = {}
    for record in records:
        if record.value is None:
            merged.pop(record.key, None)
        else:
            merged[record.key] = (record.value, record.timestamp_ms)
    return merged


def state_of(task: Task) -> State:
    """Everything in a task's committed state, its place in the log included."""
    task.open()
    cursor = task.session.duck.cursor()
    try:
        alias = identifier(task.state_alias)
        names = cursor.rows(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY 1",
            [physical_name(task.state_alias)],
        )
        return {
            str(name): sorted(cursor.rows(f'SELECT * FROM {alias}.main."{name}"'), key=repr)
            for (name,) in names
        }
    finally:
        cursor.close()


def table_of(task: Task) -> list[tuple[object, ...]]:
    """The rows of a task's materialised table, as pull queries see them."""
    task.open()
    materialization = task.topology.materialization
    assert materialization is not None
    cursor = task.session.duck.cursor()
    try:
        rows = cursor.rows(materialization.sql.format(state=identifier(task.state_alias)))
    finally:
        cursor.close()
    return sorted(rows, key=repr)


def wait_until(claim: Callable[[], bool], seconds_max: float = 60.0) -> None:
    """Waits for what another thread is to bring about.

    Raises:
        TimeoutError: It did not.
    """
    pause = threading.Event()
    deadline = time.monotonic() + seconds_max
    while not claim():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about")
        pause.wait(0.01)


def has_read_all(log: Log, task: Task) -> bool:
    """Whether a task has computed everything that is there."""
    positions = task.positions
    return all(
        positions.get(place, -1) >= end
        for topic in task.source_topics
        for place, end in log.end_positions(topic).items()
    )
