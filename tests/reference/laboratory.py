"""Runs a trial on the engine, and says where its result is not the reference's."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow as pa

from merganser.engine.engine import Engine
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.murmur2 import partitions_of
from merganser.engine.log.protocol import TopicPartition
from merganser.engine.runtime.task import Task
from tests.reference.drawing import KEYS, Drawn, Trial, common_order, cuts_of
from tests.reference.queries import Query, evaluate
from tests.reference.rows import Row, Window
from tests.runtime.driving import Input, Written, append, opened, run_to, written

PARTITIONS = 2
SOURCES = """
CREATE STREAM S (K STRING KEY, G STRING, V BIGINT, XS ARRAY<BIGINT>)
  WITH (KAFKA_TOPIC='S', FORMAT='JSON', PARTITIONS=2);
CREATE STREAM R (K STRING KEY, H STRING, W BIGINT)
  WITH (KAFKA_TOPIC='R', FORMAT='JSON', PARTITIONS=2);
CREATE TABLE T (K STRING PRIMARY KEY, NAME STRING, N BIGINT)
  WITH (KAFKA_TOPIC='T', FORMAT='JSON', PARTITIONS=2);
CREATE TABLE U (K STRING PRIMARY KEY, FK STRING, M BIGINT)
  WITH (KAFKA_TOPIC='U', FORMAT='JSON', PARTITIONS=2);
