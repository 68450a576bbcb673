"""Fetch, compute, publish: the epochs of an open task, overlapped.

1. The intake reads ahead, in threads of its own.
2. This thread takes an epoch's records and computes them.
3. The committer publishes the epoch in its thread while the next one is computed.
4. The state is committed when all its epochs are durable in the log.

At most one epoch is being published while one more waits for it, so memory is bounded. The epoch
behind one that is being published begins just in time to be ready for its end: until then it
gathers records, which so wait for one transaction and not for two. With few records it begins when
the other one is durable: Kafka puts off a transaction that follows at once on another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from merganser.engine.log.protocol import Commit, Log, Output, Publisher
from merganser.engine.runtime import faults
from merganser.engine.runtime.epoch import ordered_inputs
from merganser.engine.runtime.intake import Fetched, Intake
from merganser.engine.runtime.task import Task
from merganser.engine.runtime.uncached import one_by_one
from merganser.errors import FencedError, LogError

IDLE_SECONDS = 0.1  # So often a pipeline looks whether it has been told to stop.
GATHER_SECONDS_MAX = 0.05  # An epoch is not delayed longer for the one before it.
OVERLAP_ROWS_MIN = 4_096  # Smaller epochs wait for the one before them.
STATE_EPOCHS_MAX = 256  # State commits lag the log by at most so many epochs, and
STATE_LAG_SECONDS_MAX = 1.0  # by at most so long if the state can be queried, else
HIDDEN_STATE_LAG_SECONDS_MAX = 10.0  # by so long, which a start after a crash has to compute again.


class Pipeline:
    """One run from open positions until told to stop."""

    def __init__(
        self, task: Task, log: Log, stopping: threading.Event, paused: threading.Event
    ) -> None:
        self._task = task
        self._stopping = stopping
        self._paused = paused
        self._changed = threading.Condition()
        session = task.session
        self._intake = Intake(
            log, session.positions, self._changed, name=task.query_id, headers=True
        )
        self._committer = _Committer(session.publisher, self._changed)
        self._last_state_commit = time.monotonic()
        self._compute_seconds = 0.0
        shown = task.topology.materialization is not None
        self._uncached = task.spec.uncached
        self._state_lag_seconds = STATE_LAG_SECONDS_MAX if shown else HIDDEN_STATE_LAG_SECONDS_MAX

    def run(self) -> None:
        """Runs until stopping or paused; afterwards everything published is in the state.

        Raises:
            MerganserError: Of reading, computing or publishing.
        """
        self._intake.start()
        self._committer.start()
        try:
            while not (self._stopping.is_set() or self._paused.is_set()):
                self._turn()
            self._drain()
        except LogError as error:
            # Told before the helpers end: a transaction takes a minute to give a broker up.
            if not isinstance(error, FencedError):
                self._task.wait_because(error)
            raise
        finally:
            self._committer.stop()
            self._intake.stop()

    def _turn(self) -> None:
        """Computes an epoch, commits the state, or waits for something to do."""
        with self._changed:
            self._raise_failure()
            self._task.stats.lag = self._intake.lag
            delay = self._delay_seconds()
            fetched = self._intake.take() if delay == 0 else None
            idle = self._committer.in_flight == 0 and self._task.session.uncommitted_epochs > 0
            if fetched is None and not idle:
                self._changed.wait(min(delay or IDLE_SECONDS, IDLE_SECONDS))
                return
        if fetched is None:
            self._commit_state()
        elif not self._uncached:
            self._epoch(fetched)
        else:
            self._each(fetched)

    def _each(self, fetched: Fetched) -> None:
        """Computes an epoch a record. What is left when the task ends is read again."""
        for record in one_by_one(fetched):
            with self._changed:
                self._changed.wait_for(lambda: self._committer.in_flight <= 1 or self._failure())
                self._raise_failure()
            if self._stopping.is_set() or self._paused.is_set():
                return
            self._epoch(record)

    def _delay_seconds(self) -> float | None:
        """How long the next epoch has to gather records; None: at least until something changes."""
        in_flight = self._committer.in_flight
        if not self._intake.row_count or in_flight > 1:
            return None
        if in_flight == 0 or self._intake.is_full:
            return 0.0
        gather = GATHER_SECONDS_MAX
        if self._intake.row_count >= OVERLAP_ROWS_MIN:
            gather = min(self._committer.publish_seconds - self._compute_seconds, gather)
        return max(self._committer.started + gather - time.monotonic(), 0.0)

    def _epoch(self, fetched: Fetched) -> None:
        started = time.monotonic()
        inputs = ordered_inputs(fetched.batches)
        commit, outputs = self._task.compute(inputs, fetched.ranges, fetched.pace)
        faults.hit(faults.Point.EPOCH_COMPUTED)
        self._compute_seconds = time.monotonic() - started
        self._task.stats.epoch_seconds_last = self._compute_seconds
        self._committer.submit(commit, outputs)
        lagging = time.monotonic() - self._last_state_commit > self._state_lag_seconds
        if self._task.session.uncommitted_epochs >= STATE_EPOCHS_MAX or lagging:
            self._drain()

    def _drain(self) -> None:
        """Waits until all epochs are durable in the log, then commits the state."""
        with self._changed:
            self._changed.wait_for(lambda: self._committer.in_flight == 0 or self._failure())
            self._raise_failure()
        self._commit_state()

    def _commit_state(self) -> None:
        if self._task.session.uncommitted_epochs:
            self._task.session.commit_state()
            faults.hit(faults.Point.STATE_COMMITTED)
        self._last_state_commit = time.monotonic()

    def _failure(self) -> BaseException | None:
        """What ended a helper thread."""
        return self._committer.failure or self._intake.failure

    def _raise_failure(self) -> None:
        failure = self._failure()
        if failure is not None:
            raise failure


class _Committer:
    """The thread that publishes epochs in order.

    Attributes:
        in_flight: Epochs that were handed over and are not durable yet.
        started: When the epoch that is being published was begun.
        publish_seconds: How long the last one took.
        failure: What ended the thread.
    """

    def __init__(self, publisher: Publisher, changed: threading.Condition) -> None:
        self._publisher = publisher
        self._changed = changed
        self._work: list[tuple[Commit, Sequence[Output]]] = []
        self._ending = False
        self._thread = threading.Thread(target=self._main, name="publish", daemon=True)
        self.in_flight = 0
        self.started = 0.0
        self.publish_seconds = 0.0
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, commit: Commit, outputs: Sequence[Output]) -> None:
        """Hands an epoch over."""
        with self._changed:
            self._work.append((commit, outputs))
            self.in_flight += 1
            if self.in_flight == 1:
                self.started = time.monotonic()
            self._changed.notify_all()

    def stop(self) -> None:
        """Ends the thread after the epoch that it is publishing."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def _main(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._work or self._ending)
                if self._ending:
                    return
                commit, outputs = self._work.pop(0)
                self.started = time.monotonic()
            try:
                self._publisher.publish(commit, outputs)
                faults.hit(faults.Point.LOG_COMMITTED)
            except BaseException as error:  # noqa: BLE001 — handed to the computing thread.
                with self._changed:
                    self.failure = error
                    self._changed.notify_all()
                return
            with self._changed:
                self.in_flight -= 1
                self.publish_seconds = time.monotonic() - self.started
                self._changed.notify_all()
