"""A crash at each point of an epoch, for each kind of query: nothing is lost and nothing doubled.

What is on the disk at that moment is copied away, as a killed process would leave it. A new engine
goes on with the copy: it reads names and queries from the command topic, catches up with the log,
and does the rest. Log and state then have to be those of a run without a crash.
"""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import Log
from merganser.engine.runtime import faults
from merganser.engine.runtime.faults import Point
from merganser.engine.runtime.task import Task
from tests.runtime.driving import (
    Cut,
    Input,
    State,
    Written,
    append,
    has_read_all,
    latest,
    opened,
    run_to,
    state_of,
    table_of,
    wait_until,
    written,
)
from tests.runtime.sample_queries import SAMPLES, SOURCES, Sample, cuts_in_order, sample_records

SEED = 7
RECORDS = 80
EPOCHS = 3
CRASHED = (
    "filter",
    "union_totals",
    "running",
    "top_two",
    "tumbling",
    "hopping",
    "final",
    "having",
    "stream_table",
    "stream_stream_left",
    "session",
    "table_table",
    "collect",
)


class Crash(BaseException):
    """The end of the process."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a run has left."""

    output: Sequence[Written]
    state: State


@contextmanager
def faulty(fault: Callable[[Point], None]) -> Iterator[None]:
    """Puts a fault in place for a while."""
    faults.inject(fault)
    try:
        yield
    finally:
        faults.inject(None)


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Left]:
    """What runs without a crash leave, by name of the query; filled as it is asked for."""
    return {}


def _expected(known: dict[str, Left], name: str) -> Left:
    if name not in known:
        log = EmbeddedLog()
        cuts = _prepare(log, name, None)
        with opened(log, None) as engine:
            (task,) = engine.tasks()
            for cut in cuts:
                run_to(log, task, cut)
            known[name] = Left(written(log, "OUT"), state_of(task))
        log.close()
    return known[name]


def _prepare(log: Log, name: str, data_dir: Path | None) -> list[Cut]:
    """Makes sources, query and records; gives the epochs."""
    sample = SAMPLES[name]
    records = sample_records(SEED, RECORDS)
    with opened(log, data_dir) as engine:
        engine.execute(SOURCES + sample.statement)
    append(log, records)
    mine = [record for record in records if record.topic in sample.topics]
    return cuts_in_order(mine, [len(mine) // EPOCHS] * (EPOCHS - 1))


POINTS = tuple(Point)
ROTATIONS = [
    pytest.param(0, id="first"),
    pytest.param(1, id="second", marks=pytest.mark.slow),
    pytest.param(2, id="third", marks=pytest.mark.slow),
]
"""Epoch n crashes at point n + rotation: all three together put each point into each epoch."""


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("name", CRASHED)
def test_crash_in_each_epoch_on_files(
    name: str, rotation: int, undisturbed: dict[str, Left], tmp_path: Path
) -> None:
    """The machine keeps its disk: log and state are files."""
    place = tmp_path / "0"
    place.mkdir()
    log = EmbeddedLog(place / "log.duckdb")
    cuts = _prepare(log, name, place)
    log.close()
    for number, (done, cut) in enumerate(pairwise([{}, *cuts]), start=1):
        crashed = tmp_path / str(number)
        point = POINTS[(number + rotation) % len(POINTS)]

        def crash(
            at: Point, point: Point = point, place: Path = place, crashed: Path = crashed
        ) -> None:
            if at is point:
                shutil.copytree(place, crashed)
                raise Crash

        log = EmbeddedLog(place / "log.duckdb")
        with opened(log, place) as engine:
            (task,) = engine.tasks()
            run_to(log, task, done)
            with faulty(crash), pytest.raises(Crash):
                run_to(log, task, cut)
        log.close()
        place = crashed
    log = EmbeddedLog(place / "log.duckdb")
    with opened(log, place) as engine:
        (task,) = engine.tasks()
        run_to(log, task, cuts[-1])
        assert task.rebuilt_because is None
        assert Left(written(log, "OUT"), state_of(task)) == _expected(undisturbed, name)
    log.close()


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("name", CRASHED)
def test_crash_in_each_epoch_in_memory(
    name: str, rotation: int, undisturbed: dict[str, Left]
) -> None:
    """The log stays and all state is gone each time."""
    log = EmbeddedLog()
    cuts = _prepare(log, name, None)
    for number, (done, cut) in enumerate(pairwise([{}, *cuts]), start=1):
        point = POINTS[(number + rotation) % len(POINTS)]

        def crash(at: Point, point: Point = point) -> None:
            if at is point:
                raise Crash

        with opened(log, None) as engine:
            (task,) = engine.tasks()
            run_to(log, task, done)
            with faulty(crash), pytest.raises(Crash):
                run_to(log, task, cut)
    with opened(log, None) as engine:
        (task,) = engine.tasks()
        run_to(log, task, cuts[-1])
        assert Left(written(log, "OUT"), state_of(task)) == _expected(undisturbed, name)
    log.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", ["filter", "tumbling", "session", "table_table"])
def test_crash_of_the_threads(name: str, point: Point, tmp_path: Path) -> None:
    """The task's own threads cut the epochs; each crash comes one epoch later than the last."""
    sample = SAMPLES[name]
    log = EmbeddedLog()
    with opened(log, tmp_path) as engine:
        engine.execute(SOURCES + sample.statement)
    records = [r for r in sample_records(SEED, 400) if r.topic in sample.topics]
    shares = [records[start : start + 4] for start in range(0, len(records), 4)]
    for number in range(1, 4):
        crashed = threading.Event()
        hits = itertools.count(1)

        def crash(
            at: Point,
            hits: Iterator[int] = hits,
            number: int = number,
            crashed: threading.Event = crashed,
        ) -> None:
            if at is point and next(hits) == number:
                crashed.set()
                raise Crash

        with faulty(crash), opened(log, tmp_path, autorun=True) as engine:
            _feed(log, engine.tasks()[0], shares, crashed)
    append(log, [record for share in shares for record in share])
    with opened(log, tmp_path, autorun=True) as engine:
        (task,) = engine.tasks()
        wait_until(lambda: has_read_all(log, task))
    with opened(log, tmp_path) as engine:
        (task,) = engine.tasks()
        found = _merged(log, sample, task)
    log.close()
    assert found == _in_one_epoch(sample, records)


def _feed(log: Log, task: Task, shares: list[list[Input]], crashed: threading.Event) -> None:
    """Appends share by share, each once the task has taken the last, until it crashes."""
    while not crashed.is_set():
        append(log, shares.pop(0))
        wait_until(lambda: crashed.is_set() or has_read_all(log, task))
    wait_until(lambda: not task.is_open)


def _merged(log: Log, sample: Sample, task: Task) -> object:
    """What does not depend on how the input was cut."""
    output = written(log, "OUT")
    if not sample.is_table:
        return sorted((row.partition, row.key, row.value, row.timestamp_ms) for row in output)
    return latest(output), table_of(task)


def _in_one_epoch(sample: Sample, records: Sequence[Input]) -> object:
    log = EmbeddedLog()
    with opened(log, None) as engine:
        engine.execute(SOURCES + sample.statement)
        append(log, records)
        (task,) = engine.tasks()
        (cut,) = cuts_in_order(records, [])
        run_to(log, task, cut)
        found = _merged(log, sample, task)
    log.close()
    return found
