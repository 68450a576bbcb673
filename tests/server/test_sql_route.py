"""`POST /sql`, and pull queries in SQL at ksqlDB's endpoints."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import httpx
import pyarrow as pa
import pytest

from merganser.server.config import ServerConfig
from merganser.server.run import start_in_background

SETUP = """
CREATE STREAM S (ID STRING KEY, N INT, P STRUCT<X INT, `y` ARRAY<STRUCT<`z` INT>>>)
  WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');
CREATE TABLE T AS SELECT ID, LATEST_BY_OFFSET(N) AS N, LATEST_BY_OFFSET(P) AS P FROM S GROUP BY ID;
INSERT INTO S (ID, N, P) VALUES ('a', 1, STRUCT(X := 1, `y` := ARRAY[STRUCT(`z` := 5)]));
INSERT INTO S (ID, N) VALUES ('b,"', 2);
"""
ARROW = "application/vnd.apache.arrow.stream"
JOIN = "SELECT a.id, b.n FROM t a JOIN t b USING (id) ORDER BY 1"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    config = ServerConfig(port=0, properties={"ksql.streams.auto.offset.reset": "earliest"})
    with (
        start_in_background(config) as server,
        httpx.Client(base_url=server.url, timeout=20) as client,
    ):
        assert client.post("/ksql", json={"ksql": SETUP}).status_code == 200
        pause = threading.Event()
        for _ in range(100):
            answer = client.post("/sql", json={"sql": "SELECT count(*) FROM t"})
            if answer.text.endswith("[2]\n"):
                break
            pause.wait(0.1)
        assert answer.text.endswith("[2]\n")
        yield client


def ask(http: httpx.Client, text: str, accept: str = "*/*", **members: object) -> httpx.Response:
    return http.post("/sql", json={"sql": text, **members}, headers={"accept": accept})


def arrow(answer: httpx.Response) -> pa.Table:
    assert answer.headers["content-type"] == ARROW
    return pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()


def test_forms_of_answers(http: httpx.Client) -> None:
    rows = [["a", 1], ['b,"', 2]]
    lines = ask(http, JOIN).text.splitlines()
    assert '"columnTypes":["STRING","INTEGER"]' in lines[0]
    assert lines[1:] == ['["a",1]', '["b,\\"",2]']
    assert ask(http, JOIN, "application/json").json()[1:] == rows
    objects = ask(http, JOIN, "application/vnd.ksql.v1+json").json()
    assert [each["row"]["columns"] for each in objects[1:]] == rows
    answer = ask(http, JOIN, "text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text == 'ID,N\na,1\n"b,""",2\n'
    assert arrow(ask(http, JOIN, ARROW)).to_pylist() == [
        {"ID": "a", "N": 1},
        {"ID": 'b,"', "N": 2},
    ]


def test_no_rows_have_columns_all_the_same(http: httpx.Client) -> None:
    text = JOIN.replace("ORDER", "WHERE FALSE ORDER")
    assert ask(http, text, "text/csv").text == "ID,N\n"
    table = arrow(ask(http, text, ARROW))
    assert table.schema == pa.schema([("ID", pa.string()), ("N", pa.int32())])
    assert table.num_rows == 0


def test_nested_values_keep_the_names_of_their_fields(http: httpx.Client) -> None:
    expected = [{"P": {"X": 1, "y": [{"z": 5}]}}, {"P": None}]
    for text in ("SELECT P FROM T;", "SELECT p FROM t ORDER BY id"):
        assert arrow(ask(http, text, ARROW)).to_pylist() == expected
    assert ask(http, "SELECT p FROM t WHERE n = 1 ORDER BY 1", "text/csv").text == (
        'P\n"{""X"":1,""y"":[{""z"":5}]}"\n'
    )


def test_null_and_empty_text_differ_in_csv(http: httpx.Client) -> None:
    answer = ask(http, "SELECT NULL::VARCHAR AS a, '' AS b, DATE '2020-02-29' AS c", "text/csv")
    assert answer.text == 'a,b,c\n,"",2020-02-29\n'


def test_parameters(http: httpx.Client) -> None:
    text = "SELECT n FROM t WHERE id = $id"
    assert ask(http, text, parameters={"id": 'b,"'}).text.splitlines()[1:] == ["[2]"]
    answer = http.post(
        "/query-stream", json={"sql": "SELECT n FROM t WHERE id = ?", "parameters": ["a"]}
    )
    assert answer.text.splitlines()[1:] == ["[1]"]


@pytest.mark.parametrize("path", ["/query", "/query-stream"])
def test_ksqldbs_endpoints_take_it_where_they_are_told_to(http: httpx.Client, path: str) -> None:
    on = {"merganser.pull.sql.enabled": True}
    member, properties = (
        ("ksql", "streamsProperties") if path == "/query" else ("sql", "properties")
    )
    body: dict[str, object] = {member: JOIN + ";"}
    assert http.post(path, json=body).status_code == 400
    assert http.post(path, json={**body, properties: on}).status_code == 200
    csv = {"accept": "text/csv"}
    assert http.post(path, json={**body, properties: on}, headers=csv).text.startswith("ID,N\n")


def test_push_queries_have_every_form_at_sql_only(http: httpx.Client) -> None:
    text = "SELECT ID, N FROM S EMIT CHANGES LIMIT 2;"
    assert ask(http, text, "text/csv").text == 'ID,N\na,1\n"b,""",2\n'
    assert arrow(ask(http, text, ARROW)).num_rows == 2
    refused = http.post("/query-stream", json={"sql": text}, headers={"accept": "text/csv"})
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT 1 FROM nope ORDER BY 1", 40001),
        ("SELECT * FROM read_text('/etc/passwd')", 40001),
        ("SELECT * FROM range(2000000)", 40000),
        ("DROP TABLE T;", 40002),
        ("PRINT s;", 40000),
        ("", 40001),
    ],
)
def test_refusals(http: httpx.Client, text: str, code: int) -> None:
    answer = ask(http, text)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == code
