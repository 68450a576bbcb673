"""The server over the real engine: data dir, restart, growing queries, metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from merganser.server.client import Client, FinalMessage, Header, Row, ServerError
from merganser.server.config import ServerConfig
from merganser.server.run import start_in_background

EARLIEST = {"auto.offset.reset": "earliest"}
CREATE = (
    "CREATE STREAM ORDERS (ID INT KEY, ITEM VARCHAR, PRICE DOUBLE) "
    "WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);"
)
TOTALS = (
    "CREATE TABLE TOTALS AS SELECT ITEM, SUM(PRICE) AS S FROM ORDERS GROUP BY ITEM EMIT CHANGES;"
)


@pytest.fixture
def client() -> Iterator[Client]:
    with start_in_background(ServerConfig(port=0)) as server, Client(server.url) as client:
        yield client


def insert(client: Client, number: int, item: str, price: float) -> None:
    client.execute(f"INSERT INTO ORDERS (ID, ITEM, PRICE) VALUES ({number}, '{item}', {price});")


def rows(client: Client, text: str) -> list[tuple[object, ...]]:
    found = client.stream(text, properties=EARLIEST)
    return [event.values for event in found if isinstance(event, Row)]


def wait_for(client: Client, text: str, expected: list[tuple[object, ...]]) -> None:
    """Asks until the answer is the expected one, ten seconds at most."""
    pause = threading.Event()
    found = None
    for _ in range(100):
        try:
            found = rows(client, text)
        except ServerError as error:
            if error.code // 100 != HTTPStatus.SERVICE_UNAVAILABLE:  # A query that is starting.
                raise
        if found == expected:
            return
        pause.wait(0.1)
    assert found == expected


def test_rows_reach_an_open_query_as_they_come(client: Client) -> None:
    client.execute(CREATE)
    with Client(client.url) as other:
        events = other.stream("SELECT ID, ITEM FROM ORDERS EMIT CHANGES;", properties=EARLIEST)
        header = next(events)
        assert isinstance(header, Header)
        assert header.query_id.startswith("transient_ORDERS_")
        insert(client, 1, "tea", 2.5)
        assert next(events) == Row((1, "tea"))
        insert(client, 2, "milk", 1.0)
        assert next(events) == Row((2, "milk"))
        assert header.query_id in str(client.execute("SHOW QUERIES;"))
        client.close_query(header.query_id)
        assert list(events) == [FinalMessage("Query Completed")]
    assert client.execute("SHOW QUERIES;")[0]["queries"] == []


def test_a_table_can_be_asked_while_it_grows(client: Client) -> None:
    client.execute(CREATE)
    client.execute(TOTALS, properties=EARLIEST)
    insert(client, 1, "tea", 2.5)
    insert(client, 2, "tea", 1.0)
    wait_for(client, "SELECT * FROM TOTALS WHERE ITEM = 'tea';", [("tea", 3.5)])
    insert(client, 3, "tea", 0.25)
    wait_for(client, "SELECT S FROM TOTALS WHERE ITEM = 'tea';", [(3.75,)])
    metrics = httpx.get(f"{client.url}/metrics").text
    (read,) = [
        line
        for line in metrics.splitlines()
        if line.startswith('merganser_query_records_in_total{query_id="CTAS_TOTALS_')
    ]
    assert float(read.rsplit(" ", 1)[1]) == 3


def test_statements_of_a_failed_request_change_nothing(client: Client) -> None:
    with pytest.raises(ServerError) as caught:
        client.execute(CREATE + " CREATE STREAM COPY AS SELECT NOPE FROM ORDERS;")
    assert caught.value.code == 40001
    assert "NOPE" in caught.value.message
    assert client.execute("SHOW STREAMS;")[0]["streams"] == []


def test_a_restarted_server_has_everything_back(tmp_path: Path) -> None:
    config = ServerConfig(port=0, data_dir=tmp_path)
    with start_in_background(config) as server, Client(server.url) as client:
        client.execute(CREATE)
        client.execute(TOTALS, properties=EARLIEST)
        insert(client, 1, "tea", 2.5)
        wait_for(client, "SELECT * FROM TOTALS;", [("tea", 2.5)])
    with start_in_background(config) as server, Client(server.url) as client:
        names = [stream["name"] for stream in client.execute("SHOW STREAMS;")[0]["streams"]]
        assert names == ["ORDERS"]
        wait_for(client, "SELECT * FROM TOTALS;", [("tea", 2.5)])
        insert(client, 2, "tea", 1.0)
        wait_for(client, "SELECT * FROM TOTALS;", [("tea", 3.5)])
