"""What runs at this moment, for the statements that tell about it, and how a SELECT starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from merganser.engine.answer import PrintResult, QueryResult
from merganser.engine.catalog import Catalog
from merganser.engine.duck import Duck
from merganser.engine.duck_locked import Parameters
from merganser.engine.log.protocol import Log, TopicPartition
from merganser.engine.plan.build import plan_query
from merganser.engine.plan.nodes import PlanNode, SourceNode, explain
from merganser.engine.plan.pull import plan_pull
from merganser.engine.plan.sink import plan_create_as, plan_insert
from merganser.engine.runtime.queries import PushTable, Selecting, run_select, run_sql_select
from merganser.engine.runtime.services import Running, TaskTable
from merganser.engine.runtime.sql_pull import LockedPool
from merganser.engine.runtime.task import Task, TaskState
from merganser.engine.schema import Column, Schema
from merganser.engine.statements.handlers import Explanation, Pace, RunningQuery, Session
from merganser.engine.statements.print_topic import print_topic
from merganser.errors import (
    ExternalError,
    PropertyError,
    RequestError,
    SqlSyntaxError,
    UnknownNameError,
    UnsupportedError,
    UserError,
    WrongEndpointError,
)
from merganser.parser import ast
from merganser.parser.build import parse_part
from merganser.parser.split import split_script
from merganser.parser.variables import substitute

_SHOWN = {
    TaskState.CREATED: "RUNNING",
    TaskState.RUNNING: "RUNNING",
    TaskState.WAITING: "WAITING",
    TaskState.PAUSED: "PAUSED",
    TaskState.ERROR: "ERROR",
    TaskState.STOPPED: "NOT_RUNNING",
}
"""ksqlDB's states, and WAITING: the log is away, the query goes on when it is back."""


_TRANSIENT = "PUSH"
"""How EXPLAIN calls all queries that are answered and not kept, as ksqlDB does."""


class RunningQueries:
    """The persistent and the push queries of an engine."""

    def __init__(
        self, tasks: TaskTable, pushes: PushTable, log: Log, catalog: Callable[[], Catalog]
    ) -> None:
        self._tasks = tasks
        self._pushes = pushes
        self._log = log
        self._catalog = catalog

    def running(self) -> Sequence[RunningQuery]:
        """Persistent queries in creation order, then push queries."""
        found = [self._persistent(entry) for entry in self._tasks.running.values()]
        found += [
            RunningQuery(entry.query_id, "PUSH", "RUNNING", entry.statement, entry.sources)
            for entry in self._pushes.entries()
        ]
        return found

    def _persistent(self, entry: Running) -> RunningQuery:
        task = entry.task
        known = self._catalog().queries.get(task.query_id)
        state = "PAUSED" if entry.paused else _SHOWN[TaskState(task.stats.state)]
        positions: dict[TopicPartition, tuple[int, int]] = {}
        mine = task.positions
        for topic in task.source_topics:
            try:
                ends = self._log.end_positions(topic)
            except ExternalError:
                continue
            positions.update({place: (mine.get(place, 0), end) for place, end in ends.items()})
        return RunningQuery(
            task.query_id,
            "PERSISTENT",
            state,
            task.sql,
            known.sources if known is not None else (),
            task.spec.sink.name if task.spec.sink is not None else None,
            task.sink_topic,
            task.spec.producer_id,
            positions,
            task.spec.properties,
            tuple(task.errors),
            _pace(task, sum(max(end - at, 0) for at, end in positions.values())),
        )

    def explain(self, statement: ast.Statement, session: Session) -> Explanation:
        """Plans a statement without running it.

        Raises:
            UserError: It is no SELECT, CREATE … AS SELECT or INSERT … SELECT, or is wrong.
        """
        catalog, properties = session.catalog, session.in_force
        match statement:
            case ast.CreateAsSelect():
                prefix = "CTAS" if statement.is_table else "CSAS"
                query_id = f"{prefix}_{statement.name.upper()}_{max(session.sequence, 0)}"
                sink = plan_create_as(statement, catalog, properties, query_id)
                return _explained(query_id, "PERSISTENT", statement.text, sink.plan)
            case ast.InsertSelect():
                sink = plan_insert(statement, catalog, properties)
                query_id = f"INSERTQUERY_{max(session.sequence, 0)}"
                return _explained(query_id, "PERSISTENT", statement.text, sink.plan)
            case ast.QueryStatement(query=query) if query.emit is None and (
                not query.is_compound
                and catalog.source(query.source.name, query.source.span).is_table
            ):
                pulled = plan_pull(query, catalog)
                plan = f"[ PULL {pulled.source.name} ] WHERE {pulled.where}"
                schema = _with_key(pulled.source.schema.key, pulled.columns)
                name = pulled.source.name
                query_id = f"transient_{name}_{session.clock.now_ms()}"
                return Explanation(
                    query_id, _TRANSIENT, statement.text, schema, None, (name,), (), plan, plan
                )
            case ast.QueryStatement():
                planned = plan_query(
                    statement.query, catalog, persistent=False, properties=properties
                )
                name = f"transient_{planned.sources[0].name}_{session.clock.now_ms()}"
                found = _explained(name, _TRANSIENT, statement.text, planned.root)
                key = planned.root.children[0].schema.key if planned.root.children else ()
                return replace(found, schema=_with_key(key, found.schema.columns))
            case _:
                raise UnsupportedError(
                    "EXPLAIN needs a query id, a SELECT, or a statement that starts a query",
                    span=statement.span,
                )

    def explain_running(self, query_id: str) -> Explanation:
        """The plan of a persistent query.

        Raises:
            UnknownNameError: There is none of that id.
        """
        for known, entry in self._tasks.running.items():
            if known.upper() == query_id.upper():
                spec = entry.task.spec
                return _explained(known, "PERSISTENT", spec.statement, spec.plan)
        raise UnknownNameError(f"query with id {query_id} does not exist")


