"""An engine without SQL, to drive the server into every state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from merganser.engine.answer import Answer, FormatLine, PrintResult, QueryResult, RowBatch, Table
from merganser.engine.engine import Problem, PushStats, StatementFailure
from merganser.engine.log.protocol import TopicPartition
from merganser.engine.schema import Column, Role
from merganser.engine.types import BIGINT, STRING
from merganser.errors import (
    CommandTimeoutError,
    ForbiddenError,
    MerganserError,
    RequestError,
    UnknownNameError,
    UserError,
)
from merganser.parser import ast
from merganser.parser.build import parse_statement

KEYED = (Column("ID", BIGINT, Role.KEY), Column("NAME", STRING))


@dataclass(frozen=True, kw_only=True)
class Said(Answer):
    """An answer that repeats something."""

    wire_type: ClassVar[str] = "said"
    word: str

    def fields(self) -> dict[str, object]:
        return {"word": self.word}

    def tables(self) -> Sequence[Table]:
        return [Table(("Word",), ((self.word,),), footer="that is all")]


def batch(
    *rows: tuple[int | None, str | None], tombstones: Sequence[bool] | None = None
) -> RowBatch:
    """Rows of the KEYED columns."""
    table = pa.table(
        {
            "ID": pa.array([row[0] for row in rows], pa.int64()),
            "NAME": pa.array([row[1] for row in rows], pa.string()),
        }
    )
    return RowBatch(table, None if tombstones is None else pa.array(tombstones, pa.bool_()))


class ListedRows:
    """Rows that are there; afterwards it waits for `close` if `live`, or raises `error`."""

    def __init__(
        self,
        batches: Sequence[RowBatch],
        *,
        live: bool = False,
        error: Exception | None = None,
    ) -> None:
        self.closed = threading.Event()
        self.pulled = 0
        self._batches = batches
        self._live = live
        self._error = error

    def __iter__(self) -> Iterator[RowBatch]:
        for rows in self._batches:
            if self.closed.is_set():
                return
            self.pulled += 1
            yield rows
        if self._error is not None:
            raise self._error
        if self._live:
            self.closed.wait()

    def close(self) -> None:
        self.closed.set()


class EndlessRows(ListedRows):
    """The same batch again and again, until closed."""

    def __init__(self, rows: RowBatch) -> None:
        super().__init__([])
        self._rows = rows

    def __iter__(self) -> Iterator[RowBatch]:
        while not self.closed.is_set():
            self.pulled += 1
            yield self._rows


@dataclass
class FakeConfig:
    """What the server shows of the configuration."""

    service_id: str = "test_"
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeStatus:
    """What became of a command."""

    status: str = "SUCCESS"
    message: str = "Stream created"
    query_id: str | None = None


@dataclass
class FakeStats:
    """Counters of a query."""

    query_id: str
    state: str = "RUNNING"
    records_in: int = 10
    records_out: int = 7
    bytes_in: int = 100
    bytes_out: int = 70
    late_rows: int = 2
    record_errors: int = 1
    epochs: int = 3
    epoch_seconds_last: float = 0.25
    lag: int = 5
    state_bytes: int = 4096
    last_record_ms: int = 1500


@dataclass
class FakeInserter:
    """Takes rows that have an ID."""

    seen: list[dict[str, object]]

    def insert(self, rows: Sequence[object]) -> tuple[int, UserError | None]:
        for index, row in enumerate(rows):
            if not isinstance(row, dict) or "ID" not in row:
                return index, RequestError("ID is missing")
            self.seen.append(row)
        return len(rows), None


@dataclass
class FakeEngine:
    """Answers by tables that a test fills. Unknown texts fail as statements do."""

    answers: dict[str, list[Answer] | MerganserError] = field(default_factory=dict)
    queries: dict[str, Callable[[], QueryResult | PrintResult]] = field(default_factory=dict)
    statuses: dict[str, FakeStatus] = field(default_factory=dict)
    counters: list[FakeStats] = field(default_factory=list)
    found_problems: list[Problem] = field(default_factory=list)
    healthy: dict[str, bool] = field(default_factory=dict)
    start_error: Exception | None = None
    may_start: threading.Event = field(default_factory=threading.Event)
    starting: threading.Event = field(default_factory=threading.Event)
    running: dict[str, QueryResult] = field(default_factory=dict)
    seen: list[dict[str, object]] = field(default_factory=list)
    closed: bool = False
    cluster_id: str = "test-cluster"
    config: FakeConfig = field(default_factory=FakeConfig)

    def reset(self) -> None:
        """Forgets what a test has filled in and done."""
        for table in (self.answers, self.queries, self.statuses, self.healthy, self.running):
            table.clear()
        self.counters = []
        self.found_problems = []
        self.seen = []

    def start(self) -> None:
        self.starting.set()
        assert self.may_start.wait(10)
        if self.start_error is not None:
            raise self.start_error

    def close(self) -> None:
        self.closed = True

    def execute(
        self,
        text: str,
        *,
        properties: Mapping[str, object],
        variables: Mapping[str, str],
        after_sequence: int | None,
        permit: Callable[[ast.Statement], None] | None = None,
    ) -> list[Answer]:
        if permit is not None:
            try:
                permit(parse_statement(text))
            except ForbiddenError as error:
                raise StatementFailure(error, text, ()) from error
        self.seen.append(
            {
                "text": text,
                "properties": properties,
                "variables": variables,
                "after": after_sequence,
            }
        )
        found = self.answers.get(text)
        if found is None:
            raise StatementFailure(UnknownNameError("nothing of that name exists"), text, ())
        if isinstance(found, MerganserError):
            raise StatementFailure(found, text, (Said(word="before", statement_text="FIRST;"),))
        return found

    def query(
        self,
        text: str,
        *,
        properties: Mapping[str, object],
        variables: Mapping[str, str],
        known_only: bool = True,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
        in_sql: bool = False,
    ) -> QueryResult | PrintResult:
        self.seen.append({"text": text, "properties": properties, "variables": variables})
        make = self.queries.get(text)
        if make is None:
            raise StatementFailure(UnknownNameError("nothing of that name exists"), text, ())
        result = make()
        if isinstance(result, QueryResult) and result.kind == "push":
            self.running[result.query_id] = result
        return result

    def terminate_cluster(self, delete_topics: Sequence[str]) -> tuple[Answer, Callable[[], None]]:
        self.seen.append({"terminate": list(delete_topics)})
        return Said(word="ending"), lambda: None

    def inserter(self, target: str, *, properties: Mapping[str, object]) -> FakeInserter:
        if target != "S":
            raise UnknownNameError("nothing of that name exists")
        return FakeInserter(self.seen)

    def close_query(self, query_id: str) -> bool:
        result = self.running.pop(query_id, None)
        if result is not None:
            result.rows.close()
        return result is not None

    def wait_for_command(self, sequence: int) -> None:
        if sequence > 100:
            raise CommandTimeoutError(f"command {sequence} has not run in time")

    def command_statuses(self) -> Mapping[str, FakeStatus]:
        return self.statuses

    def check_property(self, name: str) -> None:
        if name == "ksql.service.id":
            raise RequestError(f"{name} may not be set by clients")

    def problems(self) -> Sequence[Problem]:
        return self.found_problems

    def push_stats(self) -> PushStats:
        return PushStats(3, (("t", 2, 500),), 1)

    def health(self) -> Mapping[str, bool]:
        return {"metastore": True, "kafka": True, "commandRunner": True, **self.healthy}

    def stores(self) -> Mapping[str, Mapping[TopicPartition, tuple[int, int]]]:
        return {}

    def stats(self) -> Sequence[FakeStats]:
        return self.counters


def push(
    rows: ListedRows, *, query_id: str = "transient_S_1", limit: int | None = None
) -> QueryResult:
    """A push query over rows."""
    return QueryResult(query_id, "push", KEYED, rows, limit)


def pull(rows: ListedRows, *, limit: int | None = None) -> QueryResult:
    """A pull query over rows."""
    return QueryResult("query_1", "pull", KEYED, rows, limit)


def printing(*lines: str) -> PrintResult:
    """A PRINT that ends after the lines."""
    return PrintResult(
        iter([FormatLine("Key format: JSON or KAFKA_STRING"), *lines]), close=lambda: None
    )
