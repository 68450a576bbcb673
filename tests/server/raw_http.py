"""HTTP/1.1 by hand, to see what client libraries hide: chunks, headers, half-read bodies."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

RECEIVE_BYTES = 65_536


@dataclass
class RawAnswer:
    """A response as it stood on the wire."""

    status: int
    reason: str
    headers: dict[str, str]
    chunks: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)


class Wire:
    """A TCP connection to a server."""

    def __init__(self, url: str, *, receive_buffer: int | None = None, wait: float = 10) -> None:
        place = urlsplit(url)
        assert place.hostname
        assert place.port
        self.host = f"{place.hostname}:{place.port}"
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(wait)
        self._socket.connect((place.hostname, place.port))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection, as a client that goes away."""
        self._socket.close()

    def wait(self, seconds: float) -> None:
        """How long to wait from now on before a TimeoutError."""
        self._socket.settimeout(seconds)


class RawConnection(Wire):
    """One connection; requests follow each other."""

    def __init__(self, url: str, *, receive_buffer: int | None = None, wait: float = 10) -> None:
        super().__init__(url, receive_buffer=receive_buffer, wait=wait)
        self._waiting = b""

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        version: str = "1.1",
        *,
        framed: bool = False,
        host: bool = True,
    ) -> None:
        """Sends a request with just these headers, Host and (but for framed bodies) its length."""
        lines = [f"{method} {path} HTTP/{version}"]
        if host:
            lines.append(f"Host: {self.host}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None and not framed:
            lines.append(f"Content-Length: {len(body)}")
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def send_more(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._socket.sendall(data)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        version: str = "1.1",
    ) -> RawAnswer:
        """Sends a request and reads the whole answer."""
        self.send(method, path, body, headers, version)
        answer = self.head()
        self.rest(answer, bodiless=method == "HEAD")
        return answer

    def head(self) -> RawAnswer:
        """Reads the status line and the headers."""
        status, *lines = self._until(b"\r\n\r\n").decode().split("\r\n")
        _, code, *reason = status.split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines)
        return RawAnswer(
            int(code), reason[0] if reason else "", {k.lower(): v for k, v in headers.items()}
        )

    def chunk(self, answer: RawAnswer) -> bytes:
        """Reads the next chunk of a chunked body; empty at its end."""
        size = int(self._until(b"\r\n"), 16)
        chunk = self._exactly(size + 2)[:-2]
        if size:
            answer.chunks.append(chunk)
        else:
            answer.complete = True
        return chunk

    def rest(self, answer: RawAnswer, *, bodiless: bool = False) -> None:
        """Reads the body to its end."""
        if bodiless:
            answer.complete = True
        elif answer.headers.get("transfer-encoding") == "chunked":
            while self.chunk(answer):
                pass
        elif "content-length" in answer.headers:
            answer.chunks.append(self._exactly(int(answer.headers["content-length"])))
            answer.complete = True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._waiting:
            self._receive()
        found, self._waiting = self._waiting.split(mark, 1)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._waiting) < size:
            self._receive()
        found, self._waiting = self._waiting[:size], self._waiting[size:]
        return found

    def _receive(self) -> None:
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._waiting += data