def _with_key(key: Sequence[Column], columns: Sequence[Column]) -> Schema:
    """What EXPLAIN tells of a query that nobody keeps: its key, then what it answers."""
    return Schema((*key, *(Column(column.name, column.type) for column in columns)))


def _pace(task: Task, lag: int) -> Pace:
    stats = task.stats
    in_per_second, out_per_second = stats.meter.per_second(task.clock.now_ms())
    return Pace(
        stats.records_in,
        stats.records_out,
        in_per_second,
        out_per_second,
        stats.late_rows,
        stats.record_errors,
        stats.last_record_ms,
        lag,
    )


def _explained(query_id: str, kind: str, statement: str, plan: PlanNode) -> Explanation:
    read = [n for n in plan.walk() if isinstance(n, SourceNode) and not n.children]
    sources = tuple(dict.fromkeys(node.source.name for node in read))
    sink = getattr(plan, "sink", None)
    window = plan.window
    text = explain(plan)
    return Explanation(
        query_id,
        kind,
        statement,
        plan.schema,
        window.kind if window is not None else None,
        sources,
        (sink.name,) if sink is not None else (),
        text,
        text,
    )


@dataclass(frozen=True, slots=True)
class QueryText:
    """A SELECT or PRINT as it was sent.

    Attributes:
        in_sql: What ksqlDB's rules refuse of a pull query is tried as DuckDB's SQL.
        parameters: Values for `?`, `$1` or `$name`; only DuckDB's SQL has those.
    """

    text: str
    in_sql: bool = False
    parameters: Parameters | None = None


@dataclass(frozen=True, slots=True)
class QueryHosts:
    """What queries run on."""

    tasks: TaskTable
    pushes: PushTable
    duck: Duck
    locked: LockedPool


def run_query(query: QueryText, session: Session, hosts: QueryHosts) -> QueryResult | PrintResult:
    """Starts one SELECT or PRINT.

    Raises:
        UserError: It is another statement, or is wrong.
    """
    refused: UserError | None = None
    if query.parameters is None:
        statement: ast.Statement | None = None
        try:
            statement = _parsed(query.text, session)
            return _run_statement(statement, session, hosts)
        except UserError as error:
            if not query.in_sql or not _may_be_sql(statement, error):
                raise
            refused = error
    text = substitute(query.text, session.usable_variables)
    try:
        return run_sql_select(text, query.parameters, _selecting(session, hosts), hosts.locked)
    except SqlSyntaxError as error:
        raise refused or error from error


def _may_be_sql(statement: ast.Statement | None, error: UserError) -> bool:
    """Whether a statement that was refused may be a pull query in DuckDB's SQL."""
    if isinstance(error, RequestError | PropertyError):
        return False
    if statement is None:
        return True
    return isinstance(statement, ast.QueryStatement) and statement.query.emit is None


def _parsed(text: str, session: Session) -> ast.Statement:
    parts = split_script(text)
    if len(parts) != 1:
        raise SqlSyntaxError(f"expected exactly one statement, found {len(parts)}")
    return parse_part(parts[0], session.usable_variables)


def _selecting(session: Session, hosts: QueryHosts) -> Selecting:
    reset = str(session.setting("auto.offset.reset") or "latest").lower()
    return Selecting(
        session.catalog,
        session.log,
        session.clock,
        hosts.duck,
        hosts.tasks,
        hosts.pushes,
        session.in_force,
        from_earliest=reset == "earliest",
        defaults=session.defaults,
    )


def _run_statement(
    statement: ast.Statement, session: Session, hosts: QueryHosts
) -> QueryResult | PrintResult:
    match statement:
        case ast.PrintTopic():
            return print_topic(statement, session)
        case ast.QueryStatement():
            return run_select(statement, _selecting(session, hosts))
        case _:
            raise WrongEndpointError(
                "only SELECT and PRINT statements can be run as queries", span=statement.span
            )
