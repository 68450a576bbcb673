"""What a connection speaks: HTTP/1.1, HTTP/2 at once, or HTTP/1.1 that changes to HTTP/2.

All three come to the same port without TLS. The first bytes tell: the preface of HTTP/2, or a
request whose head asks for `Upgrade: h2c`. Such a request is read whole, its body too, then
answered on HTTP/2 as stream 1 (RFC 7540, 3.2). Only a connection's first request can change it;
later ones stay on HTTP/1.1, as the RFC allows.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from http import HTTPStatus
from typing import Any

import h11
from h2.exceptions import ProtocolError
from uvicorn.config import Config
from uvicorn.server import ServerState

from merganser.server.bodies import BODY_BYTES_MAX
from merganser.server.http1 import Http1Protocol, Patience
from merganser.server.http2 import Http2Protocol

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES_MAX = 64 * 1024  # Longer heads are left to HTTP/1.1, which refuses them.
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_UPGRADE = re.compile(rb"\n[ \t]*upgrade[ \t]*:[ \t]*h2c\b", re.IGNORECASE)


class PatientConfig(Config):
    """uvicorn's configuration, with how long clients may take."""

    patience: Patience = Patience()


class FrontProtocol(asyncio.Protocol):
    """Holds a new connection until its first request is known, then hands it over."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        assert isinstance(config, PatientConfig)
        self._patience = config.patience
        self._seen = b""
        self._upgrade: _Upgrade | None = None
        self._transport: asyncio.Transport
        self._idle: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # a set of its own kinds
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._patience.idle_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def shutdown(self) -> None:
        """The server ends, and no request has come yet."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._seen:
            self._idle.cancel()
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._patience.request_seconds, self._to_http1_in_vain)
        self._seen += data
        if self._upgrade is not None:
            self._go_on(self._upgrade, data)
            return
        if PREFACE.startswith(self._seen[: len(PREFACE)]):
            if len(self._seen) >= len(PREFACE):
                self._hand_over(Http2Protocol(self._config, self._server_state, self._app_state))
            return
        head = _HEAD_END.search(self._seen)
        if head is None and self._seen[:1].isalpha() and len(self._seen) <= HEAD_BYTES_MAX:
            return
        if head is not None and _UPGRADE.search(self._seen, 0, head.end()):
            self._upgrade = _Upgrade()
            self._go_on(self._upgrade, self._seen)
            return
        self._to_http1()

    def _to_http1_in_vain(self) -> None:
        """The first request does not go on: HTTP/1.1 knows how to say that."""
        self._to_http1().refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _to_http1(self) -> Http1Protocol:
        protocol = Http1Protocol(self._config, self._server_state, self._app_state, self._patience)
        self._hand_over(protocol)
        return protocol

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        self._leave()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._seen)

    def _leave(self) -> None:
        self._idle.cancel()
        self._server_state.connections.discard(self)

    def _go_on(self, upgrade: _Upgrade, data: bytes) -> None:
        settled = upgrade.receive(data)
        if settled is None:
            return
        if not settled:
            self._to_http1()
            return
        self._leave()
        self._transport.write(SWITCHING)
        protocol = Http2Protocol(self._config, self._server_state, self._app_state)
        self._transport.set_protocol(protocol)
        try:
            protocol.upgraded(self._transport, upgrade.settings, upgrade.head, bytes(upgrade.body))
        except ProtocolError:
            self._transport.close()
            return
        if upgrade.rest:
            protocol.data_received(upgrade.rest)


class _Upgrade:
    """Reads a request that asks for HTTP/2.

    Attributes:
        settings: The client's, in base64 as h2 takes them.
        head: The request's headers as HTTP/2 has them.
        rest: What came behind the request.
    """

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER)
        self.settings = b""
        self.head: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.rest = b""

    def receive(self, data: bytes) -> bool | None:
        """Takes bytes; None while more are needed, False if it is no good request of the kind."""
        try:
            self._h11.receive_data(data)
            while True:
                match self._h11.next_event():
                    case h11.Request() as request:
                        if not self._take(request):
                            return False
                    case h11.Data() as piece:
                        self.body += piece.data
                        if len(self.body) > BODY_BYTES_MAX:
                            return False
                    case h11.EndOfMessage():
                        self.rest = self._h11.trailing_data[0]
                        return True
                    case h11.NEED_DATA:
                        return None
                    case _:
                        return False
        except h11.RemoteProtocolError:
            return False

    def _take(self, request: h11.Request) -> bool:
        headers = [(name.lower(), value) for name, value in request.headers]
        named = dict(headers)
        tokens = {token.strip().lower() for token in named.get(b"connection", b"").split(b",")}
        self.settings = named.get(b"http2-settings", b"")
        if not {b"upgrade", b"http2-settings"} <= tokens or not _is_settings(self.settings):
            return False
        dropped = {b"connection", b"upgrade", b"http2-settings", b"transfer-encoding", b"host"}
        self.head = [
            (b":method", request.method),
            (b":path", request.target),
            (b":scheme", b"http"),
            (b":authority", named.get(b"host", b"")),
            *((name, value) for name, value in headers if name not in dropped),
        ]
        return True


def _is_settings(text: bytes) -> bool:
    """Whether a text is a list of settings, six bytes each, in base64 without padding."""
    try:
        decoded = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    return len(decoded) % 6 == 0
