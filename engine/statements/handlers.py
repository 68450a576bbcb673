"""Which function runs which statement. One statement a file: its handler and its answer together.

    @handles(ast.ListTopics)
    def list_topics(statement: ast.ListTopics, session: Session) -> KafkaTopics: ...

The modules of this package add themselves when `handler_of` is first asked.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from merganser.engine.answer import Answer
from merganser.engine.catalog import Catalog
from merganser.engine.clock import Clock
from merganser.engine.duck import Duck
from merganser.engine.log.protocol import Log, Output, Topic, TopicPartition
from merganser.engine.plan.nodes import PlanNode
from merganser.engine.runtime.task import QuerySpec
from merganser.engine.schema import Schema
from merganser.engine.schema_registry.protocol import SchemaRegistry
from merganser.errors import InternalError
from merganser.parser import ast


@dataclass(frozen=True, slots=True)
class Pace:
    """How a persistent query gets on: counts since it was started here, rates of the last minute.

    Attributes:
        last_record_ms: When it last had something to do; 0 if it had not.
        lag: Records that it has not read yet.
    """

    records_in: int
    records_out: int
    in_per_second: float
    out_per_second: float
    late_rows: int
    record_errors: int
    last_record_ms: int
    lag: int

    def rows(self) -> tuple[tuple[str, str], ...]:
        """As a terminal shows it."""
        when = "never"
        if self.last_record_ms:
            moment = datetime.fromtimestamp(self.last_record_ms / 1000, UTC)
            when = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        return (
            ("Records read", f"{self.records_in} ({self.in_per_second:.2f}/s)"),
            ("Records written", f"{self.records_out} ({self.out_per_second:.2f}/s)"),
            ("Late rows", str(self.late_rows)),
            ("Records that could not be used", str(self.record_errors)),
            ("Last record", when),
            ("Lag", str(self.lag)),
        )


@dataclass(frozen=True, slots=True)
class RunningQuery:
    """A query as it runs at this moment.

    Attributes:
        kind: `PERSISTENT` or `PUSH`.
        state: `RUNNING`, `PAUSED` or `ERROR`.
        statement: Its SQL.
        sources: Names of the sources it reads.
        sink: Name of the source that it writes, if it writes one.
        sink_topic: The topic of that.
        consumer_group: The group whose offsets tell its progress; empty for push queries.
        positions: Per input partition where it reads next, and the end, as last known.
        properties: The overrides it was started with.
        errors: Its last failures, oldest first: epoch ms, message, `USER`, `SYSTEM` or `UNKNOWN`.
    """

    query_id: str
    kind: str
    state: str
    statement: str
    sources: tuple[str, ...]
    sink: str | None = None
    sink_topic: str | None = None
    consumer_group: str = ""
    positions: Mapping[TopicPartition, tuple[int, int]] = field(default_factory=dict)
    properties: Mapping[str, object] = field(default_factory=dict)
    errors: tuple[tuple[int, str, str], ...] = ()
    pace: Pace | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a statement would run, or how a running query does.

    Attributes:
        query_id: The id it has or would get.
        kind: `PERSISTENT`, `PUSH` or `PULL`.
        schema: The result's columns, keys first.
        window_kind: `TUMBLING`, `HOPPING`, `SESSION`, or None.
        plan: The logical plan as text, one node a line, inputs indented.
        topology: What is executed for it, as text.
    """

    query_id: str
    kind: str
    statement: str
    schema: Schema
    window_kind: str | None
    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    plan: str
    topology: str


class Queries(Protocol):
    """What runs, for statements that tell about it."""

    def running(self) -> Sequence[RunningQuery]:
        """Persistent queries in creation order, then push queries."""
        ...

    def explain(self, statement: ast.Statement, session: Session) -> Explanation:
        """Plans a SELECT, CREATE … AS SELECT or INSERT … SELECT without running it.

        Raises:
            UserError: It is none of these, or cannot be planned.
        """
        ...

    def explain_running(self, query_id: str) -> Explanation:
        """The same for a persistent query.

        Raises:
            UnknownNameError: There is none of that id.
        """
        ...


