"""One request on an HTTP/1.1 connection and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Protocol

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Scope

logger = structlog.get_logger(__name__)

REASON = "reason"
"""A member of `http.response.start` besides ASGI's: the phrase behind the status."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_OLD_VERSION = "1.0"
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class ExchangeCarrier(Protocol):
    """The connection, as far as its exchanges use it."""

    def write(self, data: bytes) -> None: ...
    async def drained(self) -> None: ...
    def pace_reading(self) -> None: ...
    def finished(self, exchange: Http1Exchange, *, keeps: bool) -> None: ...


class Http1Exchange:
    """Runs the application over one request.

    Attributes:
        started: Some of the answer may have been sent.
        request_complete: The whole request has come.
    """

    def __init__(self, carrier: ExchangeCarrier, scope: Scope, *, keeps: bool) -> None:
        """`keeps`: the client wants to go on with the connection afterwards."""
        self._carrier = carrier
        self._scope = scope
        self._keeps = keeps
        headers = scope["headers"]
        self._wants_continue = (b"expect", b"100-continue") in headers
        self._body = bytearray()
        self._came = asyncio.Event()
        self._gone = False
        self._end_told = False
        self._chunked = False
        self._complete = False
        self._at_once: tuple[HTTPStatus, bytes] | None = None
        self.started = False
        self.request_complete = False

    # ---------------------------------------------------------------- from the connection

    @property
    def unread_bytes(self) -> int:
        """How much of the body waits here."""
        return len(self._body)

    def receive_data(self, data: bytes) -> None:
        """A piece of the body; of no use once the answer is there."""
        if not self._complete:
            self._body += data
            self._came.set()

    def receive_end(self) -> None:
        """The body is complete."""
        self.request_complete = True
        self._came.set()

    def disconnect(self) -> None:
        """The client is gone."""
        self._gone = True
        self._came.set()

    def answer_at_once(self, status: HTTPStatus, body: bytes) -> None:
        """Answers without asking the application."""
        self._at_once = (status, body)

    # ---------------------------------------------------------------- the application

    async def run(self, app: ASGIApp) -> None:
        """Runs the application to its end. A failure answers 500, or breaks the answer off."""
        try:
            if self._at_once is not None:
                await self._send_plain(*self._at_once)
            else:
                await app(self._scope, self._receive, self._send)
        except ClientDisconnect:
            pass  # It went in the middle of its own request.
        except Exception:
            logger.exception("request failed", path=self._scope["path"])
            if not self.started and not self._gone:
                await self._send_plain(HTTPStatus.INTERNAL_SERVER_ERROR, b"")
        finally:
            self._carrier.finished(self, keeps=self._complete and self._keeps)

    async def _send_plain(self, status: HTTPStatus, body: bytes) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _receive(self) -> Message:
        while True:
            if self._gone or self._complete:
                return {"type": "http.disconnect"}
            if self._body or (self.request_complete and not self._end_told):
                body, self._body = bytes(self._body), bytearray()
                self._end_told = self.request_complete
                self._carrier.pace_reading()
                return {"type": "http.request", "body": body, "more_body": not self._end_told}
            if self._wants_continue:
                self._wants_continue = False
                self._carrier.write(_CONTINUE)
            self._came.clear()
            await self._came.wait()

    async def _send(self, message: Message) -> None:
        if self._gone:
            return
        if message["type"] == "http.response.start":
            self.started = True
            self._wants_continue = False
            self._carrier.write(self._head(message))
        elif message["type"] == "http.response.body":
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
            await self._carrier.drained()

    def _head(self, message: Message) -> bytes:
        status: int = message["status"]
        reason = message.get(REASON)
        line = f"HTTP/1.1 {status} {reason}\r\n".encode() if reason else _STATUS_LINES[status]
        parts = [line]
        has_length = has_connection = False
        for name, value in message.get("headers", ()):
            parts += (name, b": ", value, b"\r\n")
            has_length = has_length or name == b"content-length"
            if name == b"connection":
                has_connection = True
                self._keeps = self._keeps and value != b"close"
        bodiless = self._scope["method"] == "HEAD" or status in _BODILESS
        old = self._scope["http_version"] == _OLD_VERSION
        if not has_length and not bodiless:
            self._chunked = not old
            self._keeps = self._keeps and not old
            if self._chunked:
                parts.append(b"transfer-encoding: chunked\r\n")
        if not has_connection and old and self._keeps:
            parts.append(b"connection: keep-alive\r\n")
        elif not has_connection and not old and not self._keeps:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if body and self._scope["method"] != "HEAD":
            if self._chunked:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            self._carrier.write(body)
        if not more:
            if self._chunked:
                self._carrier.write(_LAST_CHUNK)
            self._complete = True
            self._came.set()
