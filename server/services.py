"""What the routes work with: the engine, threads for what blocks, and the answers under way."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Protocol, TypeVar

import structlog
from starlette.requests import HTTPConnection

from merganser.engine.answer import Answer, PrintResult, QueryResult
from merganser.engine.clock import Clock, SystemClock
from merganser.engine.engine import Problem, PushStats
from merganser.engine.log.protocol import TopicPartition
from merganser.errors import UserError
from merganser.parser import ast
from merganser.server.handover import Handover
from merganser.server.limits import Limits
from merganser.server.meters import Meters
from merganser.server.tracing import STATEMENTS

logger = structlog.get_logger(__name__)

T = TypeVar("T")

STATEMENT_THREADS = 32  # Statements that are run or planned at once; more wait their turn.


class CommandStatus(Protocol):
    """What became of a statement that changed something."""

    @property
    def status(self) -> str:
        """`QUEUED`, `PARSING`, `EXECUTING`, `RUNNING`, `TERMINATED`, `SUCCESS` or `ERROR`."""
        ...

    @property
    def message(self) -> str: ...
    @property
    def query_id(self) -> str | None: ...


class QueryStats(Protocol):
    """Counters of one persistent query since it was started here."""

    @property
    def query_id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def records_in(self) -> int: ...
    @property
    def records_out(self) -> int: ...
    @property
    def bytes_in(self) -> int: ...
    @property
    def bytes_out(self) -> int: ...
    @property
    def late_rows(self) -> int: ...
    @property
    def record_errors(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def epoch_seconds_last(self) -> float: ...
    @property
    def lag(self) -> int: ...
    @property
    def state_bytes(self) -> int: ...
    @property
    def last_record_ms(self) -> int: ...


class EngineSettings(Protocol):
    """The engine's configuration, as far as the server shows it."""

    @property
    def service_id(self) -> str: ...
    @property
    def properties(self) -> Mapping[str, str]: ...


class Inserter(Protocol):
    """Writes rows to one source."""

    def insert(self, rows: Sequence[object]) -> tuple[int, UserError | None]:
        """Writes rows until one is wrong: how many were written, and what was wrong."""
        ...


class StatementEngine(Protocol):
    """The part of the engine that the server uses. All of it may block but the attributes."""

    @property
    def cluster_id(self) -> str: ...
    @property
    def config(self) -> EngineSettings: ...

    def start(self) -> None: ...
    def close(self) -> None: ...

    def execute(
        self,
        text: str,
        *,
        properties: Mapping[str, object],
        variables: Mapping[str, str],
        after_sequence: int | None,
        permit: Callable[[ast.Statement], None] | None = None,
    ) -> list[Answer]: ...

    def query(
        self,
        text: str,
        *,
        properties: Mapping[str, object],
        variables: Mapping[str, str],
        known_only: bool = True,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
        in_sql: bool = False,
    ) -> QueryResult | PrintResult: ...

    def terminate_cluster(
        self, delete_topics: Sequence[str]
    ) -> tuple[Answer, Callable[[], None]]: ...
    def inserter(self, target: str, *, properties: Mapping[str, object]) -> Inserter: ...
    def close_query(self, query_id: str) -> bool: ...

    def wait_for_command(self, sequence: int) -> None:
        """Waits until the command of that number has run here; raises the error of code 50301."""
        ...

    def command_statuses(self) -> Mapping[str, CommandStatus]:
        """By command id (``stream/`S`/create``), for the statements that changed something."""
        ...

    def check_property(self, name: str) -> None:
        """Raises RequestError if a client may not set the property."""
        ...

    def health(self) -> Mapping[str, bool]: ...
    def problems(self) -> Sequence[Problem]: ...
    def push_stats(self) -> PushStats: ...
    def stats(self) -> Sequence[QueryStats]: ...
    def stores(self) -> Mapping[str, Mapping[TopicPartition, tuple[int, int]]]: ...


class ServerState(StrEnum):
    """Where the server is in its life; names as `/healthcheck` tells them."""

    INITIALIZING = "INITIALIZING"
    READY = "READY"
    TERMINATING = "TERMINATING"


class Services:
    """What belongs to one running application.

    Attributes:
        host: `host:port` as clients know the server.
        clock: For times in answers.
        failure: Why the engine did not start.
        settled: Set once the engine has started or failed to.
        on_failure: Called in the latter case.
        on_terminated: Called when the service was asked to end, and has.
    """

    def __init__(self, engine: StatementEngine, host: str) -> None:
        self.engine = engine
        self.host = host
        self.clock: Clock = SystemClock()
        self.meters = Meters()
        self.limits = Limits.of(engine.config.properties)
        self.state = ServerState.INITIALIZING
        self.failure: BaseException | None = None
        self.settled = threading.Event()
        self.on_failure: Callable[[], None] = lambda: None
        self.on_terminated: Callable[[], None] = lambda: None
        self._threads = ThreadPoolExecutor(STATEMENT_THREADS, thread_name_prefix="statement")
        self._running: set[Handover] = set()

    async def run(self, function: Callable[[], T]) -> T:
        """Runs what blocks in a thread, in the caller's context."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, context.run, function
        )

    def traced(self, text: str) -> dict[str, str]:
        """What a span tells of a statement: nothing, unless the server is set to."""
        if self.engine.config.properties.get(STATEMENTS, "false").lower() != "true":
            return {}
        return {"db.system.name": "merganser", "db.query.text": text}

    def start(self) -> None:
        """Starts the engine, blocking; afterwards the server is ready or `failure` is set."""
        try:
            self.engine.start()
        except Exception as error:
            logger.exception("engine did not start")
            self.failure = error
            self.on_failure()
        else:
            if self.state is ServerState.INITIALIZING:
                self.state = ServerState.READY
        finally:
            self.settled.set()

    @property
    def open_answers(self) -> int:
        """How many answers are being streamed."""
        return len(self._running)

    def opened(self, handover: Handover) -> None:
        """Takes note of a streaming answer."""
        self._running.add(handover)

    def ended(self, handover: Handover) -> None:
        """Forgets it."""
        self._running.discard(handover)

    def complete_answers(self) -> None:
        """Brings all streaming answers to their end, so that the server can stop."""
        for handover in list(self._running):
            handover.complete()

    def terminate(self, end: Callable[[], None]) -> None:
        """Ends the service for good, in a thread; from now on requests are refused."""
        self.state = ServerState.TERMINATING
        self.complete_answers()

        def run() -> None:
            try:
                end()
            except Exception:
                logger.exception("service not ended in order")
            self.on_terminated()

        threading.Thread(target=run, name="terminate", daemon=True).start()

    def close(self) -> None:
        """Closes the engine and frees the threads; statements under way still finish."""
        self.state = ServerState.TERMINATING
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.engine.close()


def services_of(connection: HTTPConnection) -> Services:
    """The services of the application that a request came to."""
    services = connection.app.state.services
    assert isinstance(services, Services)
    return services
