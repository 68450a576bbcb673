"""One request on an HTTP/2 connection, as an ASGI application sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import structlog
from h2.exceptions import ProtocolError
from starlette.types import ASGIApp, Message, Scope

logger = structlog.get_logger(__name__)

_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
"""Headers of HTTP/1.1 connections: not allowed here, so they are left out (RFC 9113, 8.2.2)."""


class StreamCarrier(Protocol):
    """The connection, as far as its streams use it."""

    def acknowledge(self, stream_id: int, size: int) -> None: ...
    def send_head(
        self, stream_id: int, headers: list[tuple[bytes, bytes]], *, end: bool
    ) -> None: ...
    def send_piece(self, stream_id: int, data: memoryview, *, end: bool) -> int: ...
    async def drained(self) -> None: ...
    def closed(self, stream_id: int, *, broken: bool) -> None: ...


class Http2Stream:
    """Runs the application over one request and its answer.

    Attributes:
        complete: The whole answer was sent.
        request_complete: The whole request has come, or the client took it back.
    """

    def __init__(self, carrier: StreamCarrier, stream_id: int, scope: Scope) -> None:
        self._carrier = carrier
        self._id = stream_id
        self._scope = scope
        self._pieces: deque[tuple[bytes, int]] = deque()
        self._came = asyncio.Event()
        self._window = asyncio.Event()
        self._gone = False
        self._head: list[tuple[bytes, bytes]] | None = None
        self._end_told = False
        self.complete = False
        self.request_complete = False

    # ---------------------------------------------------------------- from the connection

    def receive_data(self, data: bytes, size: int, *, counted: bool = True) -> None:
        """A piece of the body; `size` counts in the client's window, padding included."""
        self._pieces.append((data, size if counted else 0))
        self._came.set()

    def receive_end(self) -> None:
        """The body is complete."""
        self.request_complete = True
        self._came.set()

    def disconnect(self) -> None:
        """The client takes the request back, or is gone."""
        self._gone = True
        self.request_complete = True
        self._came.set()
        self._window.set()

    def window_opened(self) -> None:
        """More may be sent."""
        self._window.set()

    def unread_sizes(self) -> Iterable[int]:
        """What was received and never read."""
        return [size for _, size in self._pieces]

    # ---------------------------------------------------------------- the application

    async def run(self, app: ASGIApp) -> None:
        """Runs the application to its end. A failure answers 500, or breaks the stream."""
        try:
            await app(self._scope, self._receive, self._send)
        except Exception:
            logger.exception("request failed", path=self._scope["path"])
            if self._head is None and not self._gone:
                await self._send({"type": "http.response.start", "status": 500, "headers": []})
                await self._send({"type": "http.response.body", "body": b""})
        finally:
            self._carrier.closed(self._id, broken=not (self.complete or self._gone))

    async def _receive(self) -> Message:
        while True:
            if self._pieces:
                data, size = self._pieces.popleft()
                self._carrier.acknowledge(self._id, size)
                more = bool(self._pieces) or not self.request_complete
                self._end_told = not more
                return {"type": "http.request", "body": data, "more_body": more}
            if self._gone or self.complete:
                return {"type": "http.disconnect"}
            if self.request_complete and not self._end_told:
                self._end_told = True
                return {"type": "http.request", "body": b"", "more_body": False}
            self._came.clear()
            await self._came.wait()

    async def _send(self, message: Message) -> None:
        if self._gone:
            return
        try:
            match message["type"]:
                case "http.response.start":
                    self._head = [(b":status", str(message["status"]).encode())]
                    self._head += [
                        (name.lower(), value)
                        for name, value in message.get("headers", [])
                        if name.lower() not in _HOP_BY_HOP
                    ]
                    self._carrier.send_head(self._id, self._head, end=False)
                case "http.response.body":
                    body = b"" if self._scope["method"] == "HEAD" else message.get("body", b"")
                    await self._send_body(body, end=not message.get("more_body", False))
                case _:
                    pass  # Extensions that were not offered.
        except ProtocolError:
            self.disconnect()  # Reset by the client, with what was on its way here.

    async def _send_body(self, body: bytes, *, end: bool) -> None:
        rest = memoryview(body)
        while rest and not self._gone:
            self._window.clear()
            sent = self._carrier.send_piece(self._id, rest, end=end)
            rest = rest[sent:]
            if not sent:
                await self._window.wait()
            await self._carrier.drained()
        if end and not self._gone:
            if not body:
                self._carrier.send_piece(self._id, memoryview(b""), end=True)
            self.complete = True
            self._came.set()
