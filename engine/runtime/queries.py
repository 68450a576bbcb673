"""Queries that answer to a caller: which run now, and how a SELECT is started."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from merganser.engine.answer import QueryResult, Rows
from merganser.engine.catalog import Catalog, Source
from merganser.engine.clock import Clock
from merganser.engine.duck import Duck
from merganser.engine.duck_locked import Parameters
from merganser.engine.execution.compile import compile_plan
from merganser.engine.execution.topology import Materialization, Topology
from merganser.engine.log.protocol import Log, TopicPartition
from merganser.engine.plan.build import PlannedQuery, plan_query
from merganser.engine.plan.pull import PULL_FORBIDDEN, check_pull_clauses, plan_pull
from merganser.engine.plan.sql_pull import plan_sql_pull
from merganser.engine.properties import PUSH_FROM
from merganser.engine.runtime.fanout import BUFFER_MAX, FanOuts, SharedRows, push_limit
from merganser.engine.runtime.lookup import check_limit_allowed, check_pull
from merganser.engine.runtime.pull import run_pull
from merganser.engine.runtime.push import PushRows
from merganser.engine.runtime.push_start import (
    PushStart,
    StartKind,
    parse_start,
    start_positions,
)
from merganser.engine.runtime.services import TaskTable
from merganser.engine.runtime.shared_plan import SharedPlan, shared_plan
from merganser.engine.runtime.sql_pull import (
    AT_ONCE_MAX,
    LockedPool,
    SqlLimits,
    Stored,
    run_sql_pull,
    server_limit,
)
from merganser.errors import TooManyRequestsError, UnavailableError, UnsupportedError, UserError
from merganser.parser import ast

MAX_PUSH_QUERIES = "ksql.max.push.queries"
MAX_PUSH_QUERIES_DEFAULT = "100"
READY_SECONDS_MAX = 1.0  # A query that was just made is worth so much waiting.
PULL_RATE = "ksql.query.pull.max.qps"


@dataclass(frozen=True, slots=True)
class PushEntry:
    """A push query under way."""

    query_id: str
    statement: str
    sources: tuple[str, ...]
    rows: Rows


@dataclass
class PullRate:
    """Lets so many pull queries start a second, and as many more after a quiet second."""

    _spare: float = 0.0
    _next_ms: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, per_second: float, now_ms: int) -> None:
        """Takes part in the rate.

        Raises:
            TooManyRequestsError: There is no place now.
        """
        with self._lock:
            if self._next_ms > now_ms:
                raise TooManyRequestsError(
                    f"more than {per_second:g} pull queries a second",
                    hint=f"Ask again later, or raise {PULL_RATE}.",
                )
            passed = (now_ms - self._next_ms) / 1000
            self._spare = min(per_second, self._spare + passed * per_second)
            used = min(1.0, self._spare)
            self._spare -= used
            self._next_ms = now_ms + (1 - used) * 1000 / per_second


@dataclass
class PushTable:
    """The push queries that run now, and how often pull queries may start."""

    pull_rate: PullRate = field(default_factory=PullRate)
    fan_outs: FanOuts = field(default_factory=FanOuts)
    _entries: dict[str, PushEntry] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_id(self, source: str, *, scalable: bool = False) -> str:
        """An id that no query has had."""
        prefix = "SCALABLE_PUSH_QUERY" if scalable else "transient"
        return f"{prefix}_{source}_{next(self._count)}"

    def add(self, entry: PushEntry, most: int) -> None:
        """Adds a query.

        Raises:
            UserError: There are as many as the server allows.
        """
        with self._lock:
            if len(self._entries) >= most:
                raise UserError(
                    f"maximum number of push queries exceeded: {most} are running",
                    hint=f"End one, or raise {MAX_PUSH_QUERIES}.",
                )
            self._entries[entry.query_id] = entry

    def ended(self, query_id: str) -> None:
        """Takes a query out of the list."""
        with self._lock:
            self._entries.pop(query_id, None)

    def close(self, query_id: str) -> bool:
        """Ends a query; False if there is none of that id."""
        with self._lock:
            entry = self._entries.get(query_id)
        if entry is None:
            return False
        entry.rows.close()
        return True

    def entries(self) -> list[PushEntry]:
        """What runs now."""
        with self._lock:
            return list(self._entries.values())

    def close_all(self) -> None:
        """Ends all."""
        for entry in self.entries():
            entry.rows.close()
        self.fan_outs.close()


@dataclass(frozen=True, slots=True)
class Selecting:
    """What starting a SELECT needs."""

    catalog: Catalog
    log: Log
    clock: Clock
    duck: Duck
    tasks: TaskTable
    pushes: PushTable
    properties: Mapping[str, object]
    from_earliest: bool
    defaults: Mapping[str, object] = field(default_factory=dict)


def run_select(statement: ast.QueryStatement, now: Selecting) -> QueryResult:
    """Starts a push query, or runs a pull query.

    Raises:
        UserError: The query is wrong, or its source cannot be pulled from.
    """
    query = statement.query
    if query.emit is not None:
        return _push(statement, now)
    if query.is_compound:
        raise UnsupportedError(
            "WITH, UNION ALL and sub-queries need EMIT CHANGES",
            hint="Add EMIT CHANGES for a push query, or CREATE … AS SELECT and read its result.",
            span=query.span,
        )
    source = now.catalog.source(query.source.name, query.source.span)
    check_pull_clauses(query)
    if not source.is_table:
        return _stream_pull(statement, now)
    return _pull(statement, now)


def _push(statement: ast.QueryStatement, now: Selecting) -> QueryResult:
    query = statement.query
    planned = plan_query(query, now.catalog, persistent=False, properties=now.properties)
    given = now.properties.get(PUSH_FROM)
    start = parse_start(str(given)) if given is not None else None
    if start is None:
        start = PushStart(StartKind.EARLIEST if now.from_earliest else StartKind.LATEST)
    scalable = _is_scalable(query, now)
    query_id = now.pushes.next_id(planned.sources[0].name, scalable=scalable)
    if start.kind is StartKind.LATEST and (plan := shared_plan(planned.root)) is not None:
        return _shared(statement, planned, plan, query_id, now)
    positions = start_positions(planned, now.log, start)
    return _started(statement, planned, query_id, positions, None, now)


def _shared(
    statement: ast.QueryStatement,
    planned: PlannedQuery,
    plan: SharedPlan,
    query_id: str,
    now: Selecting,
) -> QueryResult:
    """Starts a push query that reads along with the others of its stream."""
    limit = statement.query.limit
    rows = SharedRows(
        query_id,
        plan,
        limit=limit,
        buffer_max_bytes=push_limit(BUFFER_MAX, now.defaults),
        on_end=now.pushes.ended,
    )
    _enter(PushEntry(query_id, statement.text, (planned.sources[0].name,), rows), now)
    try:
        now.pushes.fan_outs.join(
            rows, duck=now.duck, log=now.log, clock=now.clock, properties=now.defaults
        )
    except BaseException:
        now.pushes.ended(query_id)
        raise
    return QueryResult(query_id, "push", planned.root.schema.columns, rows, limit)


def _enter(entry: PushEntry, now: Selecting) -> None:
    most = int(str(now.properties.get(MAX_PUSH_QUERIES, MAX_PUSH_QUERIES_DEFAULT)))
    now.pushes.add(entry, most)


def _is_scalable(query: ast.Query, now: Selecting) -> bool:
    """Whether ksqlDB would answer it from the running query that writes its source.

    Here it only shows in the id: which queries share a reader is another matter (`fanout.py`).
    """
    enabled = str(now.properties.get("ksql.query.push.v2.enabled", "")).lower() == "true"
    plain = not (query.joins or query.window or query.group_by or query.partition_by)
    return enabled and plain and not now.from_earliest


def _stream_pull(statement: ast.QueryStatement, now: Selecting) -> QueryResult:
    if statement.query.limit is not None:
        check_limit_allowed(now.properties)
        if statement.query.limit < 0:
            raise UserError("LIMIT must not be negative")
    planned = plan_query(
        statement.query,
        now.catalog,
        persistent=False,
        properties=now.properties,
        forbidden=PULL_FORBIDDEN,
    )
    positions = start_positions(planned, now.log, PushStart(StartKind.EARLIEST))
    ends: dict[TopicPartition, int] = {}
    for source in planned.sources:
        ends.update(now.log.end_positions(source.topic))
    query_id = now.pushes.next_id(planned.sources[0].name)
    return _started(statement, planned, query_id, positions, ends, now)


def _started(
    statement: ast.QueryStatement,
    planned: PlannedQuery,
    query_id: str,
    positions: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int] | None,
    now: Selecting,
) -> QueryResult:
    topology: Topology = compile_plan(planned.root)
    limit = statement.query.limit
    rows = PushRows(
        query_id,
        topology,
        planned.root.schema,
        duck=now.duck,
        log=now.log,
        clock=now.clock,
        positions=positions,
        ends=ends,
        limit=limit,
        drops_null_records=not planned.root.is_table,
        on_end=now.pushes.ended,
    )
    names = tuple(source.name for source in planned.sources)
    _enter(PushEntry(query_id, statement.text, names, rows), now)
    kind = "push" if ends is None else "stream_pull"
    return QueryResult(query_id, kind, planned.root.schema.columns, rows, limit)


def _pull(statement: ast.QueryStatement, now: Selecting) -> QueryResult:
    pulled = plan_pull(statement.query, now.catalog)
    check_pull(pulled, now.properties)
    _take_rate(now)
    materialization, alias = _stored(pulled.source, now)
    rows = run_pull(pulled, materialization, alias, now.duck)
    query_id = f"query_{now.clock.now_ms()}"
    return QueryResult(query_id, "pull", pulled.columns, rows, pulled.limit)


def run_sql_select(
    text: str, parameters: Parameters | None, now: Selecting, locked: LockedPool
) -> QueryResult:
    """Runs a pull query in DuckDB's SQL.

    Raises:
        UserError: It is wrong, or takes more than it may.
    """
    pulled = plan_sql_pull(text, now.catalog)
    stored = [Stored(use, *_stored(use.source, now)) for use in pulled.tables]
    _take_rate(now)
    limits = SqlLimits.of(now.defaults, now.properties)
    most = server_limit(AT_ONCE_MAX, now.defaults)
    duck = locked.take(limits.memory_max_bytes, most)
    try:
        return run_sql_pull(
            pulled,
            stored,
            parameters,
            locked=duck,
            duck=now.duck,
            limits=limits,
            query_id=f"query_{now.clock.now_ms()}",
        )
    finally:
        locked.give_back(duck, most)


def _take_rate(now: Selecting) -> None:
    if (rate := now.properties.get(PULL_RATE)) is not None:
        now.pushes.pull_rate.take(float(str(rate)), now.clock.now_ms())


def _stored(source: Source, now: Selecting) -> tuple[Materialization, str]:
    """A table's rows in the state of the query that keeps them, and that state's alias.

    Raises:
        UserError: No query keeps them.
        UnavailableError: It has not started yet.
    """
    name = source.name
    owner = next(
        (
            entry.task
            for query_id, entry in now.tasks.running.items()
            if (known := now.catalog.queries.get(query_id)) is not None
            and (known.sink == name or (known.sink is None and name in known.sources))
            and entry.task.topology.materialization is not None
        ),
        None,
    )
    if owner is None:
        raise UserError(
            f"the {source.kind} {name} isn't queryable: it is not materialized",
            hint="Create it with CREATE TABLE … AS SELECT or CREATE SOURCE TABLE, or add EMIT "
            "CHANGES for a push query.",
        )
    if not owner.wait_until_open(READY_SECONDS_MAX):
        raise UnavailableError(f"query {owner.query_id} is not ready yet: try again")
    materialization = owner.topology.materialization
    assert materialization is not None
    return materialization, owner.state_alias
