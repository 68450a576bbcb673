"""`POST /query` and `POST /query-stream`: forms, chunks, ends, errors."""

from __future__ import annotations

import json

import pytest

from merganser.engine.answer import QueryResult
from merganser.errors import LogError
from tests.server.fake_engine import FakeEngine, ListedRows, batch, printing, pull, push
from tests.server.raw_http import RawAnswer, RawConnection

DELIMITED = "application/vnd.ksqlapi.delimited.v1"
V1 = "application/vnd.ksql.v1+json"
META = b'{"queryId":"transient_S_1","columnNames":["ID","NAME"],"columnTypes":["BIGINT","STRING"]}'
PULL_META = META.replace(b"transient_S_1", b"query_1")
HEAD = b'[{"header":{"queryId":"transient_S_1","schema":"`ID` BIGINT, `NAME` STRING"}}'
PULL_HEAD = b'[{"header":{"queryId":"query_1","schema":"`ID` BIGINT KEY, `NAME` STRING"}}'

Endpoint = tuple[str, str]
QUERY: Endpoint = ("/query", "ksql")
STREAM: Endpoint = ("/query-stream", "sql")
both_endpoints = pytest.mark.parametrize("endpoint", [QUERY, STREAM])


def ask(raw: RawConnection, endpoint: Endpoint, accept: str | None, **members: object) -> RawAnswer:
    path, name = endpoint
    body = json.dumps({name: "Q;", **members}).encode()
    return raw.ask("POST", path, body, {"Accept": accept} if accept else {})


def two_rows(limit: int | None = None) -> QueryResult:
    return push(ListedRows([batch((1, "a"), (2, None))]), limit=limit)


@both_endpoints
def test_delimited_is_a_line_a_row_and_a_chunk(
    raw: RawConnection, engine: FakeEngine, endpoint: Endpoint
) -> None:
    engine.queries["Q;"] = two_rows
    answer = ask(raw, endpoint, DELIMITED)
    assert answer.status == 200
    assert answer.headers == {"transfer-encoding": "chunked", "content-type": DELIMITED}
    assert answer.chunks == [META + b"\n", b'[1,"a"]\n', b"[2,null]\n"]


@pytest.mark.parametrize("accept", [None, "*/*", "application/*"])
def test_delimited_is_what_the_stream_endpoint_gives(
    raw: RawConnection, engine: FakeEngine, accept: str | None
) -> None:
    engine.queries["Q;"] = two_rows
    assert ask(raw, STREAM, accept).headers["content-type"] == DELIMITED