class Actions(Protocol):
    """What statements do to the world. While a script is validated, a stand-in does nothing."""

    def topic(self, name: str) -> Topic | None:
        """A topic, those that the script is going to make included."""
        ...

    def create_topic(
        self, name: str, partition_count: int, replica_count: int | None, config: Mapping[str, str]
    ) -> None:
        """Makes a topic if it is not there."""
        ...

    def delete_topic(self, name: str) -> None:
        """Deletes a topic with its records."""
        ...

    def start_query(self, spec: QuerySpec) -> None:
        """Starts a persistent query."""
        ...

    def replace_query(self, spec: QuerySpec) -> None:
        """Goes on with a running query under another plan; offsets and state stay.

        Raises:
            UserError: The plans cannot follow each other.
        """
        ...

    def plans(self) -> Mapping[str, PlanNode]:
        """The plans of the persistent queries by id, those that the script starts included."""
        ...

    def stop_query(self, query_id: str) -> None:
        """Ends a persistent query for good: its state and commit records go."""
        ...

    def pause_query(self, query_id: str, *, paused: bool) -> None:
        """Stops reading, or goes on; state and positions stay."""
        ...

    def close_push_query(self, query_id: str) -> bool:
        """Ends a push query; False if there is none of that id."""
        ...

    def append(self, output: Output) -> None:
        """Writes records at once."""
        ...


@dataclass
class Session:
    """What the handlers of one request work with.

    Attributes:
        catalog: The names as they are now; a handler that changes them puts a new catalog here.
        service_id: The server's id.
        defaults: Server-wide properties, by ksqlDB's names.
        properties: Overrides of the request; SET and UNSET change them for the later statements.
        variables: Variables of the request; DEFINE and UNDEFINE change them likewise.
        queries: What runs.
        host: `host:port` as the server is known to clients.
        actions: What changes the world.
        sequence: The number of the command that is being run (ids of queries hold it).
        schemas: The schema registry, if there is one.
        duck: Computes values; the engine's instance.
    """

    catalog: Catalog
    log: Log
    clock: Clock
    queries: Queries
    service_id: str = "default_"
    defaults: Mapping[str, str] = field(default_factory=dict)
    properties: dict[str, object] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    host: str = "localhost:8088"
    actions: Actions | None = None
    sequence: int = -1
    schemas: SchemaRegistry | None = None
    duck: Duck | None = None
    permit: Callable[[ast.Statement], None] | None = None

    def setting(self, name: str) -> object | None:
        """A property in force: the request's, else the server's, with `ksql.streams.` or not."""
        for place in (self.properties, self.defaults):
            for known in (name, f"ksql.streams.{name}"):
                if known in place:
                    return place[known]
        return None

    @property
    def usable_variables(self) -> Mapping[str, str]:
        """The variables that may be put into statements: none where that is switched off."""
        enabled = self.setting("ksql.variable.substitution.enable")
        return {} if str(enabled).lower() == "false" else self.variables

    @property
    def in_force(self) -> dict[str, object]:
        """All properties: the server's with the request's over them."""
        return {**self.defaults, **self.properties}

    @property
    def doing(self) -> Actions:
        """The actions.

        Raises:
            InternalError: The session is for reading only.
        """
        if self.actions is None:
            raise InternalError("this session cannot change anything")
        return self.actions


Handler = Callable[[ast.Statement, Session], Answer | None]
"""Gives None where ksqlDB answers nothing (SET, DEFINE, INSERT VALUES)."""

S = TypeVar("S", bound=ast.Statement)

_HANDLERS: dict[type[ast.Statement], Handler] = {}
_loaded = False


def handles(
    statement_class: type[S],
) -> Callable[[Callable[[S, Session], Answer | None]], Callable[[S, Session], Answer | None]]:
    """Registers the handler of a statement class.

    Raises:
        InternalError: The class has one.
    """

    def register(
        function: Callable[[S, Session], Answer | None],
    ) -> Callable[[S, Session], Answer | None]:
        if statement_class in _HANDLERS:
            raise InternalError(f"{statement_class.__name__} has two handlers")

        def handler(statement: ast.Statement, session: Session) -> Answer | None:
            assert isinstance(statement, statement_class)
            return function(statement, session)

        _HANDLERS[statement_class] = handler
        return function

    return register


def handler_of(statement_class: type[ast.Statement]) -> Handler | None:
    """The handler of a statement class, or None if it has none."""
    global _loaded  # noqa: PLW0603 (the registry fills itself once)
    if not _loaded:
        package = importlib.import_module("merganser.engine.statements")
        for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{package.__name__}.{module}")
        _loaded = True
    return _HANDLERS.get(statement_class)
