"""The engine: statements in, answers out. Usable from Python without any server.

log = EmbeddedLog()
with Engine(EngineConfig(), log=log) as engine:
engine.execute("CREATE STREAM s (id INT KEY) WITH (KAFKA_TOPIC='s', …, PARTITIONS=1);")
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from merganser.engine.answer import Answer, PrintResult, QueryResult
from merganser.engine.catalog import Catalog
from merganser.engine.clock import Clock, SystemClock
from merganser.engine.duck import Duck
from merganser.engine.duck_locked import Parameters
from merganser.engine.functions.python.of_engine import EngineFunctions
from merganser.engine.functions.python_function import register_functions
from merganser.engine.log.protocol import Log, TopicPartition
from merganser.engine.properties import MEMORY_MAX_BYTES, PULL_IN_SQL, check_allowed, find_property
from merganser.engine.runtime import processing_log
from merganser.engine.runtime.command_log import Command, CommandLog
from merganser.engine.runtime.queries import PushTable
from merganser.engine.runtime.services import DryActions, RealActions, RestoreActions, TaskTable
from merganser.engine.runtime.sql_pull import LockedPool
from merganser.engine.runtime.task import Task, TaskStats
from merganser.engine.schema_registry.confluent import ConfluentSchemaRegistry
from merganser.engine.schema_registry.default import default_registry
from merganser.engine.schema_registry.memory import TrialSchemaRegistry
from merganser.engine.schema_registry.protocol import SchemaRegistry
from merganser.engine.statements.current_status import CurrentStatus, WarningEntity
from merganser.engine.statements.handlers import Session, handler_of
from merganser.engine.statements.insert_rows import RowInserter
from merganser.engine.statements.running_queries import (
    QueryHosts,
    QueryText,
    RunningQueries,
    run_query,
)
from merganser.engine.statements.statement_text import failed_text, inferred_text, shown_text
from merganser.engine.statements.terminate_cluster import (
    queued,
    topic_patterns,
    topics_to_delete,
)
from merganser.errors import (
    CommandTimeoutError,
    MerganserError,
    SqlSyntaxError,
    UnknownPropertyError,
    UnsupportedError,
    UserError,
    WrongEndpointError,
)
from merganser.parser import ast
from merganser.parser.build import parse_part, parse_statement
from merganser.parser.split import split_script
from merganser.parser.variables import first_undefined

COMMANDS = (
    ast.CreateSource,
    ast.CreateAsSelect,
    ast.InsertSelect,
    ast.AlterSource,
    ast.DropSource,
    ast.CreateType,
    ast.DropType,
    ast.CreateFunction,
    ast.DropFunction,
    ast.TerminateQuery,
    ast.PauseQuery,
    ast.ResumeQuery,
)
"""Statements that change something, kept in the command topic."""


@dataclass(frozen=True)
class EngineConfig:
    """Settings of an engine.

    Attributes:
        service_id: Names the service in its topics; ksqlDB's `ksql.service.id`.
        data_dir: Where state files are; None: state in memory.
        properties: Server-wide defaults, by ksqlDB's names.
        autorun: Queries run in threads; False: a test drives the tasks.
        host: `host:port` as clients know the server.
    """

    service_id: str = "default_"
    data_dir: Path | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    autorun: bool = True
    host: str = "localhost:8088"


class StatementFailure(Exception):  # noqa: N818 — it tells of an error, and holds it.
    """A statement of a script failed.

    Attributes:
        error: What went wrong.
        statement_text: The statement.
        answers: Of the statements that ran before it.
    """

    def __init__(
        self, error: MerganserError, statement_text: str, answers: Sequence[Answer] = ()
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.statement_text = statement_text
        self.answers = tuple(answers)


@dataclass(frozen=True, slots=True)
class PushStats:
    """The push queries of this moment.

    Attributes:
        query_count: All of them.
        readers: Of each shared reader its topic, its subscribers, and bytes in their queues.
        dropped_count: Subscribers dropped so far because they read too slowly.
    """

    query_count: int = 0
    readers: tuple[tuple[str, int, int], ...] = ()
    dropped_count: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of the engine that is not well.

    Attributes:
        part: `log`, or `query` and its id.
        state: `AWAY`, or the query's.
    """

    part: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class CommandState:
    """What became of a command."""

    status: str
    message: str
    query_id: str | None


