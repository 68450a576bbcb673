"""Runs a query case: statements, then the records query by query, then the comparison.

1. Topics are prepared: those of the case, those of CREATE statements with columns, those that
   inputs and outputs name.
2. The statements run one by one. An error case ends here: its last statement must be refused as
   the user's fault, unless it has inputs, which then must make a query fail.
3. The inputs are appended to their topics, in the formats of the sources that lie on them.
4. The queries run one after the other in creation order, each to its end: the case's inputs of
   its source topics in list order, then what lies in source topics that have no inputs.
5. The outputs are compared by topic, and what must hold afterwards is checked.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from merganser.engine.log.protocol import TopicBatch
from merganser.engine.schema_registry.memory import MemorySchemaRegistry
from merganser.errors import ExternalError, InternalError, MerganserError, UserError
from tests.conformance.cases import Case
from tests.conformance.codecs.table import check_formats
from tests.conformance.door import (
    EngineDoor,
    EngineFactory,
    Setting,
    TaskDoor,
    blame,
    opened,
    real_engine,
)
from tests.conformance.failure import CaseFailure, Stage
from tests.conformance.log import SinglePartitionLog
from tests.conformance.modes import Mode
from tests.conformance.outputs import check_outputs
from tests.conformance.post import check_post
from tests.conformance.records import encode, source_on
from tests.conformance.schemas import prepare_registry
from tests.conformance.topics import prepare_topics

RUNNER_PROPERTIES = frozenset({"use.exact.numeric.comparison"})
"""Properties that tell the runner how to compare; the engine does not know them."""

_Place = tuple[str, int]
"""Topic and offset of a record."""


def run_query_case(case: Case, mode: Mode, factory: EngineFactory = real_engine) -> str:
    """Runs a case in a mode; gives how an error case was refused, and nothing for others.

    Raises:
        CaseFailure: The case does not pass.
    """
    check_formats(case)
    log = SinglePartitionLog()
    prepare_topics(case, log)
    schemas = MemorySchemaRegistry()
    prepare_registry(case, schemas)
    with (
        _data_dir(mode) as data_dir,
        opened(factory, Setting(log, data_dir, schemas=schemas)) as engine,
    ):
        if case.error is not None and not case.inputs:
            return _expect_refusal(case, engine)
        for statement in case.statements:
            _execute(case, statement, engine)
        _append_inputs(case, engine, log)
        if case.error is not None:
            return _expect_failure(case, mode, engine, log)
        _run_tasks(case, mode, engine, log)
        check_outputs(case, mode, engine, log)
        check_post(case, engine, log)
        return ""


@contextmanager
def _data_dir(mode: Mode) -> Iterator[Path | None]:
    """A folder for state files, where the mode needs state that survives."""
    if mode is not Mode.SNAPSHOT:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


# ------------------------------------------------------------------ statements


def _properties(case: Case) -> dict[str, object]:
    return {name: value for name, value in case.properties.items() if name not in RUNNER_PROPERTIES}


def _execute(case: Case, statement: str, engine: EngineDoor) -> None:
    try:
        engine.execute(statement, properties=_properties(case))
    except Exception as error:
        raise _statement_failure(error) from error


def _statement_failure(error: Exception) -> CaseFailure:
    inner = blame(error)
    if isinstance(inner, UserError):
        return CaseFailure(Stage.REJECTED, f"{type(inner).__name__}: {inner.message}")
    return _internal(error)


def _internal(error: Exception) -> CaseFailure:
    """An error that is nobody's fault but ours."""
    root = blame(error) or error
    while root.__cause__ is not None and not isinstance(root, MerganserError):
        root = root.__cause__  # type: ignore[assignment]  # a cause is an Exception here
    first_line = next(iter(str(root).strip().splitlines()), "")
    detail = "".join(traceback.format_exception(error))
    return CaseFailure(Stage.INTERNAL, f"{type(root).__name__}: {first_line}", detail)


def _expect_refusal(case: Case, engine: EngineDoor) -> str:
    *before, last = case.statements
    for statement in before:
        _execute(case, statement, engine)
    try:
        engine.execute(last, properties=_properties(case))
    except Exception as error:
        if isinstance(blame(error), UserError):
            return _statement_failure(error).reason
        raise _internal(error) from error
    raise CaseFailure(Stage.ACCEPTED, _in_short(last))


def _in_short(statement: str) -> str:
    return " ".join(statement.split())[:100]


# ------------------------------------------------------------------ records


def _append_inputs(case: Case, engine: EngineDoor, log: SinglePartitionLog) -> None:
    catalog = engine.catalog
    by_topic: dict[str, list[int]] = {}
    for index, record in enumerate(case.inputs):
        by_topic.setdefault(record.topic, []).append(index)
    for topic, indexes in by_topic.items():
        source = source_on(catalog, topic)
        stored = [encode(case.inputs[index], source) for index in indexes]
        log.write(topic, stored)
        log.deliver_only(topic, stored)


def _expect_failure(case: Case, mode: Mode, engine: EngineDoor, log: SinglePartitionLog) -> str:
    """An error case with inputs: a query must fail while it processes them."""
    try:
        _run_tasks(case, mode, engine, log)
    except CaseFailure as failure:
        if failure.stage is Stage.RUNNING:
            return failure.reason
        raise
    raise CaseFailure(Stage.ACCEPTED, "the query should fail while processing")


def _run_tasks(case: Case, mode: Mode, engine: EngineDoor, log: SinglePartitionLog) -> None:
    for task in engine.tasks():
        try:
            _run_task(task, mode, _places(case, task, log), log)
        except Exception as error:
            inner = blame(error)
            if inner is None or isinstance(inner, InternalError | ExternalError):
                raise _internal(error) from error
            reason = f"{type(inner).__name__}: {inner.message}"
            raise CaseFailure(Stage.RUNNING, reason) from error


def _places(case: Case, task: TaskDoor, log: SinglePartitionLog) -> list[_Place]:
    """The records of a task in the order in which it gets them."""
    offsets = dict.fromkeys(task.source_topics, 0)
    places = []
    for record in case.inputs:
        if record.topic in offsets:
            places.append((record.topic, offsets[record.topic]))
            offsets[record.topic] += 1
    given = {record.topic for record in case.inputs}
    for topic in dict.fromkeys(task.source_topics):
        if topic not in given:
            places += [(topic, offset) for offset in range(len(log.written(topic)))]
    return places


def _run_task(
    task: TaskDoor, mode: Mode, places: Sequence[_Place], log: SinglePartitionLog
) -> None:
    if mode is Mode.EPOCH:
        if places:
            task.run_epoch(_batches(places, log), arrival=True)
        return
    middle = (len(places) + 1) // 2
    for index, (topic, offset) in enumerate(places, start=1):
        task.run_epoch([log.batch(topic, offset, offset + 1)], arrival=True)
        if index == middle and mode in {Mode.RESTART, Mode.SNAPSHOT}:
            task.restart(keep_state=mode is Mode.SNAPSHOT)


def _batches(places: Sequence[_Place], log: SinglePartitionLog) -> list[TopicBatch]:
    """Runs of records of one topic, in order."""
    batches = []
    for topic, group in groupby(places, key=lambda place: place[0]):
        offsets = [offset for _, offset in group]
        batches.append(log.batch(topic, offsets[0], offsets[-1] + 1))
    return batches
