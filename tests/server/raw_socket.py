"""A WebSocket by hand, to see its handshake and its frames."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

RECEIVE_BYTES = 65_536


@dataclass
class SocketAnswer:
    """What came: the status of the handshake, then frames, then a close frame or nothing."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    frames: list[dict[str, object]] = field(default_factory=list)
    closed: bool = False


def listen(
    url: str, path: str, *, quiet_seconds: float, headers: Mapping[str, str] | None = None
) -> SocketAnswer:
    """Opens a WebSocket and reads it until it ends or nothing comes for a while."""
    place = urlsplit(url)
    assert place.hostname
    assert place.port
    answer = SocketAnswer()
    connection = WSConnection(ConnectionType.CLIENT)
    extra = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    request = Request(host=place.netloc, target=path, extra_headers=extra)
    with socket.create_connection((place.hostname, place.port), timeout=quiet_seconds) as wire:
        wire.sendall(connection.send(request))
        text = ""
        while not answer.closed:
            try:
                data = wire.recv(RECEIVE_BYTES)
            except TimeoutError:
                return answer
            connection.receive_data(data or None)
            for event in connection.events():
                match event:
                    case AcceptConnection():
                        answer.status = 101
                        answer.headers = _shown(event.extra_headers)
                    case RejectConnection():
                        answer.status = event.status_code
                        answer.headers = _shown(event.headers)
                        answer.closed = not event.has_body
                    case RejectData():
                        answer.body += bytes(event.data)
                        answer.closed = event.body_finished
                    case TextMessage():
                        text += event.data
                        if event.message_finished:
                            answer.frames.append({"text": text})
                            text = ""
                    case CloseConnection():
                        answer.frames.append({"close": int(event.code), "reason": event.reason})
                        answer.closed = True
                    case _:
                        pass
            answer.closed |= not data
    return answer


def _shown(headers: object) -> dict[str, str]:
    assert isinstance(headers, list)
    return {name.decode().lower(): value.decode() for name, value in headers}
