"""Running a sample query over drawn records in drawn epochs, again and again on one engine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from merganser.engine.engine import Engine
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import TopicPartition
from merganser.engine.runtime.task import Task
from tests.runtime.driving import Cut, Input, append, opened, run_to, written
from tests.runtime.sample_queries import (
    KEYS,
    PARTITIONS,
    SAMPLES,
    SOURCES,
    TOPICS,
    Sample,
    cuts_in_order,
    record_of,
)

EXAMPLES = 3000 if os.environ.get("MERGANSER_NIGHTLY") == "1" else 20
START_MS = 60_000
RECORDS_MAX = 16
EPOCHS_MAX = 5

cutting = settings(
    deadline=None,
    max_examples=EXAMPLES,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""A failure prints its seed and the blob that draws the same example again."""


@dataclass(frozen=True, slots=True)
class Step:
    """An epoch, and how the task is restarted before it.

    Attributes:
        restart: None: not at all; True: with its state; False: without.
    """

    cut: Cut
    restart: bool | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a property draws: a query, its records, and the epochs."""

    name: str
    records: tuple[Input, ...]
    steps: tuple[Step, ...]

    @property
    def sample(self) -> Sample:
        """The query."""
        return SAMPLES[self.name]


_numbers = st.one_of(st.none(), st.integers(-4, 9))
_values: dict[str, st.SearchStrategy[dict[str, object]]] = {
    "s": st.fixed_dictionaries({"G": st.sampled_from(["x", "y", None]), "V": _numbers}),
    "r": st.fixed_dictionaries({"W": _numbers}),
    "t": st.fixed_dictionaries({"NAME": st.sampled_from(["p", "q", None]), "N": _numbers}),
    "u": st.fixed_dictionaries({"FK": st.sampled_from([*KEYS, None]), "M": _numbers}),
}


_seconds = st.one_of(st.integers(-3, 5), st.sampled_from([-21, -16, -11, -7, 11, 20, 60]))


@st.composite
def _records(draw: st.DrawFn, topics: Sequence[str]) -> list[Input]:
    """Records whose time goes on with some steps back, and now and then a jump."""
    found = []
    time_ms = START_MS
    keys = st.sampled_from(draw(st.sampled_from([KEYS, KEYS[:1], KEYS[:2]])))
    for _ in range(draw(st.integers(1, RECORDS_MAX))):
        topic = draw(st.sampled_from(topics))
        time_ms += 1000 * draw(_seconds)
        value = draw(
            st.one_of(_values[topic], st.none() if draw(st.booleans()) else _values[topic])
        )
        found.append(record_of(topic, draw(keys), value, max(time_ms, 0)))
    return found


@st.composite
def plans(draw: st.DrawFn, names: Sequence[str] = tuple(SAMPLES)) -> Plan:
    """A query, records, and a cut; where arrival counts, a cut along the common order."""
    name = draw(st.sampled_from(names))
    sample = SAMPLES[name]
    records = draw(_records(sample.topics))
    if sample.arrival_counts:
        cuts = cuts_in_order(records, draw(st.lists(st.integers(1, 6), max_size=EPOCHS_MAX - 1)))
    else:
        cuts = draw(_free_cuts(records))
    restarts = st.sampled_from([None, None, None, True, False])
    return Plan(name, tuple(records), tuple(Step(cut, draw(restarts)) for cut in cuts))


@st.composite
def _free_cuts(draw: st.DrawFn, records: Sequence[Input]) -> list[Cut]:
    """Epochs that take from each partition what they like."""
    ends = Counter(TopicPartition(record.topic, record.partition) for record in records)
    at: Counter[TopicPartition] = Counter()
    cuts: list[Cut] = []
    for _ in range(draw(st.integers(0, EPOCHS_MAX - 1))):
        for place, end in ends.items():
            at[place] = min(end, at[place] + draw(st.integers(0, 4)))
        cuts.append(dict(at))
    return [*cuts, dict(ends)]


@contextmanager
def laboratory(data_dir: Path) -> Iterator[Laboratory]:
    """An engine with all sample queries, each over the same topics, which are made anew."""
    log = EmbeddedLog()
    with opened(log, data_dir) as engine:
        engine.execute(SOURCES)
        for name, sample in SAMPLES.items():
            engine.execute(sample.statement.replace("OUT", f"OUT_{name.upper()}", 1))
        yield Laboratory(engine, log)
    log.close()


class Laboratory:
    """Runs plans."""

    def __init__(self, engine: Engine, log: EmbeddedLog) -> None:
        self.log = log
        self._tasks = dict(zip(SAMPLES, engine.tasks(), strict=True))

    def run(self, plan: Plan, steps: Sequence[Step] | None = None) -> Task:
        """Makes the topics anew and runs the plan's query from nothing; the task stays open."""
        task = self._tasks[plan.name]
        task.forget()
        task.stats.late_rows = 0
        for topic in TOPICS:
            self.log.delete_topic(topic)
            self.log.create_topic(topic, PARTITIONS, None, {})
        assert task.sink_topic is not None
        self.log.delete_topic(task.sink_topic)
        self.log.create_topic(task.sink_topic, PARTITIONS, None, {})
        append(self.log, plan.records)
        for step in plan.steps if steps is None else steps:
            if step.restart is not None:
                task.restart(keep_state=step.restart)
            run_to(self.log, task, step.cut)
        return task

    def output(self, task: Task) -> list[object]:
        """What the task has written."""
        assert task.sink_topic is not None
        return list(written(self.log, task.sink_topic))


def one_epoch(plan: Plan) -> list[Step]:
    """The same records in a single epoch."""
    return [Step(plan.steps[-1].cut, None)]


def without_restarts(plan: Plan) -> list[Step]:
    """The same epochs, undisturbed."""
    return [Step(step.cut, None) for step in plan.steps]