class Engine:
    """Runs statements and queries on a log."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        log: Log,
        clock: Clock | None = None,
        duck: Duck | None = None,
        schemas: SchemaRegistry | None = None,
    ) -> None:
        """An engine on a log; `duck` is an instance to share that knows all functions."""
        self.config = config
        self.log = log
        self._owns_schemas = schemas is None
        self.schemas = schemas or default_registry(
            config.properties, embedded=not hasattr(log, "cluster_id")
        )
        self.catalog = Catalog()
        self.cluster_id = log.cluster_id() if hasattr(log, "cluster_id") else "embedded"
        self._clock = clock if clock is not None else SystemClock()
        self._duck = duck.cursor() if duck is not None else new_instance()
        max_bytes = int(config.properties.get(MEMORY_MAX_BYTES) or 0)
        if duck is None and max_bytes > 0:
            spill_dir = config.data_dir / "spill" if config.data_dir is not None else None
            self._duck.limit_memory(max_bytes, spill_dir)
        self.functions = EngineFunctions(self._duck, config.properties, config.data_dir)
        self._tasks = TaskTable(
            self._duck, log, self._clock, config.data_dir, autorun=config.autorun
        )
        self._pushes = PushTable()
        self._locked = LockedPool()
        self._commands = CommandLog(log, config.service_id)
        self._statuses: dict[str, CommandState] = {}
        self._sequence = 0
        self._executed = threading.Condition()
        self._lock = threading.RLock()

    def __enter__(self) -> Engine:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Brings names and queries back from the command topic and starts them."""
        with self._lock:
            self.functions.load()
            self._commands.open()
            self._restore()
            self._tasks.start()
            self._make_processing_log()

    def close(self) -> None:
        """Stops everything; state and positions stay for the next start."""
        self._pushes.close_all()
        self._tasks.stop()
        self.functions.close()
        self._locked.close()
        self._duck.close()
        if self._owns_schemas and isinstance(self.schemas, ConfluentSchemaRegistry):
            self.schemas.close()

    def terminate_cluster(self, delete_topics: Sequence[str]) -> tuple[Answer, Callable[[], None]]:
        """The answer to who asks for the service's end, and what brings it, blocking.

        It ends all queries and deletes their states, the topics that they made and whose names
        match one of the regular expressions, and the command topic. The engine is good for nothing
        but `close` then.

        Raises:
            RequestError: A text is no regular expression.
        """
        patterns = topic_patterns(delete_topics)

        def end() -> None:
            with self._lock:
                self._pushes.close_all()
                for query_id in list(self._tasks.running):
                    self._tasks.remove(query_id)
                for topic in [*topics_to_delete(self.catalog, patterns), self._commands.topic]:
                    self.log.delete_topic(topic)
                self.catalog = Catalog()

        return queued(self._sequence), end

    def _restore(self) -> None:
        actions = RestoreActions(self._tasks, self.log)
        for command in self._commands.read():
            actions.recorded = command.topics
            session = self._session(command.properties, {}, actions)
            session.sequence = command.sequence
            statement = parse_statement(command.statement)
            try:
                with self._functions_of(session):
                    _handled(statement, session)
            except UserError as error:
                raise self._unrestored(command.statement, error) from error
            self.catalog = session.catalog
            self._sequence = command.sequence + 1

    def _unrestored(self, statement: str, error: UserError) -> UserError:
        """A statement that went once and does not any more: mostly for a function that is gone."""
        places = ", ".join(problem.place for problem in self.functions.problems)
        lost = f" Functions could not be loaded: {places}." if places else ""
        error.detail = f"{error.detail or ''} It is needed by: {statement}{lost}".strip()
        return error

    def _make_processing_log(self) -> None:
        """The topic and the stream of the processing log, if they are asked for."""
        properties = self.config.properties
        topic = processing_log.topic_name(self.config.service_id)
        if _is_true(properties.get("ksql.logging.processing.topic.auto.create")):
            self.log.create_topic(topic, 1, None, {})
        name = properties.get("ksql.logging.processing.stream.name", "KSQL_PROCESSING_LOG")
        wanted = _is_true(properties.get("ksql.logging.processing.stream.auto.create"))
        if wanted and name not in self.catalog.sources:
            self.execute(processing_log.create_statement(name, topic))

    # ------------------------------------------------------------------ statements

    def execute(
        self,
        text: str,
        *,
        properties: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
        after_sequence: int | None = None,
        known_only: bool = True,
        permit: Callable[[ast.Statement], None] | None = None,
    ) -> list[Answer]:
        """Runs a script. All statements are checked before the first one is carried out.

        `known_only` refuses properties that nobody knows. `permit` raises for a statement that its
        caller may not run.

        Raises:
            StatementFailure: With the error, the statement, and the answers given before.
            NotReadyError: `after_sequence` has not been run in time.
        """
        if after_sequence is not None:
            self.wait_for_command(after_sequence)
        overrides = dict(properties or {})
        try:
            self._check_overrides(overrides, known_only=known_only)
        except UnknownPropertyError as error:
            raise StatementFailure(error, _first_statement(text)) from error
        with self._lock:
            actions = DryActions(self._tasks, self.log)
            trial = self._session(overrides, variables or {}, actions)
            trial.permit = permit
            self._run(text, trial, dry=True)
            real = RealActions(self._tasks, self.log, self.close_query)
            return self._run(text, self._session(overrides, variables or {}, real), dry=False)

    def _run(self, text: str, session: Session, *, dry: bool) -> list[Answer]:
        with self._functions_of(session):
            return self._run_parts(text, session, dry=dry)

    def _functions_of(self, session: Session) -> AbstractContextManager[None]:
        """Has the statements of a session see the functions of its catalog, as it changes."""
        return self.functions.in_force(lambda: session.catalog)

    def _run_parts(self, text: str, session: Session, *, dry: bool) -> list[Answer]:
        answers: list[Answer] = []
        commands = 0
        for part in split_script(text):
            statement: ast.Statement | None = None
            try:
                statement = parse_part(part, session.usable_variables)
                if session.permit is not None:
                    session.permit(statement)
                is_command = isinstance(statement, COMMANDS)
                session.sequence = self._sequence + commands if dry and is_command else -1
                commands += is_command
                answer = self._run_one(statement, session, dry=dry)
            except MerganserError as error:
                # What a check answered has not happened.
                if statement is None:
                    shown = first_undefined(part.text, session.usable_variables)
                    shown = shown or _line_of(error, text) or part.text
                else:
                    shown = failed_text(statement, session)
                raise StatementFailure(error, shown, () if dry else answers) from error
            if answer is not None:
                answers.append(answer)
        return answers

    def _run_one(self, statement: ast.Statement, session: Session, *, dry: bool) -> Answer | None:
        if isinstance(statement, ast.QueryStatement | ast.PrintTopic):
            raise WrongEndpointError(
                "SELECT and PRINT queries must use the query endpoint", span=statement.span
            )
        if dry or not isinstance(statement, COMMANDS):
            return _handled(statement, session)
        return self._run_command(statement, session)

    def _run_command(self, statement: ast.Statement, session: Session) -> Answer | None:
        """1. carry it out; 2. make it durable; 3. let its number be seen.

        It was checked before, so 1 fails only if the world does; then nothing is recorded.
        """
        actions = session.doing
        assert isinstance(actions, RealActions)
        actions.seen = {}
        sequence = self._sequence
        session.sequence = sequence
        answer = _handled(statement, session)
        if isinstance(answer, CurrentStatus):
            self._commands.append(
                Command(sequence, statement.text, dict(session.properties), actions.seen)
            )
            self._statuses[answer.command_id] = CommandState(
                answer.status, answer.message, answer.query_id
            )
            with self._executed:
                self._sequence = sequence + 1
                self.catalog = session.catalog
                self._executed.notify_all()
        return answer

    def wait_for_command(self, sequence: int, timeout_ms: int | None = None) -> None:
        """Waits until the command of that number has run here.

        Raises:
            LogError: It has not in `ksql.server.command.response.timeout.ms` (5000).
        """
        if timeout_ms is None:
            name = "ksql.server.command.response.timeout.ms"
            timeout_ms = int(self.config.properties.get(name, "5000"))
        with self._executed:
            if not self._executed.wait_for(lambda: self._sequence > sequence, timeout_ms / 1000):
                raise CommandTimeoutError(
                    f"timed out while waiting for a previous command to execute: {sequence}"
                )

    # ------------------------------------------------------------------ queries

    def query(
        self,
        text: str,
        *,
        properties: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
        known_only: bool = True,
        parameters: Parameters | None = None,
        in_sql: bool = False,
    ) -> QueryResult | PrintResult:
        """Starts one SELECT or PRINT. `known_only` refuses properties that nobody knows.

        `in_sql` (or the property `merganser.pull.sql.enabled`) tries pull queries that ksqlDB's
        rules refuse as DuckDB's SQL; those with `parameters` are DuckDB's from the start.

        Raises:
            StatementFailure: It is no such statement, or is wrong.
        """
        overrides = dict(properties or {})
        try:
            self._check_overrides(overrides, known_only=known_only)
            session = self._session(
                overrides, variables or {}, RealActions(self._tasks, self.log, self.close_query)
            )
            in_sql = in_sql or _is_true(session.setting(PULL_IN_SQL))
            hosts = QueryHosts(self._tasks, self._pushes, self._duck, self._locked)
            with self._functions_of(session):
                return run_query(QueryText(text, in_sql, parameters), session, hosts)
        except MerganserError as error:
            raise StatementFailure(error, text) from error

    def inserter(
        self, target: str, *, properties: Mapping[str, object] | None = None
    ) -> RowInserter:
        """What writes rows to a source.

        Raises:
            UserError: There is no such source, or it cannot be written to.
        """
        overrides = dict(properties or {})
        self._check_overrides(overrides)
        actions = RealActions(self._tasks, self.log, self.close_query)
        return RowInserter(target, self._session(overrides, {}, actions))

    def close_query(self, query_id: str) -> bool:
        """Ends a push query; False if there is none of that id."""
        return self._pushes.close(query_id)

    # ------------------------------------------------------------------ state

    def tasks(self) -> list[Task]:
        """The persistent queries' tasks, in creation order."""
        return [entry.task for entry in self._tasks.running.values()]

    def stats(self) -> list[TaskStats]:
        """Counters of the persistent queries."""
        tasks = self.tasks()
        for task in tasks:
            task.stats.state_bytes = task.state_bytes
        return [task.stats for task in tasks]

    def push_stats(self) -> PushStats:
        """How many push queries run, and what their shared readers hold."""
        readers = self._pushes.fan_outs.readers()
        return PushStats(
            len(self._pushes.entries()),
            tuple((r.topic, r.subscriber_count, r.waiting_bytes) for r in readers),
            self._pushes.fan_outs.dropped_count,
        )

    def stores(self) -> Mapping[str, Mapping[TopicPartition, tuple[int, int]]]:
        """The queries that keep a table that can be queried: id → how far it is of what is there.

        Per partition the position and the end.
        """
        kept = {task.query_id for task in self.tasks() if task.topology.materialization is not None}
        running = RunningQueries(
            self._tasks, self._pushes, self.log, lambda: self.catalog
        ).running()
        return {query.query_id: query.positions for query in running if query.query_id in kept}

    def command_statuses(self) -> Mapping[str, CommandState]:
        """What became of the commands, by command id."""
        return dict(self._statuses)

    def check_property(self, name: str) -> None:
        """Raises RequestError if a client may not set the property."""
        check_allowed(name, self.config.properties)

    def _check_overrides(self, overrides: Mapping[str, object], *, known_only: bool = True) -> None:
        """Raises for what a request may not set, and for values that cannot be."""
        for name, value in overrides.items():
            check_allowed(name, self.config.properties)
            if (known := find_property(name)) is not None:
                known.check(value)
            elif known_only:
                raise UnknownPropertyError(f'property "{name}" does not exist')

    def health(self) -> dict[str, bool]:
        """Whether names can be listed, the log answers now, and commands can run."""
        return {"metastore": True, "kafka": self.log.healthy(), "commandRunner": True}

    def problems(self) -> list[Problem]:
        """What is not well at this moment, and why; empty if all is."""
        found = [] if self.log.healthy() else [Problem("log", "AWAY", "the log does not answer")]
        for task in self.tasks():
            if task.stats.state in ("ERROR", "WAITING"):
                reason = task.errors[-1][1] if task.errors else "no reason is known"
                found.append(Problem(f"query {task.query_id}", task.stats.state, reason))
        return found

    def _session(
        self,
        properties: Mapping[str, object],
        variables: Mapping[str, str],
        actions: RealActions | DryActions,
    ) -> Session:
        schemas = self.schemas
        if schemas is not None and isinstance(actions, DryActions):
            schemas = TrialSchemaRegistry(schemas)
        return Session(
            catalog=self.catalog,
            log=self.log,
            clock=self._clock,
            queries=RunningQueries(self._tasks, self._pushes, self.log, lambda: self.catalog),
            service_id=self.config.service_id,
            defaults=dict(self.config.properties),
            properties=dict(properties),
            variables=dict(variables),
            host=self.config.host,
            actions=actions,
            duck=self._duck,
            schemas=schemas,
        )


