"""The thread that runs a task: reads ahead, computes, publishes behind, retries, gives up.

Three threads share the work: a fetcher that reads the next epoch's records, this one that computes,
and a committer that publishes. All three release the interpreter while they wait for librdkafka or
DuckDB. At most one epoch is being published and one read ahead, so memory is bounded.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from merganser.engine.duck import DuckError
from merganser.engine.log.protocol import Commit, Log, Output, Publisher, TopicBatch, TopicPartition
from merganser.engine.runtime import faults
from merganser.engine.runtime.epoch import ordered_inputs
from merganser.engine.runtime.session import Pace
from merganser.engine.runtime.task import Task, TaskState
from merganser.errors import (
    ExternalError,
    FencedError,
    LogError,
    MerganserError,
    RecordError,
    UserError,
)

logger = structlog.get_logger(__name__)

EPOCH_ROWS_MAX = 100_000  # Past this latency grows and the rate does not.
POLL_WAIT_MS = 100
READ_AHEAD_EPOCHS = 1
STATE_EPOCHS_MAX = 32  # State commits lag the log by at most so many epochs, and
STATE_LAG_SECONDS_MAX = 1.0  # by at most so long, so that pull queries are no older than that.
QUIET_SECONDS = 30.0  # A partition that gives nothing for so long does not hold windows open.
BACKOFF_FIRST_SECONDS, BACKOFF_LAST_SECONDS = 0.25, 10.0


@dataclass(frozen=True, slots=True)
class _Fetched:
    """An epoch's records, the ranges they came from, and which partitions hold time back."""

    batches: Sequence[TopicBatch]
    ranges: Mapping[TopicPartition, tuple[int, int]]
    pace: Pace


@dataclass(frozen=True, slots=True)
class _Published:
    """An epoch is durable in the log."""

    epoch: int


@dataclass(frozen=True, slots=True)
class _Failed:
    """A helper thread ended with an error."""

    error: BaseException


_Event = _Fetched | _Published | _Failed


