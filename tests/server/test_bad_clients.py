"""Clients that send half, too much or nothing, that do not read, or vanish: others go on."""

from __future__ import annotations

import json
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from merganser.errors import PropertyError
from merganser.server.config import ServerConfig
from merganser.server.http1 import Patience
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import EndlessRows, FakeConfig, FakeEngine, batch, push
from tests.server.raw_http import RawConnection

QUERY = json.dumps({"sql": "Q;"}).encode()
IMPATIENT = {"merganser.request.timeout.ms": "200", "merganser.answer.timeout.ms": "300"}
CONNECTIONS = 1_000


@pytest.fixture
def impatient(fresh_engine: FakeEngine) -> Iterator[RunningServer]:
    fresh_engine.config = FakeConfig(properties=IMPATIENT)
    with start_in_background(ServerConfig(port=0), engine=fresh_engine) as server:
        yield server


def is_well(server: RunningServer) -> bool:
    with RawConnection(server.url) as other:
        return other.ask("GET", "/info").status == 200


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(200):
        if condition():
            return
        pause.wait(0.02)
    assert condition()


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /ksql HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{",
        b"POST /ksql HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"GET /info HTTP/1.1\r\nHost: h\r\nX-Half: a",
        b"GET /inf",
        b"PRI * HT",
    ],
)
def test_half_a_request_is_cut_off(impatient: RunningServer, sent: bytes) -> None:
    with RawConnection(impatient.url) as connection:
        connection.send_more(sent)
        answer = connection.head()
        assert (answer.status, answer.reason) == (408, "Request Timeout")
        with pytest.raises(ConnectionError):
            connection.ask("GET", "/info")
    assert is_well(impatient)


def test_a_second_request_that_stays_half_is_cut_off(impatient: RunningServer) -> None:
    with RawConnection(impatient.url) as connection:
        assert connection.ask("GET", "/info").status == 200
        connection.send_more(b"GET /info HTTP/1.1\r\nHo")
        assert connection.head().status == 408


def test_single_bytes_do_not_make_the_time_for_a_head_longer(impatient: RunningServer) -> None:
    pause = threading.Event()
    with RawConnection(impatient.url) as connection:
        connection.send_more(b"GET /info HTTP/1.1\r\nHost: h\r\nX: ")

        def drip() -> None:
            for _ in range(200):
                connection.send_more(b"a")
                pause.wait(0.02)

        with pytest.raises(ConnectionError):
            drip()


def test_a_client_that_does_not_read_is_cut_off_and_its_query_ends(
    impatient: RunningServer,
) -> None:
    engine = impatient.engine
    assert isinstance(engine, FakeEngine)
    rows = EndlessRows(batch(*[(number, "x" * 2_000) for number in range(60)]))
    engine.queries["Q;"] = lambda: push(rows)
    with RawConnection(impatient.url, receive_buffer=4096) as connection:
        connection.send("POST", "/query-stream", QUERY)
        connection.head()
        assert rows.closed.wait(10)
        assert is_well(impatient)


def test_a_client_that_vanishes_ends_its_query(server: RunningServer, engine: FakeEngine) -> None:
    rows = EndlessRows(batch((1, "a")))
    engine.queries["Q;"] = lambda: push(rows)
    place = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((place[0], int(place[1])))
    # With a linger of 0 seconds a close resets the connection, as a crash of the client does.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    head = f"POST /query-stream HTTP/1.1\r\nHost: h\r\nContent-Length: {len(QUERY)}\r\n\r\n"
    connection.sendall(head.encode() + QUERY)
    assert connection.recv(10)
    connection.close()
    assert rows.closed.wait(10)
    assert is_well(server)


def test_a_thousand_idle_connections_hold_nobody_up(server: RunningServer) -> None:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < 2 * CONNECTIONS + 200:
        pytest.skip(f"only {files} files may be open here: both ends of each connection are ours")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ExitStack() as stack:
        idle = [stack.enter_context(RawConnection(server.url)) for _ in range(CONNECTIONS)]
        assert is_well(server)
        # They can be used afterwards.
        assert all(connection.ask("GET", "/chc/live").status == 200 for connection in idle[::100])
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown_kb < 100 * CONNECTIONS, "more than 100 KB a connection"


def test_a_statement_of_ten_megabytes_is_refused(server: RunningServer) -> None:
    body = json.dumps({"ksql": f"SELECT '{'x' * 10_000_000}';"}).encode()
    with RawConnection(server.url) as connection:
        for path in ("/ksql", "/query"):
            assert connection.ask("POST", path, body).status == 413
    assert is_well(server)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"', b'{"ksql": {}}', b"[" * 100_000]
)
@pytest.mark.parametrize("path", ["/ksql", "/query", "/query-stream", "/close-query"])
def test_a_body_that_is_no_request_is_a_bad_request(
    server: RunningServer, path: str, body: bytes
) -> None:
    with RawConnection(server.url) as connection:
        answer = connection.ask("POST", path, body, {"Content-Type": "text/html"})
        assert answer.status == 400
        assert json.loads(answer.body)["@type"] == "generic_error"
        # The connection is as good as before.
        assert connection.ask("GET", "/info").status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01\x02\x03\r\n\r\n", 400),
        (b"GET /info HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /ksql HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /info HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /info HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_answered_and_cut_off(
    server: RunningServer, sent: bytes, status: int
) -> None:
    with RawConnection(server.url) as connection:
        connection.send_more(sent)
        assert connection.head().status == status
    assert is_well(server)


def test_requests_sent_ahead_are_answered_in_order(server: RunningServer) -> None:
    with RawConnection(server.url) as connection:
        for _ in range(50):
            connection.send("GET", "/info")
            connection.send("GET", "/nothing")
        statuses = []
        for _ in range(100):
            answer = connection.head()
            connection.rest(answer)
            statuses.append(answer.status)
    assert statuses == [200, 404] * 50


def test_times_are_told_in_properties() -> None:
    found = Patience.of(IMPATIENT | {"ksql.idle.connection.timeout.seconds": "5"})
    assert found == Patience(request_seconds=0.2, reading_seconds=0.3, idle_seconds=5.0)
    with pytest.raises(PropertyError, match="whole number above 0"):
        Patience.of({"merganser.request.timeout.ms": "0"})


def test_a_connection_that_is_idle_for_long_is_closed(fresh_engine: FakeEngine) -> None:
    fresh_engine.config = FakeConfig(properties={"ksql.idle.connection.timeout.seconds": "1"})
    with (
        start_in_background(ServerConfig(port=0), engine=fresh_engine) as server,
        RawConnection(server.url) as fresh,
        RawConnection(server.url) as used,
    ):
        assert used.ask("GET", "/info").status == 200
        for connection in (fresh, used):
            with pytest.raises(ConnectionError):
                connection.head()