def _first_statement(text: str) -> str:
    parts = split_script(text)
    return parts[0].text if parts else text


def _line_of(error: MerganserError, text: str) -> str | None:
    """The line of a script that could not be read: ksqlDB shows it for the statement."""
    if not isinstance(error, SqlSyntaxError) or error.span is None:
        return None
    lines = text.split("\n")
    return lines[error.span.line - 1].strip() if error.span.line <= len(lines) else None


def _handled(statement: ast.Statement, session: Session) -> Answer | None:
    """Runs the handler of a statement, which sees its text as it is shown."""
    handler = handler_of(type(statement))
    if handler is None:
        raise UnsupportedError(
            f"{type(statement).__name__} statements are not supported yet", span=statement.span
        )
    shown = shown_text(statement, session)
    answer = handler(replace(statement, text=shown), session)
    if answer is None or answer.statement_text:
        return answer
    # What changed nothing is shown as it was written.
    if isinstance(answer, WarningEntity):
        return replace(answer, statement_text=statement.text)
    return replace(answer, statement_text=inferred_text(statement, session) or shown)


def new_instance() -> Duck:
    """A DuckDB instance for engines: all functions of the language are known to it.

    A statement runs in the thread that asked for it: queries run side by side, and sums of DOUBLE
    come out the same in every run. With two threads for a statement an epoch took 15 % more CPU.
    """
    duck = Duck.memory(threads=1)
    register_functions(duck)
    return duck


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"
