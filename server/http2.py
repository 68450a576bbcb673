"""HTTP/2 on clear text, for uvicorn: one connection, a request a stream, flow control kept.

uvicorn gives the sockets, the shutdown and the application; the `h2` library frames and checks.
How a connection comes here: `server/front.py`. Why not another server: decision 7.

Every piece that the application sends is a DATA frame of its own and written at once, so rows reach
their reader one by one. A reader that is slow, or whose window is full, holds `send` up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

import structlog
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings
from starlette.types import Message, Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from merganser.server.http2_stream import Http2Stream

logger = structlog.get_logger(__name__)

STREAMS_MAX = 250  # Open requests on a connection; more than push queries by default.
BODY_WINDOW_DEFAULT = 65_535  # RFC 9113, 6.9.2.
HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_WAITING_MAX = 256 * 1024  # Of one request: what was not read is not acknowledged.
BODIES_BYTES_WAITING_MAX = 4 * BODY_BYTES_WAITING_MAX  # Of all requests on a connection.

Headers = Sequence[tuple[bytes, bytes]]


class Http2Protocol(asyncio.Protocol):
    """One connection. Stands in uvicorn's set of connections, as its own protocols do."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = asyncio.get_running_loop()
        self._h2 = H2Connection(
            H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=True)
        )
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_MAX,
                SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_BYTES_MAX,
                SettingCodes.INITIAL_WINDOW_SIZE: BODY_BYTES_WAITING_MAX,
            },
        )
        self._transport: asyncio.Transport
        self._streams: dict[int, Http2Stream] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._ending = False
        self._idle: asyncio.TimerHandle | None = None
        self._flush_due = False

    # ---------------------------------------------------------------- life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts a connection whose client speaks HTTP/2 from its first byte."""
        self._take(transport)
        self._h2.initiate_connection()
        self._widen()

    def upgraded(
        self, transport: asyncio.BaseTransport, settings: bytes, head: Headers, body: bytes
    ) -> None:
        """Starts a connection that began as HTTP/1.1: its request becomes stream 1.

        `head` has the pseudo headers; the request is complete.

        Raises:
            ProtocolError: The settings cannot be read.
        """
        self._take(transport)
        self._h2.initiate_upgrade_connection(settings)
        self._widen()
        stream = self._open(1, head)
        stream.receive_data(body, len(body), counted=False)
        stream.receive_end()

    def _take(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # a set of its own kinds
        self._wait_for_next()

    def _widen(self) -> None:
        """The window of the connection has no setting: it is opened by hand."""
        self._h2.increment_flow_control_window(BODIES_BYTES_WAITING_MAX - BODY_WINDOW_DEFAULT)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, and with it all its requests."""
        self._server_state.connections.discard(self)
        self._stop_waiting()
        self._writable.set()
        for stream in self._streams.values():
            stream.disconnect()

    def shutdown(self) -> None:
        """The server ends: open streams are finished, new ones are refused."""
        self._ending = True
        if not self._streams:
            self._close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _close(self) -> None:
        if not self._transport.is_closing():
            self._h2.close_connection()
            self.flush()
            self._transport.close()

    def _wait_for_next(self) -> None:
        self._stop_waiting()
        self._idle = self._loop.call_later(self._config.timeout_keep_alive, self._close)

    def _stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    # ---------------------------------------------------------------- in

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            logger.info("client broke HTTP/2", error=str(error))
            self.flush()
            self._transport.close()
            return
        for event in events:
            self._handle(event)
        self.flush()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._open(event.stream_id, event.headers)
            case DataReceived():
                self._take_data(event)
            case StreamEnded():
                if (stream := self._streams.get(event.stream_id)) is not None:
                    stream.receive_end()
            case StreamReset():
                if (stream := self._streams.get(event.stream_id)) is not None:
                    stream.disconnect()
            case WindowUpdated() | RemoteSettingsChanged():
                for stream in self._streams.values():
                    stream.window_opened()
            case ConnectionTerminated():
                self._ending = True
                if not self._streams:
                    self._close()
            case _:
                pass  # The library has done what there was to do.

    def _take_data(self, event: DataReceived) -> None:
        size = event.flow_controlled_length
        stream = self._streams.get(event.stream_id)
        if stream is None or stream.complete:
            self.acknowledge(event.stream_id, size)
        else:
            stream.receive_data(event.data, size)

    def _open(self, stream_id: int, head: Headers) -> Http2Stream:
        self._stop_waiting()
        stream = Http2Stream(self, stream_id, self._scope(head))
        self._streams[stream_id] = stream
        app = _refuse if self._ending else self._config.loaded_app
        task = self._loop.create_task(stream.run(app))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)
        return stream

    def _scope(self, head: Headers) -> Scope:
        pseudo = {name: value for name, value in head if name.startswith(b":")}
        headers = [(name.lower(), value) for name, value in head if not name.startswith(b":")]
        if b":authority" in pseudo and all(name != b"host" for name, _ in headers):
            headers.insert(0, (b"host", pseudo[b":authority"]))
        raw_path, _, query_string = pseudo.get(b":path", b"/").partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.3"},
            "http_version": "2",
            "server": self._transport.get_extra_info("sockname"),
            "client": self._transport.get_extra_info("peername"),
            "scheme": pseudo.get(b":scheme", b"http").decode("ascii"),
            "method": pseudo[b":method"].decode("ascii"),
            "root_path": self._config.root_path,
            "path": unquote(raw_path.decode("ascii", "replace")),
            "raw_path": raw_path,
            "query_string": query_string,
            "headers": headers,
            "state": self._app_state.copy(),
        }

    # ---------------------------------------------------------------- out, for the streams

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Lets the client send as much more as was read."""
        if size:
            try:
                self._h2.acknowledge_received_data(size, stream_id)
            except ProtocolError:
                return  # The connection has ended meanwhile.
            self.flush_soon()

    def send_head(self, stream_id: int, headers: Headers, *, end: bool) -> None:
        """Sends the head of an answer, with the next data or as soon as the loop turns."""
        self._h2.send_headers(stream_id, list(headers), end_stream=end)
        self.flush_soon()

    def send_piece(self, stream_id: int, data: memoryview, *, end: bool) -> int:
        """Sends as much as the windows allow and gives the count of bytes; 0 if none.

        The stream ends with the last byte.
        """
        window = self._h2.local_flow_control_window(stream_id)
        size = max(0, min(len(data), window, self._h2.max_outbound_frame_size))
        if not size and len(data):
            return 0
        last = size == len(data)
        self._h2.send_data(stream_id, bytes(data[:size]), end_stream=end and last)
        self.flush()
        return size

    async def drained(self) -> None:
        """Waits until the socket takes more."""
        await self._writable.wait()

    def closed(self, stream_id: int, *, broken: bool) -> None:
        """A request is over. One that was not read to its end, or was not answered, is reset."""
        stream = self._streams.pop(stream_id)
        self._server_state.total_requests += 1
        if self._transport.is_closing():
            return
        if broken or not stream.request_complete:
            try:
                code = ErrorCodes.INTERNAL_ERROR if broken else ErrorCodes.NO_ERROR
                self._h2.reset_stream(stream_id, code)
            except (StreamClosedError, ProtocolError):
                pass  # The client was faster.
        for size in stream.unread_sizes():
            self.acknowledge(stream_id, size)
        self.flush()
        if not self._streams:
            if self._ending:
                self._close()
            else:
                self._wait_for_next()

    def flush(self) -> None:
        """Writes what is framed."""
        data = self._h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def flush_soon(self) -> None:
        """The same when the loop turns, together with what is framed until then."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flush_due = False
        self.flush()


async def _refuse(_scope: Scope, _receive: object, send: Callable[[Message], Any]) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b""})
