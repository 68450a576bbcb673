"""HTTP/1.1 for uvicorn: one connection, a request after the other, with limits and patience.

uvicorn gives the sockets, the shutdown and the application; `httptools` parses. How a connection
comes here: `server/front.py`. Why not uvicorn's own class: decision 7.

What an answer sends in one turn of the loop is written at once, each piece a chunk of its own. A
request that has come half and does not go on is answered 408, and a client that does not read for
long is cut off; so neither keeps anything here for ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
import structlog
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from merganser.errors import PropertyError
from merganser.server.failures import generic_error, json_bytes
from merganser.server.http1_exchange import Http1Exchange

logger = structlog.get_logger(__name__)

REQUEST_TIMEOUT = "merganser.request.timeout.ms"
READING_TIMEOUT = "merganser.answer.timeout.ms"
IDLE_TIMEOUT = "ksql.idle.connection.timeout.seconds"

HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_WAITING_MAX = 256 * 1024  # Of all requests that wait: then the client has to.
REQUESTS_WAITING_MAX = 16  # Sent ahead of the answers before them.
WRITE_BYTES = 64 * 1024  # So much is not held back for the turn of the loop.


@dataclass(frozen=True)
class Patience:
    """How long a client may take.

    Attributes:
        request_seconds: For the head of a request, and between two pieces of its body.
        reading_seconds: Without taking any of what is there for it.
        idle_seconds: Between two requests.
    """

    request_seconds: float = 30.0
    reading_seconds: float = 300.0
    idle_seconds: float = 600.0

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Patience:
        """What the server's properties say.

        Raises:
            PropertyError: One is no number above 0.
        """

        def seconds(name: str, unit_seconds: float, default: float) -> float:
            text = properties.get(name, "").strip()
            if text and not (text.isdecimal() and int(text)):
                raise PropertyError(f'{name} is "{text}", but must be a whole number above 0')
            return int(text) * unit_seconds if text else default

        return cls(
            seconds(REQUEST_TIMEOUT, 0.001, cls.request_seconds),
            seconds(READING_TIMEOUT, 0.001, cls.reading_seconds),
            seconds(IDLE_TIMEOUT, 1.0, cls.idle_seconds),
        )


class Http1Protocol(asyncio.Protocol):
    """One connection. Stands in uvicorn's set of connections, as its own protocols do."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        patience: Patience,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._addresses: tuple[Any, Any] = (None, None)
        self._scheme = "http"
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._reading: Http1Exchange | None = None
        self._answering: Http1Exchange | None = None
        self._waiting: deque[Http1Exchange] = deque()
        self._reading_paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flush_due = False
        self._ending = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # ---------------------------------------------------------------- life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # a set of its own kinds
        self._addresses = (
            transport.get_extra_info("sockname"),
            transport.get_extra_info("peername"),
        )
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._wait_at_most(self._patience.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, and with it all its requests."""
        self._server_state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self._writable.set()
        for exchange in (self._answering, *self._waiting):
            if exchange is not None:
                exchange.disconnect()
        self._waiting.clear()

    def eof_received(self) -> bool:
        """A client that has said all may still listen, but nobody does: it is gone."""
        return False

    def shutdown(self) -> None:
        """The server ends: the answer under way is finished, if there is one."""
        self._ending = True
        if self._answering is None:
            self._transport.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # ---------------------------------------------------------------- patience

    def _wait_at_most(self, seconds: float) -> None:
        """What is waited for has to come in this time. 0: nothing is waited for."""
        self._deadline = self._loop.time() + seconds if seconds else 0.0
        if not seconds or (self._timer is not None and self._timer.when() <= self._deadline):
            return  # One timer is enough: it looks again when it is too early.
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._deadline:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
        elif self._head_bytes or self._reading is not None:
            logger.info("request did not go on", client=self._addresses[1])
            self.refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._transport.close()

    # ---------------------------------------------------------------- in

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            if not self._transport.is_closing():
                logger.info("client broke HTTP/1.1", error=str(error))
                self.refuse(HTTPStatus.BAD_REQUEST)
            return
        if self._reading is None and self._head_bytes == 0:
            return
        if self._reading is None and self._url:
            # The time for a head is not made longer by single bytes.
            if self._head_bytes > HEAD_BYTES_MAX:
                self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._wait_at_most(self._patience.request_seconds)

    def on_message_begin(self) -> None:
        self._url, self._headers, self._head_bytes = b"", [], 1
        self._wait_at_most(self._patience.request_seconds)

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))
        self._head_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        if self._head_bytes > HEAD_BYTES_MAX:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._head_bytes = 0
        version = self._parser.get_http_version()
        exchange = Http1Exchange(self, self._scope(version), keeps=self._parser.should_keep_alive())
        self._reading = exchange
        if version == "1.1" and all(name != b"host" for name, _ in self._headers):
            body = json_bytes(generic_error(50000, "a request of HTTP/1.1 must have a Host header"))
            exchange.answer_at_once(HTTPStatus.BAD_REQUEST, body)
        if self._is_socket():
            return
        if self._answering is None:
            self._start(exchange)
        else:
            self._waiting.append(exchange)
            self._pace_reading()

    def on_body(self, body: bytes) -> None:
        if self._reading is not None:
            self._reading.receive_data(body)
            self._pace_reading()

    def on_message_complete(self) -> None:
        if self._reading is not None:
            self._reading.receive_end()
            self._reading = None
        if self._answering is not None:
            self._wait_at_most(0)

    def _scope(self, version: str) -> Scope:
        raw_path, _, query_string = self._url.partition(b"?")
        if not raw_path.startswith((b"/", b"*")):
            try:
                raw_path = httptools.parse_url(self._url).path or b"/"
            except httptools.HttpParserInvalidURLError:
                raw_path = b"/" + raw_path
        path = raw_path.decode("latin-1")
        return {
            "type": "http",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self._addresses[0],
            "client": self._addresses[1],
            "scheme": self._scheme,
            "method": self._parser.get_method().decode("ascii"),
            "root_path": self._config.root_path,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query_string,
            "headers": self._headers,
            "state": self._app_state.copy(),
        }

    def pace_reading(self) -> None:
        """Reads on if there is room, else lets the client wait."""
        self._pace_reading()

    def _pace_reading(self) -> None:
        unread = sum(e.unread_bytes for e in (self._answering, *self._waiting) if e is not None)
        full = unread > BODY_BYTES_WAITING_MAX or len(self._waiting) >= REQUESTS_WAITING_MAX
        if full != self._reading_paused and not self._transport.is_closing():
            self._reading_paused = full
            (self._transport.pause_reading if full else self._transport.resume_reading)()

    # ---------------------------------------------------------------- upgrades

    def _is_socket(self) -> bool:
        named = dict(self._headers)
        tokens = {token.strip().lower() for token in named.get(b"connection", b"").split(b",")}
        return b"upgrade" in tokens and named.get(b"upgrade", b"").lower() == b"websocket"

    def _upgraded(self, rest: bytes) -> None:
        """A request wants another protocol: WebSockets it gets, anything else is left out."""
        self._wait_at_most(0)
        if self._is_socket():
            if any(name == b"sec-websocket-key" for name, _ in self._headers):
                self._to_socket(rest)
                return
            self.write(_head(HTTPStatus.BAD_REQUEST, [(b"content-length", b"0")]))
        self._parser = httptools.HttpRequestParser(self)
        if rest:
            self.data_received(rest)

    def _to_socket(self, rest: bytes) -> None:
        self._server_state.connections.discard(self)
        head = b"GET " + self._url + b" HTTP/1.1\r\n"
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in self._headers)
        kind = self._config.ws_protocol_class
        assert kind is not None
        protocol = kind(  # type: ignore[call-arg]  # uvicorn's classes take these
            config=self._config, server_state=self._server_state, app_state=self._app_state
        )
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(head + lines + b"\r\n" + rest)

    # ---------------------------------------------------------------- exchanges

    def _start(self, exchange: Http1Exchange) -> None:
        self._answering = exchange
        task = self._loop.create_task(exchange.run(self._config.loaded_app))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    def finished(self, exchange: Http1Exchange, *, keeps: bool) -> None:
        """An answer is complete, or can never be: then the connection is of no more use."""
        self._server_state.total_requests += 1
        self._answering = None
        if self._transport.is_closing():
            return
        if not keeps or self._ending or not exchange.request_complete:
            self._flush()
            self._transport.close()
        elif self._waiting:
            self._start(self._waiting.popleft())
            self._pace_reading()
        elif self._reading is None and not self._head_bytes:
            self._wait_at_most(self._patience.idle_seconds)

    def refuse(self, status: HTTPStatus) -> None:
        """Answers what is no request, and ends the connection."""
        if self._answering is None or not self._answering.started:
            self.write(_head(status, [(b"content-length", b"0")]))
        if self._answering is not None:
            self._answering.disconnect()
        self._flush()
        self._transport.close()

    # ---------------------------------------------------------------- out, for the exchanges

    def write(self, data: bytes) -> None:
        """Writes data when the loop turns, together with what comes until then."""
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes >= WRITE_BYTES:
            self._flush()
        elif not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flush_due = False
        self._flush()

    def _flush(self) -> None:
        if self._out:
            data, self._out, self._out_bytes = b"".join(self._out), [], 0
            if not self._transport.is_closing():
                self._transport.write(data)

    async def drained(self) -> None:
        """Waits until the socket takes more; a client that takes nothing for long is cut off."""
        if self._writable.is_set():
            return
        try:
            await asyncio.wait_for(self._writable.wait(), self._patience.reading_seconds)
        except TimeoutError:
            logger.warning("client does not read: cut off", client=self._addresses[1])
            self._transport.abort()


def _head(status: HTTPStatus, headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + lines + b"\r\n"