def test_the_stream_endpoint_gives_one_array_as_json(
    raw: RawConnection, engine: FakeEngine
) -> None:
    engine.queries["Q;"] = two_rows
    answer = ask(raw, STREAM, "application/json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.chunks == [b"[" + META, b',[1,"a"]', b",[2,null]", b"]"]


@pytest.mark.parametrize(
    ("endpoint", "accept"),
    [(STREAM, V1), (QUERY, V1), (QUERY, None), (QUERY, "application/json")],
)
@pytest.mark.parametrize(("limit", "end"), [(2, "Limit Reached"), (None, "Query Completed")])
def test_streamed_rows_end_with_a_message(
    raw: RawConnection,
    engine: FakeEngine,
    endpoint: Endpoint,
    accept: str | None,
    limit: int | None,
    end: str,
) -> None:
    engine.queries["Q;"] = lambda: two_rows(limit)
    answer = ask(raw, endpoint, accept)
    assert answer.headers == {"transfer-encoding": "chunked", "content-type": V1}
    assert answer.chunks == [
        HEAD + b",\n",
        b'{"row":{"columns":[1,"a"]}},\n',
        b'{"row":{"columns":[2,null]}},\n',
        b'{"finalMessage":"%s"}' % end.encode(),
        b"]",
    ]


def test_any_type_means_delimited_on_query_too(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = two_rows
    assert ask(raw, QUERY, "*/*").headers["content-type"] == DELIMITED


def test_quality_decides(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = two_rows
    accept = f"{DELIMITED};q=0.5, {V1};q=0.9"
    assert ask(raw, QUERY, accept).headers["content-type"] == V1


def test_limit_0_is_reached_at_once(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: push(ListedRows([]), limit=0)
    assert ask(raw, QUERY, None).body == HEAD + b',\n{"finalMessage":"Limit Reached"}]'


@both_endpoints
def test_unacceptable_types_are_not_found(
    raw: RawConnection, engine: FakeEngine, endpoint: Endpoint
) -> None:
    engine.queries["Q;"] = two_rows
    answer = ask(raw, endpoint, "text/html")
    assert (answer.status, answer.body) == (404, b"Not Found")
    assert engine.seen == []


@both_endpoints
def test_push_queries_are_no_tables(
    raw: RawConnection, engine: FakeEngine, endpoint: Endpoint
) -> None:
    rows = ListedRows([])
    engine.queries["Q;"] = lambda: push(rows)
    answer = ask(raw, endpoint, "text/csv")
    assert (answer.status, answer.body) == (404, b"Not Found")
    assert rows.closed.is_set()


@both_endpoints
def test_pull_queries_are_tables_if_asked_for(
    raw: RawConnection, engine: FakeEngine, endpoint: Endpoint
) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows([batch((1, "a"))]))
    answer = ask(raw, endpoint, "text/csv")
    assert (answer.status, answer.body.splitlines()[1:]) == (200, [b"1,a"])


def test_pull_queries_mark_keys_and_come_in_one_piece(
    raw: RawConnection, engine: FakeEngine
) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows([batch((1, "a")), batch((2, "b"))]))
    answer = ask(raw, QUERY, None)
    assert answer.chunks == [
        PULL_HEAD + b',\n{"row":{"columns":[1,"a"]}},\n{"row":{"columns":[2,"b"]}}]'
    ]
    assert ask(raw, STREAM, None).chunks == [PULL_META + b"\n", b'[1,"a"]\n', b'[2,"b"]\n']


def test_pull_queries_without_rows_close_the_array(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows([]))
    assert ask(raw, STREAM, V1).chunks == [PULL_HEAD + b"]"]
    assert ask(raw, STREAM, "application/json").chunks == [b"[" + PULL_META, b"]"]


def test_long_pull_answers_are_cut_into_pieces(raw: RawConnection, engine: FakeEngine) -> None:
    rows = [batch(*((i, "x" * 100) for i in range(40))) for _ in range(5)]
    engine.queries["Q;"] = lambda: pull(ListedRows(rows))
    answer = ask(raw, STREAM, V1)
    assert len(json.loads(answer.body)) == 201
    assert len(answer.chunks) > 2
    assert all(len(chunk) < 20_000 for chunk in answer.chunks)


def test_many_rows_share_chunks(raw: RawConnection, engine: FakeEngine) -> None:
    rows = batch(*((i, "x") for i in range(2000)))
    engine.queries["Q;"] = lambda: push(ListedRows([rows]))
    answer = ask(raw, STREAM, None)
    lines = answer.body.splitlines()
    assert [json.loads(line)[0] for line in lines[1:]] == list(range(2000))
    assert len(answer.chunks) < 20
    for accept in ("application/json", V1):
        assert len(json.loads(ask(raw, STREAM, accept).body)) >= 2001


def test_tombstones_show_where_they_can(raw: RawConnection, engine: FakeEngine) -> None:
    rows = batch((1, "a"), (1, None), tombstones=[False, True])
    engine.queries["Q;"] = lambda: push(ListedRows([rows]), limit=2)
    assert ask(raw, STREAM, V1).chunks[1:] == [
        b'{"row":{"columns":[1,"a"]}},\n',
        b'{"row":{"columns":[1,null],"tombstone":true}},\n',
        b'{"finalMessage":"Limit Reached"}',
        b"]",
    ]
    assert ask(raw, STREAM, DELIMITED).chunks == [META + b"\n", b'[1,"a"]\n']
    assert ask(raw, STREAM, "application/json").chunks[1:] == [b',[1,"a"]', b"]"]


def test_the_debug_flag_names_the_host_of_pulled_rows(
    raw: RawConnection, engine: FakeEngine
) -> None:
    engine.queries["Q;"] = lambda: pull(ListedRows([batch((1, "a"))]))
    flags = {"request.ksql.debug.request": True}
    answer = ask(raw, STREAM, V1, requestProperties=flags)
    (_, row) = json.loads(answer.body)
    assert row == {"row": {"columns": [1, "a"]}, "sourceHost": raw.host}
    engine.queries["Q;"] = two_rows
    assert b"sourceHost" not in ask(raw, STREAM, V1, requestProperties=flags).body


@pytest.mark.parametrize(
    ("accept", "end"),
    [
        (DELIMITED, [b'{"@type":"generic_error","error_code":50000,"message":"gone"}\n']),
        (
            "application/json",
            [b',{"@type":"generic_error","error_code":50000,"message":"gone"}', b"]"],
        ),
        (
            V1,
            [
                b'{"errorMessage":{"@type":"generic_error","error_code":50000,"message":"gone"}},\n',
                b"]",
            ],
        ),
    ],
)
def test_failures_after_the_start_are_told_in_band(
    raw: RawConnection, engine: FakeEngine, accept: str, end: list[bytes]
) -> None:
    error = LogError("gone", retryable=False)
    engine.queries["Q;"] = lambda: push(ListedRows([batch((1, "a"))], error=error))
    answer = ask(raw, STREAM, accept)
    assert answer.status == 200
    assert answer.chunks[2:] == end


def test_a_failing_pull_query_still_gives_an_array(raw: RawConnection, engine: FakeEngine) -> None:
    error = LogError("gone", retryable=False)
    engine.queries["Q;"] = lambda: pull(ListedRows([batch((1, "a"))], error=error))
    elements = json.loads(ask(raw, STREAM, V1).body)
    assert elements[-1]["errorMessage"]["message"] == "gone"


def test_bugs_are_told_without_their_insides(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: push(ListedRows([], error=KeyError("secret")))
    answer = ask(raw, STREAM, None)
    assert json.loads(answer.chunks[1])["error_code"] == 50000
    assert b"secret" not in answer.body


def test_refused_queries_look_different_at_both_endpoints(raw: RawConnection) -> None:
    error = (
        b'{"@type":"statement_error","error_code":40001,"message":"nothing of that name exists",'
        b'"statementText":"Q;","entities":[]}'
    )
    stream = ask(raw, STREAM, None)
    assert (stream.status, stream.chunks) == (400, [error])
    assert stream.headers == {"transfer-encoding": "chunked"}
    classic = ask(raw, QUERY, None)
    assert (classic.status, classic.body) == (400, error)
    assert set(classic.headers) == {"content-type", "content-length"}


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b'{"ksql": "Q;"}'])
def test_stream_bodies_that_cannot_be_read(raw: RawConnection, body: bytes) -> None:
    answer = raw.ask("POST", "/query-stream", body)
    assert answer.status == 400
    assert answer.headers == {"transfer-encoding": "chunked"}
    assert json.loads(answer.body)["error_code"] == 40000


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x", {"content-length"}),
        (b"", {"content-length"}),
        (b"{}", {"content-type", "content-length"}),
        (b'{"sql": "Q;"}', {"content-type", "content-length"}),
        (b'{"ksql": " "}', {"content-type", "content-length"}),
    ],
)
def test_query_bodies_that_cannot_be_read(
    raw: RawConnection, body: bytes, headers: set[str]
) -> None:
    answer = raw.ask("POST", "/query", body)
    assert (answer.status, set(answer.headers)) == (400, headers)
    assert json.loads(answer.body)["error_code"] == 40000