class TaskRunner:
    """Keeps a task running in a thread until it is stopped or fails for good."""

    def __init__(self, task: Task, log: Log) -> None:
        self.task = task
        self._log = log
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._paused = threading.Event()
        self._thread = threading.Thread(target=self._main, name=task.query_id, daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """Ends the task after the epoch that it is in; waits for it."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        if self.task.stats.state != TaskState.ERROR:
            self.task.stats.state = TaskState.STOPPED

    def pause(self, *, paused: bool) -> None:
        """Stops reading, or goes on."""
        if paused:
            self._paused.set()
        else:
            self._paused.clear()
        self._wake.set()

    @property
    def paused(self) -> bool:
        """Whether the query is paused."""
        return self._paused.is_set()

    def _main(self) -> None:
        backoff = BACKOFF_FIRST_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._run_once()
            except ExternalError as error:
                self.task.distrust(error)
                if time.monotonic() - started > BACKOFF_LAST_SECONDS:
                    backoff = BACKOFF_FIRST_SECONDS
                if not self._may_retry(error):
                    self._fail(error)
                    return
                self.task.note_error(error.message, "SYSTEM")
                self.task.stats.state = TaskState.WAITING
                logger.warning("log away", query_id=self.task.query_id, reason=error.message)
                self._stopping.wait(backoff)
                backoff = min(backoff * 2, BACKOFF_LAST_SECONDS)
            except (MerganserError, DuckError) as error:
                self._fail(error)
                return
            except Exception as error:
                logger.exception("task failed", query_id=self.task.query_id)
                self._fail(error)
                return

    def _may_retry(self, error: ExternalError) -> bool:
        """A publisher that failed is not used again, so all but fencing is worth a new one."""
        if isinstance(error, FencedError):
            return False
        return error.retryable or isinstance(error, LogError)

    def _fail(self, error: BaseException) -> None:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        self.task.note_error(message, _blame(error))
        self.task.stats.state = TaskState.ERROR
        logger.error("query stopped", query_id=self.task.query_id, reason=message)

    def _run_once(self) -> None:
        """Opens the task and serves it until it is stopped or something fails."""
        try:
            self.task.open()
            self.task.stats.state = TaskState.RUNNING
            while not self._stopping.is_set():
                if self._paused.is_set():
                    self.task.stats.state = TaskState.PAUSED
                    self._wake.wait(1.0)
                    self._wake.clear()
                    continue
                self.task.stats.state = TaskState.RUNNING
                _Pipeline(self.task, self._log, self._stopping, self._paused).run()
        finally:
            self.task.close()


def _blame(error: BaseException) -> str:
    """Whose fault it is, in ksqlDB's words."""
    if isinstance(error, ExternalError):
        return "SYSTEM"
    return "USER" if isinstance(error, UserError | RecordError) else "UNKNOWN"


class _Pipeline:
    """Fetch, compute, publish: one run of it from open positions until told to stop."""

    def __init__(
        self, task: Task, log: Log, stopping: threading.Event, paused: threading.Event
    ) -> None:
        self._task = task
        self._stopping = stopping
        self._paused = paused
        self._events: queue.Queue[_Event] = queue.Queue()
        self._room = threading.Semaphore(READ_AHEAD_EPOCHS)
        self._ending = threading.Event()
        self._in_flight = 0
        self._last_state_commit = time.monotonic()
        self._last_seen: dict[int, float] = {}
        session = task.session
        self._reader = log.reader(session.positions)
        self._committer = _Committer(session.publisher, self._events)
        self._fetcher = threading.Thread(
            target=self._fetch, name=f"{task.query_id}-fetch", daemon=True
        )

    def run(self) -> None:
        """Runs until stopping or paused; afterwards everything published is in the state."""
        self._fetcher.start()
        self._committer.start()
        try:
            while not (self._stopping.is_set() or self._paused.is_set()):
                try:
                    event = self._events.get(timeout=POLL_WAIT_MS / 1000)
                except queue.Empty:
                    self._idle()
                    continue
                self._handle(event)
            self._drain()
        finally:
            self._ending.set()
            self._committer.stop()
            self._fetcher.join()
            self._reader.close()

    def _handle(self, event: _Event) -> None:
        match event:
            case _Failed(error):
                raise error
            case _Published():
                self._in_flight -= 1
                self._idle()
            case _Fetched():
                self._room.release()
                self._epoch(event)

    def _epoch(self, fetched: _Fetched) -> None:
        started = time.monotonic()
        inputs = ordered_inputs(fetched.batches)
        commit, outputs = self._task.compute(inputs, fetched.ranges, fetched.pace)
        faults.hit(faults.Point.EPOCH_COMPUTED)
        self._committer.submit(commit, outputs)
        self._in_flight += 1
        self._task.stats.epoch_seconds_last = time.monotonic() - started
        session = self._task.session
        lagging = time.monotonic() - self._last_state_commit > STATE_LAG_SECONDS_MAX
        if session.uncommitted_epochs >= STATE_EPOCHS_MAX or lagging:
            self._drain()

    def _idle(self) -> None:
        """Commits the state when all its epochs are durable and nothing waits to be computed."""
        if self._in_flight == 0 and self._events.empty():
            self._commit_state()

    def _drain(self) -> None:
        """Waits until all epochs are durable in the log, then commits the state."""
        waiting: list[_Fetched] = []
        while self._in_flight:
            event = self._events.get()
            match event:
                case _Failed(error):
                    raise error
                case _Published():
                    self._in_flight -= 1
                case _Fetched():
                    waiting.append(event)
        self._commit_state()
        for event in waiting:
            self._events.put(event)

    def _commit_state(self) -> None:
        if self._task.session.uncommitted_epochs:
            self._task.session.commit_state()
            faults.hit(faults.Point.STATE_COMMITTED)
        self._last_state_commit = time.monotonic()

    def _fetch(self) -> None:
        """The fetcher thread."""
        try:
            before = dict(self._reader.positions())
            while not self._ending.is_set():
                if not self._room.acquire(timeout=POLL_WAIT_MS / 1000):
                    continue
                batches: Sequence[TopicBatch] = []
                while not batches and not self._ending.is_set():
                    batches = self._reader.poll(EPOCH_ROWS_MAX, POLL_WAIT_MS)
                    self._task.stats.lag = sum(self._reader.lag().values())
                after = dict(self._reader.positions())
                ranges = {
                    place: (before.get(place, end), end)
                    for place, end in after.items()
                    if before.get(place, end) != end
                }
                before = after
                if batches:
                    pace = self._pace(ranges)
                    self._events.put(_Fetched(batches, ranges, pace))
        except BaseException as error:  # noqa: BLE001 — handed to the computing thread.
            self._events.put(_Failed(error))

    def _pace(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> Pace:
        """What the wall clock and the log's ends say of each partition number now."""
        now = time.monotonic()
        for place in ranges:
            self._last_seen[place.partition] = now
        behind = frozenset(place.partition for place, lag in self._reader.lag().items() if lag)
        quiet = frozenset(
            partition
            for partition, seen in self._last_seen.items()
            if now - seen > QUIET_SECONDS and partition not in behind
        )
        return Pace(behind, quiet)


class _Committer:
    """The thread that publishes epochs in order."""

    def __init__(self, publisher: Publisher, events: queue.Queue[_Event]) -> None:
        self._publisher = publisher
        self._events = events
        self._work: queue.Queue[tuple[Commit, Sequence[Output]] | None] = queue.Queue(maxsize=1)
        self._thread = threading.Thread(target=self._main, name="publish", daemon=True)
        self._dead = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def submit(self, commit: Commit, outputs: Sequence[Output]) -> None:
        """Hands an epoch over; waits while another one is waiting already."""
        while not self._dead.is_set():
            try:
                self._work.put((commit, outputs), timeout=POLL_WAIT_MS / 1000)
            except queue.Full:
                continue
            return

    def stop(self) -> None:
        """Ends the thread after the epoch that it is publishing."""
        while self._thread.is_alive():
            try:
                self._work.put(None, timeout=POLL_WAIT_MS / 1000)
            except queue.Full:
                continue
            break
        self._thread.join()

    def _main(self) -> None:
        while (work := self._work.get()) is not None:
            commit, outputs = work
            try:
                self._publisher.publish(commit, outputs)
                faults.hit(faults.Point.LOG_COMMITTED)
            except BaseException as error:  # noqa: BLE001 — handed to the computing thread.
                self._dead.set()
                self._events.put(_Failed(error))
                return
            self._events.put(_Published(commit.epoch))
