"""Streaming answers as they run: slow readers, clients that go away, closing, shutting down."""

from __future__ import annotations

import json
import socket
import threading

import httpx
import pytest

from merganser.server.config import ServerConfig
from merganser.server.handover import GROUPS_MAX
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import (
    EndlessRows,
    FakeEngine,
    ListedRows,
    batch,
    pull,
    push,
)
from tests.server.raw_http import RawConnection

BODY = b'{"sql": "Q;"}'
BATCH_ROWS = 500
WIDE = batch(*((i, "x" * 200) for i in range(BATCH_ROWS)))
SOCKET_BYTES = 4 * 1024 * 1024  # What both ends' kernels may hold of a loopback connection.


def wait_until_still(rows: ListedRows) -> int:
    """Waits until nothing was pulled for a while, and tells how much had been."""
    pause = threading.Event()
    last = -1
    while rows.pulled != last:
        last = rows.pulled
        pause.wait(0.3)
    return last


def test_a_slow_reader_holds_its_query_up(server: RunningServer, engine: FakeEngine) -> None:
    rows = EndlessRows(WIDE)
    engine.queries["Q;"] = lambda: push(rows)
    with RawConnection(server.url, receive_buffer=4096) as slow:
        slow.send("POST", "/query-stream", BODY)
        answer = slow.head()
        stopped_at = wait_until_still(rows)
        batch_bytes = BATCH_ROWS * 200
        assert stopped_at * batch_bytes < SOCKET_BYTES + (GROUPS_MAX + 4) * batch_bytes
        for _ in range(3 * stopped_at):
            slow.chunk(answer)
        assert wait_until_still(rows) > stopped_at
        assert not rows.closed.is_set()
    assert rows.closed.wait(5)


def test_a_slow_reader_does_not_hold_up_others(
    server: RunningServer, engine: FakeEngine, http: httpx.Client
) -> None:
    rows = EndlessRows(WIDE)
    engine.queries["Q;"] = lambda: push(rows)
    engine.queries["P;"] = lambda: pull(ListedRows([batch((1, "a"))]))
    with RawConnection(server.url, receive_buffer=4096) as slow:
        slow.send("POST", "/query-stream", BODY)
        wait_until_still(rows)
        assert http.post("/query-stream", json={"sql": "P;"}).text.endswith('[1,"a"]\n')
    assert rows.closed.wait(5)


@pytest.mark.parametrize("path", ["/query", "/query-stream"])
def test_a_client_that_goes_away_ends_its_query(
    server: RunningServer, engine: FakeEngine, path: str
) -> None:
    rows = ListedRows([batch((1, "a"))], live=True)
    engine.queries["Q;"] = lambda: push(rows)
    with RawConnection(server.url) as connection:
        connection.send("POST", path, b'{"sql": "Q;", "ksql": "Q;"}')
        answer = connection.head()
        connection.chunk(answer)
        connection.chunk(answer)
        assert not rows.closed.is_set()
    assert rows.closed.wait(5)


def test_the_header_comes_before_the_first_row(server: RunningServer, engine: FakeEngine) -> None:
    rows = ListedRows([], live=True)
    engine.queries["Q;"] = lambda: push(rows)
    with RawConnection(server.url) as connection:
        connection.send("POST", "/query-stream", BODY)
        assert b'"queryId"' in connection.chunk(connection.head())


def test_another_connection_can_close_a_query(
    server: RunningServer, engine: FakeEngine, http: httpx.Client
) -> None:
    engine.queries["Q;"] = lambda: push(ListedRows([batch((1, "a"))], live=True))
    with RawConnection(server.url) as connection:
        connection.send("POST", "/query", b'{"ksql": "Q;"}')
        answer = connection.head()
        connection.chunk(answer)
        connection.chunk(answer)
        closed = http.post("/close-query", json={"queryId": "transient_S_1"})
        assert (closed.status_code, closed.content) == (200, b"")
        assert closed.headers["content-length"] == "0"
        assert "content-type" not in closed.headers
        connection.rest(answer)
        assert answer.chunks[2:] == [b'{"finalMessage":"Query Completed"}', b"]"]
        assert connection.ask("GET", "/info").status == 200


@pytest.mark.parametrize("body", [b'{"queryId": "nope"}', b"{}", b"x", b""])
def test_closing_what_does_not_run_is_a_bad_request(raw: RawConnection, body: bytes) -> None:
    answer = raw.ask("POST", "/close-query", body)
    assert (answer.status, set(answer.headers)) == (400, {"content-length"})
    assert json.loads(answer.body)["error_code"] == 40000


def test_open_answers_are_counted(
    server: RunningServer, engine: FakeEngine, http: httpx.Client
) -> None:
    rows = ListedRows([], live=True)
    engine.queries["Q;"] = lambda: push(rows)
    with RawConnection(server.url) as connection:
        connection.send("POST", "/query-stream", BODY)
        connection.chunk(connection.head())
        assert "merganser_open_answers 1.0" in http.get("/metrics").text
    assert rows.closed.wait(5)


def test_callbacks_run_when_an_answer_ends(raw: RawConnection, engine: FakeEngine) -> None:
    ended = threading.Event()
    result = push(ListedRows([]))
    object.__setattr__(result, "on_close", (ended.set,))
    engine.queries["Q;"] = lambda: result
    raw.ask("POST", "/query-stream", BODY)
    assert ended.wait(5)


def test_shutting_down_brings_answers_to_their_end(fresh_engine: FakeEngine) -> None:
    fresh_engine.queries["Q;"] = lambda: push(ListedRows([batch((1, "a"))], live=True))
    server = start_in_background(ServerConfig(port=0), engine=fresh_engine)
    with RawConnection(server.url) as connection:
        connection.send("POST", "/query", b'{"ksql": "Q;"}')
        answer = connection.head()
        connection.chunk(answer)
        closer = threading.Thread(target=server.close)
        closer.start()
        connection.rest(answer)
        assert json.loads(answer.body)[-1] == {"finalMessage": "Query Completed"}
        closer.join(10)
    assert not closer.is_alive()
    assert fresh_engine.closed


def test_until_the_engine_has_started_requests_are_refused(fresh_engine: FakeEngine) -> None:
    fresh_engine.may_start.clear()
    found: list[RunningServer] = []
    with socket.create_server(("127.0.0.1", 0)) as probe:
        config = ServerConfig(port=probe.getsockname()[1])
    starter = threading.Thread(
        target=lambda: found.append(start_in_background(config, engine=fresh_engine))
    )
    starter.start()
    assert fresh_engine.starting.wait(5)
    url = f"http://127.0.0.1:{config.port}"
    assert httpx.get(f"{url}/chc/live").json() == {}
    refused = httpx.get(f"{url}/info")
    assert refused.status_code == 503
    assert refused.json()["error_code"] == 50302
    assert httpx.post(f"{url}/query-stream", json={"sql": "Q;"}).status_code == 503
    fresh_engine.may_start.set()
    starter.join(10)
    (server,) = found
    assert httpx.get(f"{server.url}/info").status_code == 200
    server.close()


def test_an_engine_that_does_not_start_stops_the_server(fresh_engine: FakeEngine) -> None:
    fresh_engine.start_error = ValueError("the disk is full")
    with pytest.raises(ValueError, match="the disk is full"):
        start_in_background(ServerConfig(port=0), engine=fresh_engine)
    assert fresh_engine.closed
