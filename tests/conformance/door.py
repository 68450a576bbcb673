"""What the runner asks of an engine, and how the real one is made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import structlog

from merganser.engine.catalog import Catalog
from merganser.engine.duck import Duck
from merganser.engine.log.protocol import TopicBatch
from merganser.engine.schema_registry.protocol import SchemaRegistry
from merganser.errors import MerganserError
from tests.conformance.log import SinglePartitionLog

SERVICE_ID = "some.ksql.service.id"
START_MS = 1_700_000_000_000
"""The wall clock of every case, which stands."""

SERVER_PROPERTIES = {
    "ksql.streams.auto.offset.reset": "earliest",
    "ksql.streams.cache.max.bytes.buffering": "0",
    "ksql.headers.columns.enabled": "true",
    "merganser.emit.final.loses.expired": "true",
}
"""What was in force when the cases were recorded, beyond the defaults."""


class TaskDoor(Protocol):
    """A persistent query's task, driven by hand."""

    @property
    def query_id(self) -> str: ...
    @property
    def source_topics(self) -> tuple[str, ...]: ...
    @property
    def sink_topic(self) -> str | None: ...
    def run_epoch(self, batches: Sequence[TopicBatch], *, arrival: bool = False) -> None: ...
    def restart(self, *, keep_state: bool) -> None: ...


class EngineDoor(Protocol):
    """An engine without threads of its own."""

    @property
    def catalog(self) -> Catalog: ...
    def execute(self, text: str, *, properties: Mapping[str, object]) -> Sequence[object]: ...
    def tasks(self) -> Sequence[TaskDoor]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What an engine is made for.

    Attributes:
        log: The log to run on.
        data_dir: Where state files go; None keeps state in memory.
        options: Switches of the mode, such as no rewriting rules.
        schemas: The schema registry.
    """

    log: SinglePartitionLog
    data_dir: Path | None = None
    options: Mapping[str, str] | None = None
    schemas: SchemaRegistry | None = None


EngineFactory = Callable[[Setting], EngineDoor]


@contextmanager
def opened(factory: EngineFactory, setting: Setting) -> Iterator[EngineDoor]:
    """An engine that is closed at the end."""
    engine = factory(setting)
    try:
        yield engine
    finally:
        engine.close()


def real_engine(setting: Setting) -> EngineDoor:
    """A Merganser engine on the given log, at a standing wall-clock time.

    What the cases say of time 0 is about timers; functions of the present show a real date.
    """
    # Imported here: a runner that only lists or compares needs no engine.
    from merganser.engine.answer import Answer  # noqa: PLC0415
    from merganser.engine.clock import SimulatedClock  # noqa: PLC0415
    from merganser.engine.engine import Engine, EngineConfig  # noqa: PLC0415

    class CaseEngine(Engine):
        """Takes a case's properties as ksqlDB takes those of its configuration file.

        There, unlike in a request, nobody minds a name that is not known.
        """

        def execute(self, text: str, **given: Any) -> list[Answer]:
            return super().execute(text, **given, known_only=False)

    config = EngineConfig(
        service_id=SERVICE_ID,
        data_dir=setting.data_dir,
        properties={**SERVER_PROPERTIES, **(setting.options or {})},
        autorun=False,
    )
    engine = CaseEngine(
        config,
        log=setting.log,
        clock=SimulatedClock(START_MS),
        duck=_instance(),
        schemas=setting.schemas,
    )
    engine.start()
    return engine


@cache
def _instance() -> Duck:
    """One DuckDB instance a process: making one known to all functions takes longer than a case."""
    from merganser.engine.engine import new_instance  # noqa: PLC0415

    # Cases are full of records that cannot be used; a line for each says nothing here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return new_instance()


def blame(error: Exception) -> MerganserError | None:
    """Merganser's own error behind an exception of the engine; None if it is of another kind."""
    inner = getattr(error, "error", error)
    return inner if isinstance(inner, MerganserError) else None