@both_endpoints
def test_http_1_0_cannot_stream(raw: RawConnection, engine: FakeEngine, endpoint: Endpoint) -> None:
    engine.queries["Q;"] = two_rows
    path, name = endpoint
    answer = raw.ask("POST", path, json.dumps({name: "Q;"}).encode(), version="1.0")
    assert answer.status == 400
    assert json.loads(answer.body)["error_code"] == 40000
    assert engine.seen == []


def test_properties_and_variables_reach_the_engine(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = two_rows
    ask(
        raw,
        STREAM,
        None,
        properties={"p": 1},
        sessionVariables={"v": 2},
        streamsProperties={"q": 1},
    )
    ask(raw, QUERY, None, streamsProperties={"p": 1}, sessionVariables={"v": 2})
    assert engine.seen == [
        {"text": "Q;", "properties": {"p": 1}, "variables": {"v": "2"}},
        {"text": "Q;", "properties": {"p": 1}, "variables": {}},
    ]


def test_query_waits_for_the_command_it_names(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = two_rows
    assert ask(raw, QUERY, None, commandSequenceNumber=5).status == 200
    late = ask(raw, QUERY, None, commandSequenceNumber=500)
    assert late.status == 503
    assert json.loads(late.body)["error_code"] == 50301


def test_print_streams_lines(raw: RawConnection, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: printing("row 1", "", "row 2")
    stream = ask(raw, STREAM, None)
    assert stream.headers == {"transfer-encoding": "chunked"}
    assert stream.chunks == [b"row 1\n", b"row 2\n"]
    classic = ask(raw, QUERY, V1)
    assert classic.headers["content-type"] == "application/json"
    assert classic.chunks == [
        b"Key format: ",
        b"JSON or KAFKA_STRING\n",
        b"row 1\n",
        b"\n",
        b"row 2\n",
    ]


@pytest.mark.parametrize("accept", ["application/json", V1])
def test_print_has_no_json_form_on_the_stream_endpoint(
    raw: RawConnection, engine: FakeEngine, accept: str
) -> None:
    engine.queries["Q;"] = lambda: printing("row 1")
    answer = ask(raw, STREAM, accept)
    assert (answer.status, answer.reason, answer.chunks) == (406, "Not Acceptable", [])


def test_one_connection_serves_request_after_request(
    raw: RawConnection, engine: FakeEngine
) -> None:
    engine.queries["Q;"] = two_rows
    for accept in (None, V1, DELIMITED):
        assert ask(raw, STREAM, accept).complete
    assert raw.ask("GET", "/info").status == 200
