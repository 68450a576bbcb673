"""Engines over JSON records for the tests of Python functions: what goes in, what comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from merganser.engine.engine import Engine
from merganser.engine.functions.python.declarations import Declarations, collecting
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import Log
from tests.runtime.driving import Input, append, opened, run_to, unread, written

INPUT = "input"
PROCESSING_LOG = "test_ksql_processing_log"
LOGGED = {"ksql.logging.processing.topic.auto.create": "true"}


@contextmanager
def engine_with(
    declared: Declarations | None = None,
    *,
    log: Log | None = None,
    data_dir: Path | None = None,
    properties: Mapping[str, str] | None = None,
) -> Iterator[Engine]:
    """A started engine that knows the declared functions; records of failures are written."""
    with opened(
        log or EmbeddedLog(), data_dir, properties={**LOGGED, **(properties or {})}
    ) as engine:
        if declared is not None:
            engine.functions.loaded.take(declared)
        yield engine


@contextmanager
def declaring() -> Iterator[Declarations]:
    """What is declared inside, without telling anybody else in the process."""
    found = Declarations()
    with collecting(found):
        yield found


def feed(engine: Engine, *values: object, key: str | None = "k", topic: str = INPUT) -> None:
    """Writes JSON values, one record each."""
    encoded = [
        Input(
            topic,
            0,
            key.encode() if key is not None else None,
            None if value is None else json.dumps(value).encode(),
            index,
        )
        for index, value in enumerate(values)
    ]
    append(engine.log, encoded)


def run(engine: Engine) -> None:
    """Each query reads all that there is, in one epoch."""
    for task in engine.tasks():
        task.open()
        ends = {
            place: end
            for topic in task.source_topics
            for place, end in engine.log.end_positions(topic).items()
        }
        if unread(engine.log, task, ends):
            run_to(engine.log, task, ends)


def output(engine: Engine, topic: str = "OUT") -> list[object]:
    """The JSON values of a topic."""
    return [
        json.loads(record.value) if record.value is not None else None
        for record in written(engine.log, topic)
    ]


def failures(engine: Engine) -> list[tuple[str, int | None, Sequence[str]]]:
    """Message, offset and cause of each entry in the processing log."""
    found: list[tuple[str, int | None, Sequence[str]]] = []
    for entry in output(engine, PROCESSING_LOG):
        assert isinstance(entry, dict)
        body = entry["message"]["recordProcessingError"]
        found.append((body["errorMessage"], body["offset"], body["cause"]))
    return found


def stream(columns: str) -> str:
    """The statement that makes the input a stream."""
    return (
        f"CREATE STREAM s (k STRING KEY, {columns}) "
        f"WITH (KAFKA_TOPIC='{INPUT}', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
