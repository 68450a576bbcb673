"""`POST /ksql/terminate`: the end of a service, its topics, and the server's own end."""

from __future__ import annotations

import threading
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from merganser.engine.engine import Engine
from merganser.server import run
from merganser.server.config import ServerConfig
from merganser.server.run import start_in_background

STATEMENTS = """
CREATE STREAM ORDERS (ID INT KEY, N INT)
  WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE TOTALS AS SELECT ID, SUM(N) AS S FROM ORDERS GROUP BY ID EMIT CHANGES;
CREATE STREAM BIG AS SELECT * FROM ORDERS WHERE N > 10 EMIT CHANGES;
"""


def test_the_service_ends_and_leaves_only_what_was_not_named(tmp_path: Path) -> None:
    config = ServerConfig(port=0, data_dir=tmp_path)
    with start_in_background(config) as server, httpx.Client(base_url=server.url) as http:
        assert http.post("/ksql", json={"ksql": STATEMENTS}).is_success
        engine = server.engine
        assert isinstance(engine, Engine)
        answer = http.post("/ksql/terminate", json={"deleteTopicList": ["TOT.*", "orders"]})
        (entity,) = answer.json()
        assert entity["@type"] == "currentStatus"
        assert entity["commandId"] == "terminate/CLUSTER/execute"
        assert entity["commandStatus"]["status"] == "QUEUED"
        for path in ("/info", "/status"):
            refused = http.get(path)
            assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert refused.json()["error_code"] == 50303
        assert http.get("/chc/live").is_success
        pause = threading.Event()
        for _ in range(200):
            if engine.log.topic("_confluent-ksql-default__command_topic") is None:
                break
            pause.wait(0.05)
        # A topic that users made stays, though it was named.
        assert {t.name for t in engine.log.topics() if t.name[0] != "_"} >= {"orders", "BIG"}
        assert engine.log.topic("TOTALS") is None
        assert engine.tasks() == []
    with start_in_background(config) as server, httpx.Client(base_url=server.url) as http:
        shown = http.post("/ksql", json={"ksql": "SHOW STREAMS; SHOW QUERIES;"}).json()
        assert (shown[0]["streams"], shown[1]["queries"]) == ([], [])


def test_the_server_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "TERMINATED_SECONDS", 0.1)
    server = start_in_background(ServerConfig(port=0))
    assert httpx.post(f"{server.url}/ksql/terminate", json={}).is_success
    server.wait(timeout_seconds=20)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/info")


@pytest.mark.parametrize("body", ['{"deleteTopicList": ["["]}', '{"deleteTopicList": 1}', "x"])
def test_a_request_that_is_wrong_ends_nothing(body: str) -> None:
    with start_in_background(ServerConfig(port=0)) as server:
        answer = httpx.post(f"{server.url}/ksql/terminate", content=body)
        assert answer.json()["error_code"] == 40000
        assert httpx.get(f"{server.url}/info").is_success
