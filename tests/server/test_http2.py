"""HTTP/2 without TLS beside HTTP/1.1 on one port: prior knowledge and the upgrade."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import (
    EndlessRows,
    FakeEngine,
    ListedRows,
    Said,
    batch,
    pull,
    push,
)
from tests.server.raw_http import RawConnection
from tests.server.raw_http2 import Http2Connection
from tests.server.test_streams import WIDE, wait_until_still

BODY = b'{"sql": "Q;"}'
ROWS = [batch((1, "a")), batch((2, "b"), (3, "c"))]


@pytest.fixture
def http2(server: RunningServer) -> Iterator[Http2Connection]:
    with Http2Connection(server.url) as connection:
        yield connection


def test_a_client_with_prior_knowledge_is_answered(http2: Http2Connection) -> None:
    for _ in range(2):
        answer = http2.ask("GET", "/info")
        assert answer.status == 200
        assert set(answer.headers) == {"content-type", "content-length"}
        assert json.loads(answer.body)["KsqlServerInfo"]["ksqlServiceId"] == "test_"
    assert http2.ask("GET", "/nowhere").body == b"Not Found"


def test_a_client_that_sends_its_preface_in_pieces_is_answered(server: RunningServer) -> None:
    with Http2Connection(server.url, start=False) as connection:
        connection._h2.initiate_connection()
        opening = connection._h2.data_to_send()
        for byte in opening[:30]:
            connection._socket.sendall(bytes([byte]))
        connection._socket.sendall(opening[30:])
        assert connection.ask("GET", "/info").status == 200


def test_bodies_longer_than_the_windows_arrive(http2: Http2Connection, engine: FakeEngine) -> None:
    text = "SHOW;" + " " * 2_000_000
    engine.answers[text] = [Said(word="x", statement_text="SHOW;")]
    answer = http2.ask("POST", "/ksql", [json.dumps({"ksql": text}).encode()])
    assert json.loads(answer.body)[0]["word"] == "x"


def test_each_row_is_a_frame(http2: Http2Connection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows(ROWS))
    answer = http2.ask("POST", "/query-stream", [BODY])
    assert answer.headers == {"content-type": "application/vnd.ksqlapi.delimited.v1"}
    assert answer.frames[1:] == [b'[1,"a"]\n', b'[2,"b"]\n', b'[3,"c"]\n']


def test_rows_come_while_the_query_runs(http2: Http2Connection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: push(ListedRows(ROWS, live=True))
    stream = http2.send("POST", "/query-stream", [BODY])
    assert http2.frames(stream, 4).frames[3] == b'[3,"c"]\n'
    closing = http2.ask("POST", "/close-query", [b'{"queryId": "transient_S_1"}'])
    assert closing.status == 200
    assert http2.rest(stream).complete


def test_a_request_taken_back_ends_its_query_and_no_other(
    http2: Http2Connection, engine: FakeEngine
) -> None:
    first, second = ListedRows(ROWS, live=True), ListedRows(ROWS, live=True)
    engine.queries["Q;"] = lambda: push(first)
    engine.queries["R;"] = lambda: push(second, query_id="transient_S_2")
    stream = http2.send("POST", "/query-stream", [BODY])
    other = http2.send("POST", "/query-stream", [b'{"sql": "R;"}'])
    http2.frames(stream, 2)
    http2.frames(other, 2)
    http2.reset(stream)
    assert first.closed.wait(5)
    assert not second.closed.is_set()
    assert http2.ask("GET", "/info").status == 200


def test_a_client_that_goes_away_ends_its_queries(
    server: RunningServer, engine: FakeEngine
) -> None:
    rows = ListedRows(ROWS, live=True)
    engine.queries["Q;"] = lambda: push(rows)
    with Http2Connection(server.url) as connection:
        connection.frames(connection.send("POST", "/query-stream", [BODY]), 2)
    assert rows.closed.wait(5)


def test_a_full_window_holds_its_query_up(server: RunningServer, engine: FakeEngine) -> None:
    rows = EndlessRows(WIDE)
    engine.queries["Q;"] = lambda: push(rows)
    engine.queries["P;"] = lambda: pull(ListedRows(ROWS))
    with Http2Connection(server.url) as slow, Http2Connection(server.url) as other:
        slow.reading = False
        slow.frames(slow.send("POST", "/query-stream", [BODY]), 2)
        stopped_at = wait_until_still(rows)
        assert stopped_at < 30
        assert other.ask("POST", "/query-stream", [b'{"sql": "P;"}']).complete
        assert not rows.closed.is_set()
    assert rows.closed.wait(5)


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_request_with_a_body_changes_the_connection(
    server: RunningServer, engine: FakeEngine, pieces: int
) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows(ROWS))
    with Http2Connection(server.url, start=False) as connection:
        answer = connection.rest(connection.upgrade("POST", "/query-stream", BODY, pieces))
        assert answer.frames[1:] == [b'[1,"a"]\n', b'[2,"b"]\n', b'[3,"c"]\n']
        assert connection.ask("GET", "/info").status == 200


def test_an_upgrade_without_settings_stays_on_http1(raw: RawConnection) -> None:
    asked = {"Connection": "Upgrade", "Upgrade": "h2c"}
    answer = raw.ask("GET", "/info", headers=asked)
    assert answer.status == 200
    assert raw.ask("GET", "/info").status == 200


def test_noise_is_refused_and_does_no_harm(server: RunningServer) -> None:
    place = server.url.removeprefix("http://").split(":")
    for noise in (b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 64):
        with socket.create_connection((place[0], int(place[1])), timeout=5) as sent:
            sent.sendall(noise)
            while sent.recv(4096):
                pass
    assert httpx.get(f"{server.url}/info").status_code == 200


def test_a_server_that_stops_finishes_open_answers(fresh_engine: FakeEngine) -> None:
    rows = ListedRows(ROWS, live=True)
    fresh_engine.queries["Q;"] = lambda: push(rows)
    with (
        start_in_background(ServerConfig(port=0), engine=fresh_engine) as server,
        Http2Connection(server.url) as connection,
    ):
        stream = connection.send("POST", "/query-stream", [BODY])
        connection.frames(stream, 4)
        server._server.stop()
        assert connection.rest(stream).complete
        with pytest.raises(ConnectionError):  # noqa: PT012 (a goodbye comes first)
            while True:
                connection._receive()
