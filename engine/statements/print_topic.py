"""PRINT: the records of a topic as text, in formats that are guessed.

`print_topic` is no handler: its answer is a stream of lines, not an entity.
Source: parity/rest-api.md, PRINT.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from merganser.engine.answer import FormatLine, PrintResult
from merganser.engine.log.protocol import Log, TopicBatch, TopicPartition
from merganser.engine.statements.guess_format import FormatGuess, key_guess, value_guess
from merganser.engine.statements.handlers import Session
from merganser.errors import UnknownTopicError
from merganser.parser import ast

POLL_ROWS = 500
POLL_MS = 200  # How soon an ended PRINT is noticed.
IDLE_POLLS = 5  # An empty line a second while nothing comes.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Record:
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    partition: int


def print_topic(statement: ast.PrintTopic, session: Session) -> PrintResult:
    """Starts printing; the lines are made by whoever iterates them.

    Raises:
        UnknownTopicError: There is no such topic; hints at names that differ only in case.
    """
    if session.log.topic(statement.topic) is None:
        names = [topic.name for topic in session.log.topics()]
        same = [name for name in names if name.lower() == statement.topic.lower()]
        near = same or difflib.get_close_matches(statement.topic, names, n=3)
        raise UnknownTopicError(
            f'topic "{statement.topic}" does not exist',
            hint=f"Did you mean {' or '.join(near)}? Letter case matters." if near else None,
            span=statement.span,
        )
    reset = str(session.setting("auto.offset.reset") or "").lower()
    from_start = statement.from_beginning or reset == "earliest"
    read = session.log.start_positions if from_start else session.log.end_positions
    ended = threading.Event()
    lines = _lines(statement, session.log, read(statement.topic), ended)
    return PrintResult(lines, close=ended.set)


def _lines(
    statement: ast.PrintTopic,
    log: Log,
    positions: dict[TopicPartition, int],
    ended: threading.Event,
) -> Iterator[str]:
    key, value = key_guess(), value_guess()
    interval, seen, printed, idle = statement.interval or 1, 0, 0, 0
    reader = log.reader(positions, headers=False)
    try:
        while not ended.is_set():
            if statement.limit is not None and printed >= statement.limit:
                return
            batches = reader.poll(POLL_ROWS, POLL_MS)
            if not batches:
                idle += 1
                if idle % IDLE_POLLS == 0:
                    yield ""
                continue
            idle = 0
            records = _records(batches)
            yield from _format_lines(key, value, records)
            for record in records:
                seen += 1
                if (seen - 1) % interval:
                    continue
                if ended.is_set() or (statement.limit is not None and printed >= statement.limit):
                    return
                printed += 1
                yield _line(record, key, value)
    finally:
        reader.close()


def _records(batches: Sequence[TopicBatch]) -> list[_Record]:
    return [
        _Record(*fields)
        for batch in batches
        for fields in zip(
            *(
                batch.records.column(name).to_pylist()
                for name in ("key", "value", "timestamp", "partition")
            ),
            strict=True,
        )
    ]


def _format_lines(
    key: FormatGuess, value: FormatGuess, records: Sequence[_Record]
) -> Iterator[FormatLine]:
    """The lines for guesses that these records have changed."""
    if key.narrow([record.key for record in records]):
        yield FormatLine(f"Key format: {key.text}")
    if value.narrow([record.value for record in records]):
        yield FormatLine(f"Value format: {value.text}")


def _line(record: _Record, key: FormatGuess, value: FormatGuess) -> str:
    return (
        f"rowtime: {_time(record.timestamp_ms)}, key: {key.shown(record.key)}, "
        f"value: {value.shown(record.value)}, partition: {record.partition}"
    )


def _time(timestamp_ms: int) -> str:
    if timestamp_ms < 0:
        return "N/A"
    moment = _EPOCH + timedelta(milliseconds=timestamp_ms)
    return f"{moment:%Y/%m/%d %H:%M:%S}.{timestamp_ms % 1000:03} Z"
