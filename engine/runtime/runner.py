"""The thread that runs a task: opens it, serves it by a pipeline, retries, gives up."""

from __future__ import annotations

import threading
import time

import structlog

from merganser.engine.duck import DuckError
from merganser.engine.log.protocol import Log
from merganser.engine.runtime.pipeline import Pipeline
from merganser.engine.runtime.process import settle_process
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

STOP_SECONDS_MAX = 30.0
BACKOFF_FIRST_SECONDS, BACKOFF_LAST_SECONDS = 0.25, 10.0


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
        settle_process()
        self._thread.start()

    def tell_to_stop(self) -> None:
        """Lets the task end after the epoch that it is in."""
        self._stopping.set()
        self._wake.set()

    def stop(self, timeout_seconds: float = STOP_SECONDS_MAX) -> bool:
        """Ends the task after the epoch that it is in; False if that takes longer than this.

        Then the thread lets go of the task by itself, once the log lets go of the thread.
        """
        self.tell_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        if self.task.stats.state != TaskState.ERROR:
            self.task.stats.state = TaskState.STOPPED
        return not self._thread.is_alive()

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
                self.task.wait_because(error)
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
                Pipeline(self.task, self._log, self._stopping, self._paused).run()
        finally:
            self.task.close()


def _blame(error: BaseException) -> str:
    """Whose fault it is, in ksqlDB's words."""
    if isinstance(error, ExternalError):
        return "SYSTEM"
    return "USER" if isinstance(error, UserError | RecordError) else "UNKNOWN"
