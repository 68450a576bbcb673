"""`/inserts-stream` and `/ws/query`: answers that run beside their request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from merganser.server.client import Client, Row
from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine, ListedRows, batch, printing, pull, push
from tests.server.raw_http2 import Http2Connection
from tests.server.raw_socket import SocketAnswer, listen

PATH = "/inserts-stream"
TARGET = b'{"target":"S"}\n'
OK = '{{"seq":{},"status":"ok"}}'.format


@pytest.fixture
def http2(server: RunningServer) -> Iterator[Http2Connection]:
    with Http2Connection(server.url) as connection:
        yield connection


def test_rows_are_acknowledged_while_the_request_goes_on(http2: Http2Connection) -> None:
    stream = http2.send("POST", PATH, [TARGET], end=False)
    for seq in range(3):
        http2.send_data(stream, b'{"ID":1}\n')
        assert http2.frames(stream, seq + 1).frames[seq].decode() == OK(seq) + "\n"
    http2.send_data(stream, b'{"ID":2}', end=True)
    assert http2.rest(stream).frames[3].decode() == OK(3) + "\n"


def test_a_wrong_row_ends_the_answer_behind_those_before_it(
    http2: Http2Connection, engine: FakeEngine
) -> None:
    rows = b'{"ID":1}\n{"NAME":"a"}\n{"ID":3}\n'
    answer = http2.ask("POST", PATH, [TARGET + rows])
    first, second = map(json.loads, answer.body.splitlines())
    assert first == {"seq": 0, "status": "ok"}
    assert (second["seq"], second["status"], second["error_code"]) == (1, "error", 40000)
    assert engine.seen == [{"ID": 1}]


def test_acknowledgements_as_one_array(http2: Http2Connection) -> None:
    headers = {"accept": "application/json"}
    assert http2.ask("POST", PATH, [TARGET], headers).body == b"[]"
    answer = http2.ask("POST", PATH, [TARGET + b'{"ID":1}\n{"ID":2}\n'], headers)
    assert [entry["seq"] for entry in json.loads(answer.body)] == [0, 1]


@pytest.mark.parametrize(
    ("body", "code"), [(b'{"target":"NOPE"}\n', 40001), (b"{}\n", 40000), (b"x\n", 40000)]
)
def test_a_wrong_target_is_refused(http2: Http2Connection, body: bytes, code: int) -> None:
    answer = http2.ask("POST", PATH, [body])
    assert answer.status == 400
    assert json.loads(answer.body)["error_code"] == code


EVERY_TYPE = (
    "CREATE STREAM E (ID BIGINT KEY, I INT, D DOUBLE, N DECIMAL(6,2), B BYTES, T TIMESTAMP, "
    "Y DATE, M TIME, A ARRAY<INT>, S STRUCT<X INT, `y` VARCHAR>, P MAP<VARCHAR, INT>) "
    "WITH (KAFKA_TOPIC='e', VALUE_FORMAT='JSON', PARTITIONS=1);"
)


def test_values_of_every_type_are_written() -> None:
    row = {
        "id": 7, "I": 1, "D": 2, "N": 1.235, "B": "AQI=", "T": "2020-01-02T03:04:05.678",
        "Y": "2020-01-02", "M": "10:11:12", "A": [1, None], "S": {"X": 1, "`y`": "q"},
        "P": {"k": 1}, "OTHER": 5,
    }  # fmt: skip
    with start_in_background(ServerConfig(port=0)) as server, Client(server.url) as client:
        client.execute(EVERY_TYPE)
        with Http2Connection(server.url) as connection:
            body = b'{"target":"e"}\n' + json.dumps(row).encode()
            assert connection.ask("POST", PATH, [body]).body.decode() == OK(0) + "\n"
            for wrong in ('{"ID":1,"I":1.5}', '{"ID":1,"N":12345.6}', '{"ID":1,"A":{}}'):
                answer = connection.ask("POST", PATH, [b'{"target":"e"}\n' + wrong.encode()])
                assert json.loads(answer.body)["status"] == "error"
        (found,) = [event for event in client.stream("SELECT * FROM E;") if isinstance(event, Row)]
    assert list(map(str, found.values)) == [
        "7", "1", "2.0", "1.24", "AQI=", "2020-01-02T03:04:05.678", "2020-01-02", "10:11:12",
        "[1, None]", "{'X': 1, 'y': 'q'}", "{'k': 1}",
    ]  # fmt: skip


def ask(server: RunningServer, text: str, extra: str = "") -> SocketAnswer:
    request = quote(json.dumps({"ksql": text}))
    return listen(server.url, f"/ws/query?request={request}{extra}", quiet_seconds=5)


def test_a_socket_gives_the_columns_the_rows_and_the_end(
    server: RunningServer, engine: FakeEngine
) -> None:
    rows = batch((1, "a"), (2, None), tombstones=[False, True])
    engine.queries["Q;"] = lambda: push(ListedRows([rows]))
    answer = ask(server, "Q;", "&version=1")
    columns, *texts, end = answer.frames
    assert [column["name"] for column in json.loads(str(columns["text"]))] == ["ID", "NAME"]
    assert texts == [{"text": '{"row":{"columns":[1,"a"]}}'}, {"text": '{"error":"done"}'}]
    assert end == {"close": 1000, "reason": "done"}


def test_a_socket_prints(server: RunningServer, engine: FakeEngine) -> None:
    engine.queries["P;"] = lambda: printing("rowtime: N/A, key: 1")
    assert ask(server, "P;").frames[0] == {"text": '"rowtime: N/A, key: 1"'}


def test_a_socket_tells_what_is_wrong(server: RunningServer, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows([], error=RuntimeError("secret")))
    assert ask(server, "NOPE;").frames[-1]["close"] == 1003
    assert ask(server, "").frames[-1]["close"] == 1003
    assert ask(server, "Q;", "&version=2").frames[-1]["close"] == 1003
    failed = ask(server, "Q;").frames
    assert failed[-1]["close"] == 1011
    assert "secret" not in str(failed)
    assert listen(server.url, "/ws/nowhere", quiet_seconds=5).status == 404


def test_a_socket_that_closes_ends_its_query(server: RunningServer, engine: FakeEngine) -> None:
    rows = ListedRows([batch((1, "a"))], live=True)
    engine.queries["Q;"] = lambda: push(rows)
    request = quote(json.dumps({"ksql": "Q;"}))
    answer = listen(server.url, f"/ws/query?request={request}", quiet_seconds=0.5)
    assert len(answer.frames) == 2
    assert rows.closed.wait(5)
