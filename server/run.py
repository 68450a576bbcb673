"""A whole server: log, engine and web application, in the foreground or in a thread.

Life: 1. bind the port; 2. serve, answering 503 until 3. the engine has started; 4. at a signal
refuse new requests, bring streaming answers to their end, wait for the others; 5. close the engine.
"""

from __future__ import annotations

import signal
import socket
import ssl
import threading
from contextlib import closing, nullcontext
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

import structlog
import uvicorn

from merganser.engine.engine import Engine, EngineConfig
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.kafka_security import kafka_security
from merganser.engine.log.protocol import Log
from merganser.errors import PropertyError
from merganser.server.app import create_app
from merganser.server.config import ServerConfig
from merganser.server.front import FrontProtocol, PatientConfig
from merganser.server.http1 import Patience
from merganser.server.services import ServerState, Services, StatementEngine
from merganser.server.tls import server_context

logger = structlog.get_logger(__name__)

GRACEFUL_SECONDS = 10  # For requests under way at shutdown; then their connections are cut.
TERMINATED_SECONDS = 5.0  # How long a service that was ended still says so before it goes.
LISTEN_BACKLOG = 2048
EMBEDDED_LOG_FILE = "log.duckdb"


class WebServer(uvicorn.Server):
    """uvicorn over an engine: ends streaming answers at shutdown instead of waiting for them."""

    def __init__(
        self, engine: StatementEngine, host: str, tls: ssl.SSLContext | None = None
    ) -> None:
        app = create_app(engine, host=host)
        self.services: Services = app.state.services
        self.services.on_failure = self.stop
        self.services.on_terminated = self._stop_soon
        patience = Patience.of(engine.config.properties)
        config = PatientConfig(
            app,
            access_log=False,
            date_header=False,
            http=FrontProtocol,
            lifespan="on",
            log_config=None,
            server_header=False,
            ssl_context_factory=(lambda _config, _default: tls) if tls is not None else None,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
            timeout_keep_alive=int(patience.idle_seconds),
            ws="wsproto",
        )
        config.patience = patience
        super().__init__(config)

    def stop(self) -> None:
        """Asks the server to shut down, from any thread."""
        self.should_exit = True

    def _stop_soon(self) -> None:
        """Stops when those who ask have had the time to be told why."""
        timer = threading.Timer(TERMINATED_SECONDS, self.stop)
        timer.daemon = True
        timer.start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Takes a signal: the first asks to end, a second SIGINT insists.

        uvicorn would raise it again at the end, which kills the process before the log is closed.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.services.state = ServerState.TERMINATING
        self.services.complete_answers()
        await super().shutdown(sockets)


@dataclass
class RunningServer:
    """A server in a thread of this process."""

    url: str
    _server: WebServer
    _thread: threading.Thread

    @property
    def engine(self) -> StatementEngine:
        """The engine behind the server, for what REST does not offer."""
        return self._server.services.engine

    def close(self) -> None:
        """Shuts the server down and waits until it is."""
        self._server.stop()
        self._thread.join()

    def wait(self, timeout_seconds: float) -> None:
        """Waits until the server has ended by itself.

        Raises:
            TimeoutError: It has not.
        """
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            raise TimeoutError("the server still runs")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve(config: ServerConfig) -> None:
    """Runs a server until SIGINT or SIGTERM.

    Raises:
        PropertyError: The address cannot be listened on.
        MerganserError: The engine did not start.
    """
    tls = server_context(config)
    with _listen(config.host, config.port) as listener:
        address = _address(listener)
        engine = build_engine(config, address)
        with closing(engine.log):
            server = WebServer(engine, address, tls)
            logger.info("server listens", address=address, service_id=config.service_id)
            server.run(sockets=[listener])
    if server.services.failure is not None:
        raise server.services.failure


def start_in_background(
    config: ServerConfig, *, engine: StatementEngine | None = None
) -> RunningServer:
    """Starts a server in a thread and waits until it is ready. Port 0 takes a free one.

    Raises:
        PropertyError: The address cannot be listened on.
        MerganserError: The engine did not start.
    """
    tls = server_context(config)
    listener = _listen(config.host, config.port)
    address = _address(listener)
    try:
        built = build_engine(config, address) if engine is None else None
    except BaseException:
        listener.close()
        raise
    used = built or engine
    assert used is not None
    server = WebServer(used, address, tls)

    def run() -> None:
        # Whoever opened the log closes it: another process may want the file next.
        try:
            with listener, closing(built.log) if built else nullcontext():
                server.run(sockets=[listener])
        finally:
            server.services.settled.set()

    thread = threading.Thread(target=run, name="server", daemon=True)
    thread.start()
    server.services.settled.wait()
    if server.services.failure is not None:
        thread.join()
        raise server.services.failure
    scheme = "https" if tls is not None else "http"
    return RunningServer(f"{scheme}://{address}", server, thread)


SERVER_DEFAULTS = {"ksql.logging.processing.topic.auto.create": "true"}
"""As in the settings that ksqlDB ships: records that cannot be used are told in a topic."""


def build_engine(config: ServerConfig, host: str) -> Engine:
    """The engine over the log that the configuration names, not yet started.

    `host` is `host:port` as clients know the server.
    """
    return Engine(
        EngineConfig(
            service_id=config.service_id,
            data_dir=config.data_dir,
            properties={**SERVER_DEFAULTS, **config.properties},
            host=host,
        ),
        log=open_log(config),
    )


def open_log(config: ServerConfig) -> Log:
    """The log that the configuration names: Kafka, or the embedded one in a file or in memory.

    Raises:
        LogError: It cannot be opened.
    """
    if config.bootstrap_servers is not None:
        from merganser.engine.log.kafka import KafkaLog  # noqa: PLC0415 (librdkafka, if needed)

        settings = {"bootstrap.servers": config.bootstrap_servers}
        return KafkaLog({**settings, **kafka_security(config.properties)})
    if config.data_dir is None:
        return EmbeddedLog()
    config.data_dir.mkdir(parents=True, exist_ok=True)
    return EmbeddedLog(config.data_dir / EMBEDDED_LOG_FILE)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=LISTEN_BACKLOG)
    except OSError as error:
        raise PropertyError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    # Connections inherit it. asyncio sets it only on sockets that name their protocol; without it
    # each answer waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
