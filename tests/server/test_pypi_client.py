"""The client `ksqldb` of PyPI against a whole server: an unchanged client gets what it needs.

Its query calls speak HTTP/2 with prior knowledge, the others HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from merganser.server.config import ServerConfig
from merganser.server.run import start_in_background

ksqldb = pytest.importorskip("ksqldb")

CREATE = (
    "CREATE STREAM ORDERS (ID INT KEY, ITEM VARCHAR) "
    "WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);"
)
pytestmark = [
    # The client leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EARLIEST = {"auto.offset.reset": "earliest"}


@pytest.fixture
def client() -> Iterator[Any]:
    with start_in_background(ServerConfig(port=0)) as server:
        client = ksqldb.KSQLdbClient(server.url)
        client.ksql(CREATE)
        yield client
        gc.collect()


def test_statements_and_properties(client: Any) -> None:
    (answer,) = client.ksql("SHOW STREAMS;")
    assert [stream["name"] for stream in answer["streams"]] == ["ORDERS"]
    assert any(p["name"] == "ksql.service.id" for p in client.get_properties())


def test_rows_of_a_push_query_come_as_they_are_written(client: Any) -> None:
    async def read() -> list[Any]:
        found: list[Any] = []
        query = "SELECT ID, ITEM FROM ORDERS EMIT CHANGES;"
        async for row in client.query_async(query, stream_properties=EARLIEST, timeout=10):
            found.append(row)
            if len(found) < 3:
                await asyncio.to_thread(
                    client.ksql, f"INSERT INTO ORDERS (ID, ITEM) VALUES ({len(found)}, 'tea');"
                )
            else:
                await asyncio.to_thread(client.close_query, found[0]["queryId"])
        return found

    header, *rows = asyncio.run(read())
    assert header["columnNames"] == ["ID", "ITEM"]
    assert rows == [[1, "tea"], [2, "tea"]]


def test_rows_that_are_there(client: Any) -> None:
    client.ksql("INSERT INTO ORDERS (ID, ITEM) VALUES (1, 'tea');")
    header, *rows = client.query_sync("SELECT ITEM FROM ORDERS;", stream_properties=EARLIEST)
    assert header["columnTypes"] == ["STRING"]
    assert rows == [["tea"]]


def test_closing_what_does_not_run(client: Any) -> None:
    assert client.close_query("transient_NONE_1") is False


def test_inserts(client: Any) -> None:
    rows = [{"ID": 1, "ITEM": "tea"}, {"ID": 2, "ITEM": "milk"}]
    acks = client.inserts_stream("ORDERS", rows)
    assert [(ack["seq"], ack["status"]) for ack in acks] == [(0, "ok"), (1, "ok")]
    _, *found = client.query_sync("SELECT ID, ITEM FROM ORDERS;", stream_properties=EARLIEST)
    assert found == [[1, "tea"], [2, "milk"]]