"""
PLACES = dict(
    zip(
        KEYS,
        partitions_of(pa.array([orjson.dumps(key) for key in KEYS]), PARTITIONS).tolist(),
        strict=True,
    )
)


class Told(NamedTuple):
    """A row of the result, as it can be compared."""

    key: str
    window: Window | None
    value: str | None
    time_ms: int


@contextmanager
def laboratory(data_dir: Path) -> Iterator[Laboratory]:
    """An engine with the sources, on which one query after the other is tried."""
    log = EmbeddedLog()
    with opened(log, data_dir) as engine:
        engine.execute(SOURCES)
        yield Laboratory(engine, log)
    log.close()


class Laboratory:
    """Runs trials."""

    def __init__(self, engine: Engine, log: EmbeddedLog) -> None:
        self.engine = engine
        self.log = log
        self._count = 0

    @contextmanager
    def task(self, query: Query) -> Iterator[Task]:
        """The query, running over nothing; it is dropped afterwards."""
        self._count += 1
        name = f"OUT{self._count}"
        for source in "SRTU":
            self.log.delete_topic(source)
            self.log.create_topic(source, PARTITIONS, None, {})
        self.engine.execute(query.statement(name))
        (task,) = self.engine.tasks()
        try:
            yield task
        finally:
            kind = "TABLE" if query.is_table else "STREAM"
            self.engine.execute(f"DROP {kind} {name} DELETE TOPIC;")

    def check(self, trial: Trial) -> None:
        """Runs the trial and compares all that may be compared."""
        records = trial.records
        places = [TopicPartition(record.source, place_of(record)) for record in records]
        times = [record.time_ms for record in records]
        order = common_order(list(zip(places, times, strict=True)))
        expected = evaluate(trial.query, [_row(records[index]) for index in order])
        cuts = cuts_of(trial.epochs, [places[index] for index in order])
        with self.task(trial.query) as task:
            append(self.log, [_input(record) for record in records])
            assert task.sink_topic is not None
            found: list[list[Told]] = []
            seen: set[tuple[int, int]] = set()
            for cut, epoch in cuts:
                if epoch.restart is not None:
                    task.restart(keep_state=epoch.restart)
                run_to(self.log, task, cut)
                new = [
                    record
                    for record in written(self.log, task.sink_topic)
                    if (record.partition, record.offset) not in seen
                ]
                seen |= {(record.partition, record.offset) for record in new}
                found.append([_told_of(record, trial.query) for record in new])
        _compare(trial, [epoch.count for _, epoch in cuts], expected, found)


def place_of(record: Drawn) -> int:
    """The partition of a record."""
    return PLACES[record.key] if record.key is not None else 0


def _input(record: Drawn) -> Input:
    key = orjson.dumps(record.key) if record.key is not None else None
    value = orjson.dumps(record.value) if record.value is not None else None
    return Input(record.source, place_of(record), key, value, record.time_ms)


def _row(record: Drawn) -> tuple[str, Row]:
    columns = None
    if record.value is not None:
        columns = {f"{record.source}.{name}": value for name, value in record.value.items()}
        columns[f"{record.source}.K"] = record.key
    return record.source, Row((record.key,), columns, record.time_ms, place_of(record))


def difference(found: Sequence[Told], expected: Sequence[Told]) -> str:
    """What is there too much and too little."""
    more, less = Counter(found) - Counter(expected), Counter(expected) - Counter(found)
    return "\n".join([*(f"+ {row}" for row in more), *(f"- {row}" for row in less)])


def _compare(
    trial: Trial, counts: Sequence[int], expected: list[list[Row]], found: list[list[Told]]
) -> None:
    query = trial.query
    told = [[_told(row) for row in rows] for rows in expected]
    everything = [row for rows in found for row in rows]
    last = told[-1]
    due_late = query.is_final or bool(last)
    if not query.is_table or query.is_final:
        _assert_same(everything, [row for rows in told for row in rows])
    else:
        _assert_same(_latest(everything), _latest([row for rows in told for row in rows]))
    if due_late:
        return
    # Epoch by epoch: a stream's rows are all there, a table is right at each end.
    start = 0
    expected_so_far: list[Told] = []
    found_so_far: list[Told] = []
    for count, rows in zip(counts, found, strict=True):
        expected_so_far += [row for more in told[start : start + count] for row in more]
        found_so_far += rows
        start += count
        if query.is_table:
            _assert_same(_latest(found_so_far), _latest(expected_so_far))
        else:
            _assert_same(found_so_far, expected_so_far)
    if query.is_table and all(count == 1 for count in counts):
        if query.calls and query.joins:  # Of what one record changes in a group the last is told.
            expected_so_far = [row for rows in told for row in _latest_told(rows)]
        changes = _by_key(found_so_far)
        for key, mine in _by_key(expected_so_far).items():
            assert changes.get(key) == mine


def _assert_same(found: Sequence[Told], expected: Sequence[Told]) -> None:
    wrong = difference(found, expected)
    assert not wrong, f"the engine gives + what it should not, and not -:\n{wrong}"


def _latest(rows: Sequence[Told]) -> list[Told]:
    latest: dict[tuple[str, Window | None], Told] = {}
    for row in rows:
        latest.pop((row.key, row.window), None)
        if row.value is not None:
            latest[row.key, row.window] = row
    return list(latest.values())


def _latest_told(rows: Sequence[Told]) -> list[Told]:
    """The last row of each key and window, deletions included, but not if it comes again."""
    return list({(row.key, row.window, row.value is None): row for row in rows}.values())


def _by_key(rows: Sequence[Told]) -> dict[tuple[str, Window | None], list[Told]]:
    """Each key's changes in order; a deletion of what is not there says nothing."""
    found: dict[tuple[str, Window | None], list[Told]] = {}
    for row in rows:
        mine = found.setdefault((row.key, row.window), [])
        if row.value is not None or (mine and mine[-1].value is not None):
            mine.append(row)
    return {key: changes for key, changes in found.items() if changes}


def _told(row: Row) -> Told:
    value = _text(dict(row.columns)) if row.columns is not None else None
    return Told(_text(list(row.key)), row.window, value, row.time_ms)


def _told_of(record: Written, query: Query) -> Told:
    key, window = record.key, None
    if query.over is not None:
        assert key is not None
        bounds = 2 if query.over.kind == "SESSION" else 1
        key, suffix = key[: -8 * bounds], key[-8 * bounds :]
        last = int.from_bytes(suffix[-8:], "big")
        end = int.from_bytes(suffix[:8], "big") if bounds == 2 else last + query.over.size_ms
        window = Window(last, end)
    value = orjson.loads(record.value) if record.value is not None else None
    text = _text(value) if value is not None else None
    return Told(_key_text(key, query), window, text, record.timestamp_ms)


def _key_text(key: bytes | None, query: Query) -> str:
    loaded = orjson.loads(key) if key is not None else None
    if len(query.key) > 1:
        assert isinstance(loaded, dict)
        return _text(list(loaded.values()))
    return _text([loaded])


def _text(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: object) -> object:
    """Numbers to nine digits: a reference sums in another order."""
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
