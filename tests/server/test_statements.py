"""`POST /ksql`: entities, errors, odd bodies."""

from __future__ import annotations

import json

import httpx
import pytest

from merganser.errors import (
    AssertionFailedError,
    CommandTimeoutError,
    InternalError,
    RequestError,
    Span,
    SqlSyntaxError,
    WrongEndpointError,
)
from merganser.server.limits import Limits
from merganser.server.run import RunningServer
from tests.server.fake_engine import FakeEngine, Said
from tests.server.raw_http import RawConnection


def test_entities_are_answered_in_order(http: httpx.Client, engine: FakeEngine) -> None:
    engine.answers["A; B;"] = [
        Said(word="one", statement_text="A;"),
        Said(word="two", statement_text="B;", warnings=("mind the gap",)),
    ]
    answer = http.post("/ksql", json={"ksql": "A; B;"})
    assert answer.text == (
        '[{"@type":"said","statementText":"A;","word":"one","warnings":[]},'
        '{"@type":"said","statementText":"B;","word":"two",'
        '"warnings":[{"message":"mind the gap"}]}]'
    )


def test_all_of_a_request_reaches_the_engine(http: httpx.Client, engine: FakeEngine) -> None:
    engine.answers["A;"] = []
    http.post(
        "/ksql",
        json={
            "ksql": "A;",
            "streamsProperties": {"auto.offset.reset": "earliest", "n": 5},
            "sessionVariables": {"t": "S", "n": 5, "b": True},
            "commandSequenceNumber": 7,
            "unknown": [],
        },
    )
    assert engine.seen == [
        {
            "text": "A;",
            "properties": {"auto.offset.reset": "earliest", "n": 5},
            "variables": {"t": "S", "n": "5", "b": "true"},
            "after": 7,
        }
    ]


def test_tables_are_given_to_those_who_ask(http: httpx.Client, engine: FakeEngine) -> None:
    engine.answers["A;"] = [Said(word="hi")]
    body = {"ksql": "A;", "requestProperties": {"merganser.tables": True}}
    (entity,) = http.post("/ksql", json=body).json()
    assert entity["$tables"] == [
        {"title": "", "headers": ["Word"], "rows": [["hi"]], "footer": "that is all"}
    ]
    assert "$tables" not in http.post("/ksql", json={"ksql": "A;"}).json()[0]


def test_a_failed_statement_tells_what_ran_before(http: httpx.Client, engine: FakeEngine) -> None:
    engine.answers["A; B;"] = SqlSyntaxError(
        "found B", detail="A statement was expected.", hint="Try C.", span=Span(1, 4)
    )
    answer = http.post("/ksql", json={"ksql": "A; B;"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == (
        '{"@type":"statement_error","error_code":40001,'
        '"message":"line 1:4: found B\\nA statement was expected.\\nHint: Try C.",'
        '"statementText":"A; B;",'
        '"entities":[{"@type":"said","statementText":"FIRST;","word":"before","warnings":[]}]}'
    )


@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (WrongEndpointError("no"), 400, 40002, "statement_error"),
        (RequestError("no"), 400, 40000, "generic_error"),
        (AssertionFailedError("no"), 417, 41700, "generic_error"),
        (CommandTimeoutError("no"), 503, 50301, "generic_error"),
        (InternalError("no"), 500, 50000, "statement_error"),
    ],
)
def test_codes_choose_status_and_shape(
    http: httpx.Client, engine: FakeEngine, error: RequestError, status: int, code: int, kind: str
) -> None:
    engine.answers["A;"] = error
    answer = http.post("/ksql", json={"ksql": "A;"})
    assert answer.status_code == status
    assert answer.json()["error_code"] == code
    assert answer.json()["@type"] == kind
    assert ("statementText" in answer.json()) == (kind == "statement_error")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"SHOW TYPES;",
        b"[]",
        b'"x"',
        b'{"ksql": "A;"',
        b'{"ksql": []}',
        b'{"ksql": "A;", "commandSequenceNumber": "x"}',
        b'{"ksql": "A;", "streamsProperties": 5}',
        b"\xff\xfe",
        b'{"ksql": ' + b"[" * 100_000,
    ],
)
def test_bodies_that_cannot_be_read_are_bad_requests(raw: RawConnection, body: bytes) -> None:
    answer = raw.ask("POST", "/ksql", body)
    assert answer.status == 400
    assert set(answer.headers) == {"content-length"}
    error = json.loads(answer.body)
    assert list(error) == ["@type", "error_code", "message"]
    assert (error["@type"], error["error_code"]) == ("generic_error", 40000)


def test_bodies_have_a_limit(
    server: RunningServer, raw: RawConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = server._server.services
    monkeypatch.setattr(services, "limits", Limits(body_max_bytes=100))
    answer = raw.ask("POST", "/ksql", b'{"ksql": "' + b" " * 200 + b'"}')
    assert answer.status == 413
    assert b"longer than 100 bytes" in answer.body


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", ""),
        (b'{"ksql": null}', ""),
        (b'{"ksql": 5}', "5"),
        (b'{"ksql": "A;", "streamsProperties": null}', "A;"),
    ],
)
def test_bodies_that_can_be_read_with_good_will(
    http: httpx.Client, engine: FakeEngine, body: bytes, text: str
) -> None:
    engine.answers[text] = []
    answer = http.post("/ksql", content=body)
    assert (answer.status_code, answer.text) == (200, "[]")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml", "nonsense"])
def test_any_content_type_is_taken(
    raw: RawConnection, engine: FakeEngine, content_type: str | None
) -> None:
    engine.answers["A;"] = []
    headers = {"Content-Type": content_type} if content_type else {}
    assert raw.ask("POST", "/ksql", b'{"ksql":"A;"}', headers).body == b"[]"


def test_chunked_requests_are_read(http: httpx.Client, engine: FakeEngine) -> None:
    engine.answers["A;"] = []
    answer = http.post("/ksql", content=iter([b'{"ksql":', b'"A;"}']))
    assert answer.text == "[]"
