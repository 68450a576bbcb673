"""HTTP/2 by hand, to see DATA frames and to break off at will."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

from tests.server.raw_http import RECEIVE_BYTES, Wire


@dataclass
class Http2Answer:
    """A response, frame by frame."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    frames: list[bytes] = field(default_factory=list)
    complete: bool = False
    reset: int | None = None

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.frames)


class Http2Connection(Wire):
    """One connection with prior knowledge, or changed from HTTP/1.1 by `upgrade`."""

    def __init__(self, url: str, *, wait: float = 10, start: bool = True) -> None:
        super().__init__(url, wait=wait)
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._answers: dict[int, Http2Answer] = {}
        self.reading = True
        if start:
            self._h2.initiate_connection()
            self._flush()

    def upgrade(self, method: str, path: str, body: bytes | None, pieces: int = 1) -> int:
        """Asks over HTTP/1.1 with `Upgrade: h2c`; gives the stream of the answer."""
        settings = base64.urlsafe_b64encode(struct.pack(">HI", 3, 100)).rstrip(b"=").decode()
        length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
        whole = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n{length}"
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            f"HTTP2-Settings: {settings}\r\n\r\n"
        ).encode() + (body or b"")
        size = -(-len(whole) // pieces)
        for start in range(0, len(whole), size):
            self._socket.sendall(whole[start : start + size])
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._received()
        head, rest = received.split(b"\r\n\r\n", 1)
        assert head == (
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c"
        ), head
        self._h2.initiate_upgrade_connection()
        self._answers[1] = Http2Answer()
        self._flush()
        self._take(rest)
        return 1

    def send(
        self,
        method: str,
        path: str,
        frames: list[bytes] | None = None,
        headers: dict[str, str] | None = None,
        *,
        end: bool = True,
    ) -> int:
        """Sends a request, a DATA frame for each of `frames`; gives its stream."""
        stream = self._h2.get_next_available_stream_id()
        head = [
            (":method", method),
            (":path", path),
            (":scheme", "http"),
            (":authority", self.host),
        ]
        head += [(name.lower(), value) for name, value in (headers or {}).items()]
        self._answers[stream] = Http2Answer()
        self._h2.send_headers(stream, head, end_stream=end and not frames)
        for index, frame in enumerate(frames or []):
            self.send_data(stream, frame, end=end and index + 1 == len(frames or []))
        self._flush()
        return stream

    def send_data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Sends a piece of a body, waiting for the windows where they are full."""
        while True:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            piece, data = data[:room], data[room:]
            self._h2.send_data(stream, piece, end_stream=end and not data)
            self._flush()
            if not data:
                return
            if room == 0:
                self._receive()

    def reset(self, stream: int) -> None:
        """Takes a request back."""
        self._h2.reset_stream(stream, 8)
        self._flush()

    def ask(
        self,
        method: str,
        path: str,
        frames: list[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Http2Answer:
        """Sends a request and reads the whole answer."""
        return self.rest(self.send(method, path, frames, headers))

    def rest(self, stream: int) -> Http2Answer:
        """Reads an answer to its end."""
        answer = self._answers[stream]
        while not answer.complete and answer.reset is None:
            self._receive()
        return answer

    def frames(self, stream: int, count: int) -> Http2Answer:
        """Reads until that many DATA frames have come, or the answer has ended."""
        answer = self._answers[stream]
        while len(answer.frames) < count and not answer.complete and answer.reset is None:
            self._receive()
        return answer

    def _receive(self) -> None:
        self._take(self._received())

    def _received(self) -> bytes:
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def _take(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            match event:
                case ResponseReceived():
                    answer = self._answers[event.stream_id]
                    head = {str(name): str(value) for name, value in event.headers}
                    answer.status = int(head.pop(":status"))
                    answer.headers = head
                case DataReceived():
                    if event.data:
                        self._answers[event.stream_id].frames.append(event.data)
                    if self.reading:
                        self._h2.acknowledge_received_data(
                            event.flow_controlled_length, event.stream_id
                        )
                case StreamEnded():
                    self._answers[event.stream_id].complete = True
                case StreamReset():
                    self._answers[event.stream_id].reset = int(event.error_code or 0)
                case _:
                    pass
        self._flush()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._socket.sendall(data)
