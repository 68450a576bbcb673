"""A task: the one runner of a persistent query.

It repeats epochs (architecture page, section 2):

1. Read: per input partition an offset range.
2. Order: one fixed rule (`merganser.engine.runtime.epoch`).
3. Run: the topology's steps in a DuckDB transaction on the query's own state file.
4. Publish: outputs, positions and commit record become durable together in the log. They are the
   truth from then on.
5. Commit the state. A crash between 4 and 5 leaves the state behind the log; on the next start the
   recorded epochs are run again, outputs suppressed, until it has caught up.

Under load epoch n+1 is run while n is published; the state's transaction then spans several epochs
and is committed only when all of them are durable in the log.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import structlog

from merganser.engine.catalog import Source
from merganser.engine.clock import Clock
from merganser.engine.duck import Duck
from merganser.engine.execution import dead_letters
from merganser.engine.execution.compile import compile_plan
from merganser.engine.execution.topology import Topology
from merganser.engine.log.protocol import (
    Commit,
    Log,
    Output,
    TopicBatch,
    TopicPartition,
)
from merganser.engine.plan.nodes import PlanNode
from merganser.engine.runtime import faults, processing_log
from merganser.engine.runtime.epoch import arrival_inputs, ordered_inputs, ranges_of
from merganser.engine.runtime.rates import Meter
from merganser.engine.runtime.session import NO_PACE, Pace, Ranges, Runs, TaskSession
from merganser.engine.state.state_file import delete_file
from merganser.errors import CorruptFileError, ExternalError, InternalError

logger = structlog.get_logger(__name__)


_ALIASES = itertools.count()


class TaskState(StrEnum):
    """What a task is doing.

    WAITING: the log is away; the task tries again. ERROR: it has stopped for the reason given.
    """

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    PAUSED = "PAUSED"
    ERROR = "ERROR"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class QuerySpec:
    """What a task runs.

    Attributes:
        plan: Ends in a sink, or in nothing for a query that only materialises.
        from_earliest: Streams are read from their beginning; tables always are.
        producer_id: Names the task in the log: its consumer group and its commit records.
        processing_topic: Where failures of single records go; None: nowhere.
        processing_records: Whether they hold the record's bytes.
        dead_letter_topic: Where records go that cannot be used; None: nowhere.
        uncached: Every update of a key is shown: an epoch holds one record.
    """

    query_id: str
    statement: str
    plan: PlanNode
    sources: tuple[Source, ...]
    sink: Source | None
    producer_id: str
    from_earliest: bool
    exactly_once: bool = True
    processing_topic: str | None = None
    processing_records: bool = False
    dead_letter_topic: str | None = None
    properties: Mapping[str, object] = field(default_factory=dict)
    uncached: bool = False


@dataclass(slots=True)
class TaskStats:
    """Counters of a task since it was started."""

    query_id: str
    state: str = TaskState.CREATED.value
    records_in: int = 0
    records_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    late_rows: int = 0
    record_errors: int = 0
    epochs: int = 0
    epoch_seconds_last: float = 0.0
    lag: int = 0
    state_bytes: int = 0
    last_record_ms: int = 0
    meter: Meter = field(default_factory=Meter)


class Task:
    """Runs the epochs of one query. One thread at a time calls the methods that run epochs.

    Attributes:
        errors: The last failures, oldest first: epoch ms, message, `USER`, `SYSTEM` or `UNKNOWN`.
        rebuilt_because: Why the state was last thrown away and made again from the log.
    """

    def __init__(
        self, spec: QuerySpec, *, duck: Duck, log: Log, clock: Clock, state_path: Path | None
    ) -> None:
        self.spec = spec
        # Engines may share an instance, so the name under which a state is attached is its own.
        self.state_alias = f"state_{spec.query_id}_{next(_ALIASES)}"
        self.stats = TaskStats(spec.query_id)
        self.topology: Topology = compile_plan(spec.plan, keep=spec.sink is None)
        self.errors: list[tuple[int, str, str]] = []
        self.rebuilt_because: str | None = None
        self._discard: str | None = None
        self._duck = duck
        self._log = log
        self._clock = clock
        self._state_path = state_path
        self._session: TaskSession | None = None
        self._opened = threading.Event()
        self._lock = threading.RLock()

    @property
    def clock(self) -> Clock:
        """What it takes the time from."""
        return self._clock

    @property
    def state_bytes(self) -> int:
        """Size of the state's files; 0 if it is in memory."""
        path = self._state_path
        if path is None:
            return 0
        files = (path, path.with_name(path.name + ".wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    @property
    def query_id(self) -> str:
        """The query's id."""
        return self.spec.query_id

    @property
    def sql(self) -> str:
        """The statement that made the query."""
        return self.spec.statement

    @property
    def source_topics(self) -> tuple[str, ...]:
        """The topics that are read, each once, in the order of the sources."""
        return tuple(dict.fromkeys(source.topic for source in self.topology.sources))

    @property
    def sink_topic(self) -> str | None:
        """The topic that is written."""
        return self.spec.sink.topic if self.spec.sink is not None else None

    @property
    def _runs(self) -> Runs:
        spec = self.spec
        return Runs(
            spec.query_id,
            spec.producer_id,
            self.topology,
            self.state_alias,
            spec.from_earliest,
            spec.exactly_once,
            keeps_dead=spec.dead_letter_topic is not None,
        )

    @property
    def is_open(self) -> bool:
        """Whether the state is attached and the publisher holds the query's id."""
        return self._session is not None

    def wait_until_open(self, seconds: float) -> bool:
        """Waits for a task that is starting; whether it is open then."""
        if self.stats.state == TaskState.CREATED:
            self._opened.wait(seconds)
        return self.is_open

    @property
    def positions(self) -> dict[TopicPartition, int]:
        """Where the next epoch starts."""
        session = self._session
        return dict(session.positions) if session is not None else {}

    def open(self) -> None:
        """Takes the query over: fences older runners, catches up with the log by replay.

        A state file that is damaged, or is not the log's, is made again by replay.

        Raises:
            LogError, StateFileError: As the doors say.
        """
        with self._lock:
            if self._session is not None:
                return
            try:
                self._begin()
            except CorruptFileError as error:
                self.distrust(error)
                self._begin()

    def _begin(self) -> None:
        session = TaskSession(
            self._runs, self._duck, self._log, self._state_path, discard=self._discard
        )
        try:
            self._discard = None
            if (reason := session.rebuilt_because) is not None:
                self.rebuilt_because = reason
                self.note_error(f"state made again from the log: {reason}", "SYSTEM")
                logger.warning("state rebuilt", query_id=self.query_id, reason=reason)
            session.catch_up(self._clock.now_ms())
        except BaseException:
            session.close()
            raise
        # Not before: a state that is being replayed is one that was shown long ago.
        self._session = session
        self._opened.set()

    def distrust(self, error: BaseException) -> None:
        """Notes a failure that tells of a damaged state file: the next start does without it."""
        if isinstance(error, CorruptFileError):
            self._discard = error.message.splitlines()[0]

    def close(self) -> None:
        """Gives the query up; what is not committed is dropped."""
        with self._lock:
            session, self._session = self._session, None
            self._opened.clear()
        if session is not None:
            session.close()

    def restart(self, *, keep_state: bool) -> None:
        """As after a crash: a new publisher; state from the file, or all of it by replay."""
        self.close()
        if not keep_state and self._state_path is not None:
            delete_file(self._state_path)
        self.open()

    def forget(self) -> None:
        """Removes state and commit records: the query is gone for good."""
        self.close()
        if self._state_path is not None:
            delete_file(self._state_path)
        self._log.forget(self.spec.producer_id)

    def run_epoch(self, batches: Sequence[TopicBatch], *, arrival: bool = False) -> None:
        """One epoch by hand: run, publish, commit. With `arrival` records come in list order.

        After a failure the task is closed; opened again, it goes on from what the log has.
        """
        self.open()
        session = self.session
        ranges = ranges_of(session.positions, batches)
        inputs = arrival_inputs(batches) if arrival else ordered_inputs(batches)
        try:
            commit, outputs = self.compute(inputs, ranges, self._pace_behind(ranges))
            faults.hit(faults.Point.EPOCH_COMPUTED)
            session.publisher.publish(commit, outputs)
            faults.hit(faults.Point.LOG_COMMITTED)
            session.commit_state()
            faults.hit(faults.Point.STATE_COMMITTED)
        except BaseException as error:
            self.distrust(error)
            self.close()
            raise

    def _pace_behind(self, ranges: Ranges) -> Pace:
        """The partitions that have records behind these ranges."""
        positions = {**self.session.positions, **{place: end for place, (_, end) in ranges.items()}}
        behind = (
            place.partition
            for topic in self.source_topics
            for place, end in self._log.end_positions(topic).items()
            if positions.get(place, end) < end
        )
        return Pace(frozenset(behind))

    @property
    def session(self) -> TaskSession:
        """What an open task holds."""
        if self._session is None:
            raise InternalError(f"task {self.query_id} is not open")
        return self._session

    def compute(
        self, inputs: Mapping[str, pa.Table], ranges: Ranges, pace: Pace = NO_PACE
    ) -> tuple[Commit, list[Output]]:
        """Steps 2 and 3: runs an epoch in the open state transaction. Nothing is durable yet."""
        session = self.session
        now_ms = self._clock.now_ms()
        epoch = session.run(inputs, ranges, now_ms, pace)
        outputs: list[Output] = []
        sink = self.spec.sink
        rows = epoch.rows
        if sink is not None and rows.num_rows:
            outputs.append(Output(sink.topic, rows))
        if failures := epoch.context.failures:
            first = failures[0]
            logger.warning(
                "records could not be used",
                query_id=self.query_id,
                count=epoch.context.failure_count,
                reason=first.message,
                topic=first.topic,
                partition=first.partition,
                offset=first.offset,
            )
        if epoch.context.failures and self.spec.processing_topic is not None:
            outputs.append(
                processing_log.entries(
                    self.query_id,
                    epoch.context.failures,
                    self.spec.processing_topic,
                    now_ms,
                    with_records=self.spec.processing_records,
                )
            )
        if epoch.context.dead and self.spec.dead_letter_topic is not None:
            letters = list(epoch.context.dead.values())
            outputs.append(dead_letters.output(letters, self.spec.dead_letter_topic))
        stats = self.stats
        stats.records_in += sum(table.num_rows for table in inputs.values())
        stats.bytes_in += sum(_payload_bytes(table) for table in inputs.values())
        stats.records_out += rows.num_rows
        stats.bytes_out += _payload_bytes(rows) if sink is not None else 0
        stats.late_rows += epoch.context.late
        stats.record_errors += epoch.context.failure_count
        stats.epochs += 1
        stats.last_record_ms = now_ms
        stats.meter.note(now_ms, sum(t.num_rows for t in inputs.values()), rows.num_rows)
        return Commit(session.point.epoch, ranges, now_ms, pace.notes()), outputs

    def wait_because(self, error: ExternalError) -> None:
        """Has everybody see that the task waits, and once why."""
        self.stats.state = TaskState.WAITING
        if [message for _, message, _ in self.errors[-1:]] != [error.message]:
            self.note_error(error.message, "SYSTEM")

    def note_error(self, message: str, kind: str) -> None:
        """Keeps one of the last ten failures."""
        self.errors = [*self.errors[-9:], (self._clock.now_ms(), message, kind)]


def _payload_bytes(table: pa.Table) -> int:
    return sum(
        column.nbytes
        for name in ("key", "value")
        if name in table.column_names
        for column in table.column(name).chunks
    )
