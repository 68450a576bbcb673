"""The client against the server."""

from __future__ import annotations

import threading
from decimal import Decimal

import pyarrow as pa
import pytest

from merganser.engine import types
from merganser.engine.answer import QueryResult, RowBatch
from merganser.engine.schema import Column, Role
from merganser.engine.types import DecimalType, MapType, StructField, StructType
from merganser.errors import LogError, SqlSyntaxError
from merganser.server.client import (
    Client,
    FinalMessage,
    Header,
    Row,
    ServerError,
    UnreachableError,
    split_columns,
)
from tests.server.fake_engine import FakeEngine, ListedRows, Said, batch, printing, pull, push


def test_information(client: Client, engine: FakeEngine) -> None:
    assert client.info()["ksqlServiceId"] == "test_"
    assert client.healthcheck()["isHealthy"] is True
    assert client.is_valid_property("auto.offset.reset")
    with pytest.raises(ServerError, match=r"ksql\.service\.id"):
        client.is_valid_property("ksql.service.id")
    assert engine.seen == []


def test_statements_with_all_that_goes_along(client: Client, engine: FakeEngine) -> None:
    engine.answers["A;"] = [Said(word="hi", statement_text="A;")]
    (entity,) = client.execute(
        "A;", properties={"p": 1}, variables={"v": "x"}, after_sequence=3, with_tables=True
    )
    assert entity["@type"] == "said"
    assert entity["$tables"][0]["rows"] == [["hi"]]
    assert engine.seen == [
        {"text": "A;", "properties": {"p": 1}, "variables": {"v": "x"}, "after": 3}
    ]


def test_a_failed_statement_is_an_error_with_its_parts(client: Client, engine: FakeEngine) -> None:
    engine.answers["A; B;"] = SqlSyntaxError("found B", hint="Try C.")
    with pytest.raises(ServerError) as caught:
        client.execute("A; B;")
    assert caught.value.code == 40001
    assert caught.value.message == "found B\nHint: Try C."
    assert caught.value.statement_text == "A; B;"
    assert [entity["word"] for entity in caught.value.entities] == ["before"]


def test_rows_of_a_push_query(client: Client, engine: FakeEngine) -> None:
    rows = batch((1, "a\u2028b"), (2, None), tombstones=[False, True])
    engine.queries["Q;"] = lambda: push(ListedRows([rows]), limit=2)
    assert list(client.stream("Q;", properties={"p": 1}, variables={"v": "x"})) == [
        Header("transient_S_1", ("ID", "NAME"), ("BIGINT", "STRING"), "`ID` BIGINT, `NAME` STRING"),
        Row((1, "a\u2028b")),
        Row((2, None), tombstone=True),
        FinalMessage("Limit Reached"),
    ]
    assert engine.seen == [{"text": "Q;", "properties": {"p": 1}, "variables": {"v": "x"}}]


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_rows_of_a_pull_query(client: Client, engine: FakeEngine, count: int) -> None:
    rows = [batch(*((i, "x" * 50) for i in range(count)))] if count else []
    engine.queries["Q;"] = lambda: pull(ListedRows(rows))
    header, *found = client.stream("Q;")
    assert isinstance(header, Header)
    assert header.schema == "`ID` BIGINT KEY, `NAME` STRING"
    assert header.types == ("BIGINT", "STRING")
    assert [row.values[0] for row in found if isinstance(row, Row)] == list(range(count))


def test_numbers_stay_as_the_server_wrote_them(client: Client, engine: FakeEngine) -> None:
    columns = (Column("`odd`", types.DOUBLE, Role.KEY), Column("D", DecimalType(10, 4)))
    table = pa.table({"x": [1e10], "D": pa.array([Decimal("12.3400")], pa.decimal128(10, 4))})
    engine.queries["Q;"] = lambda: QueryResult(
        "query_1", "pull", columns, ListedRows([RowBatch(table)])
    )
    header, row = client.stream("Q;")
    assert isinstance(header, Header)
    assert header.names == ("`odd`", "D")
    assert header.types == ("DOUBLE", "DECIMAL(10, 4)")
    assert isinstance(row, Row)
    assert row.values == (Decimal("1E10"), Decimal("12.34"))
    assert [str(value) for value in row.values] == ["1.0E10", "12.3400"]


def test_a_failure_after_the_start_is_raised(client: Client, engine: FakeEngine) -> None:
    error = LogError("the topic is gone", retryable=False)
    engine.queries["Q;"] = lambda: push(ListedRows([batch((1, "a"))], error=error))
    events = client.stream("Q;")
    assert isinstance(next(events), Header)
    assert next(events) == Row((1, "a"))
    with pytest.raises(ServerError, match="the topic is gone"):
        next(events)


def test_a_refused_query_is_raised(client: Client) -> None:
    with pytest.raises(ServerError) as caught:
        next(iter(client.stream("NOPE;")))
    assert caught.value.code == 40001
    assert caught.value.statement_text == "NOPE;"


def test_closing_the_iterator_ends_the_query(client: Client, engine: FakeEngine) -> None:
    rows = ListedRows([batch((1, "a"))], live=True)
    engine.queries["Q;"] = lambda: push(rows)
    events = client.stream("Q;")
    next(events)
    assert not rows.closed.is_set()
    events.close()
    assert rows.closed.wait(5)


def test_another_client_can_close_the_query(client: Client, engine: FakeEngine) -> None:
    engine.queries["Q;"] = lambda: push(ListedRows([batch((1, "a"))], live=True))
    events = client.stream("Q;")
    header = next(events)
    assert isinstance(header, Header)
    assert next(events) == Row((1, "a"))
    with Client(client.url) as other:
        other.close_query(header.query_id)
        with pytest.raises(ServerError, match="no push query"):
            other.close_query(header.query_id)
    assert list(events) == [FinalMessage("Query Completed")]


def test_printing(client: Client, engine: FakeEngine) -> None:
    engine.queries["PRINT t;"] = lambda: printing("row 1", "", "row 2")
    assert list(client.print_topic("PRINT t;")) == [
        "Key format: JSON or KAFKA_STRING",
        "row 1",
        "row 2",
    ]


def test_a_server_that_is_not_there() -> None:
    with Client("http://127.0.0.1:1") as client:
        with pytest.raises(UnreachableError, match=r"no server at http://127\.0\.0\.1:1"):
            client.info()
        with pytest.raises(UnreachableError):
            next(iter(client.stream("Q;")))


def test_a_server_that_goes_away_while_streaming(client: Client, engine: FakeEngine) -> None:
    rows = ListedRows([batch((1, "a"))], live=True)
    engine.queries["Q;"] = lambda: push(rows)
    events = client.stream("Q;")
    next(events)
    closer = threading.Timer(0.05, rows.close)
    closer.start()
    assert list(events)[-1] == FinalMessage("Query Completed")
    closer.join()


def test_columns_are_split_where_they_end() -> None:
    kind = StructType((StructField("a,b>", MapType(types.STRING, DecimalType(4, 2))),))
    text = f"`A``,` {kind.sql()} KEY, `B` BIGINT"
    assert split_columns(text) == [f"`A``,` {kind.sql()} KEY", "`B` BIGINT"]
    assert split_columns("") == []
