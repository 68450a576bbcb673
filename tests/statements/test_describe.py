"""DESCRIBE, EXPLAIN, DESCRIBE FUNCTION, ASSERT TOPIC."""

from __future__ import annotations

import re

import pytest

from merganser.engine.engine import Engine, StatementFailure
from merganser.errors import AssertionFailedError, RequestError, UnknownNameError
from tests.statements.conftest import Ask

TEXT = {"type": "STRING", "fields": None, "memberSchema": None}


def described(ask: Ask, text: str) -> dict[str, object]:
    found = ask(text).fields()["sourceDescription"]
    assert isinstance(found, dict)
    return found


def test_a_stream_with_its_readers(ask: Ask) -> None:
    found = described(ask, "DESCRIBE CLICKS;")
    assert list(found) == [
        "name",
        "windowType",
        "readQueries",
        "writeQueries",
        "fields",
        "type",
        "timestamp",
        "statistics",
        "errorStats",
        "extended",
        "keyFormat",
        "valueFormat",
        "topic",
        "partitions",
        "replication",
        "statement",
        "queryOffsetSummaries",
        "sourceConstraints",
        "clusterStatistics",
        "clusterErrorStats",
    ]
    assert found["fields"] == [
        {
            "name": "USERID",
            "schema": {"type": "BIGINT", "fields": None, "memberSchema": None},
            "type": "KEY",
        },
        {"name": "PAGE", "schema": TEXT},
        {"name": "TAGS", "schema": {"type": "ARRAY", "fields": None, "memberSchema": TEXT}},
    ]
    readers = found["readQueries"]
    assert isinstance(readers, list)
    assert [query["sinks"] for query in readers] == [["SHOUTED"], ["HOURLY"]]
    assert found["sourceConstraints"] == ["SHOUTED", "HOURLY"]
    assert (found["partitions"], found["replication"], found["extended"]) == (2, 1, False)


def test_a_terminal_shows_keys_and_windows(ask: Ask) -> None:
    (table,) = ask("DESCRIBE HOURLY;").tables()
    assert table.title == "Name                 : HOURLY"
    assert table.rows == (
        ("PAGE", "VARCHAR(STRING)  (primary key) (Window type: TUMBLING)"),
        ("N", "BIGINT"),
    )
    assert "DESCRIBE HOURLY EXTENDED;" in table.footer
    (stream,) = ask("DESCRIBE CLICKS;").tables()
    assert stream.rows[0] == ("USERID", "BIGINT           (key)")


def test_header_columns_are_told(ask: Ask) -> None:
    ask(
        "CREATE STREAM TRACED (K VARCHAR KEY, TRACE BYTES HEADER('trace')) "
        "WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON');"
    )
    found = described(ask, "DESCRIBE TRACED;")["fields"]
    assert isinstance(found, list)
    assert found[1] == {
        "name": "TRACE",
        "schema": {"type": "BYTES", "fields": None, "memberSchema": None},
        "headerKey": "trace",
        "type": "HEADER",
    }
    (table,) = ask("DESCRIBE TRACED;").tables()
    assert table.rows[1] == ("TRACE", "BYTES            (header('trace'))")


def test_extended_tells_where_its_query_stands(ask: Ask, engine: Engine) -> None:
    (table,) = ask("DESCRIBE PAGES EXTENDED;").tables()
    assert "Timestamp field      : WHEN_MADE" in table.title
    assert "Kafka topic          : pages (partitions: 1, replication: 1)" in table.title
    engine.execute("INSERT INTO CLICKS (USERID, PAGE) VALUES (1, 'home');")
    for task in engine.tasks():
        reader = engine.log.reader(engine.log.start_positions("clicks"))
        task.run_epoch(reader.poll(10, 1000))
        reader.close()
    found = described(ask, "DESCRIBE SHOUTED EXTENDED;")
    summaries = found["queryOffsetSummaries"]
    assert isinstance(summaries, list)
    (summary,) = summaries
    assert re.fullmatch(r"_confluent-ksql-test_query_CSAS_SHOUTED_\d+", summary["groupId"])
    (topic,) = summary["topicSummaries"]
    assert topic["kafkaTopic"] == "clicks"
    (offset,) = topic["offsets"]
    assert (offset["logStartOffset"], offset["logEndOffset"], offset["consumerOffset"]) == (0, 1, 1)
    first, pace, second = ask("DESCRIBE SHOUTED EXTENDED;").tables()
    assert pace.headers == ("Statistic", "Value")
    assert "Queries that write from this STREAM" in first.footer
    assert second.headers == ("Partition", "Start Offset", "End Offset", "Offset", "Lag")
    assert second.rows[0][1:] == ("0", "1", "1", "0")
    assert "Max lag              : 0" in second.title


def test_a_topic_that_is_gone_is_a_warning(ask: Ask, engine: Engine) -> None:
    engine.log.delete_topic("pages")
    answer = ask("DESCRIBE PAGES;")
    assert answer.warnings == ('topic "pages" of table PAGES does not exist',)
    found = answer.fields()["sourceDescription"]
    assert isinstance(found, dict)
    assert (found["partitions"], found["replication"]) == (0, 0)


def failure(engine: Engine, text: str) -> Exception:
    with pytest.raises(StatementFailure) as caught:
        engine.execute(text)
    return caught.value.error


def test_unknown_names(engine: Engine) -> None:
    unknown = failure(engine, "DESCRIBE CLICK;")
    assert isinstance(unknown, UnknownNameError)
    assert "Did you mean CLICKS?" in str(unknown)
    assert isinstance(failure(engine, "DESCRIBE FUNCTION NOPE;"), RequestError)
    assert isinstance(failure(engine, "EXPLAIN CSAS_NOPE_1;"), UnknownNameError)


def test_explaining_a_running_query(ask: Ask) -> None:
    queries = ask("SHOW QUERIES;").fields()["queries"]
    assert isinstance(queries, list)
    query_id = queries[1]["id"]
    answer = ask(f"EXPLAIN {query_id.lower()};")
    found = answer.fields()["queryDescription"]
    assert isinstance(found, dict)
    assert list(found) == [
        "id",
        "statementText",
        "windowType",
        "fields",
        "sources",
        "sinks",
        "topology",
        "executionPlan",
        "overriddenProperties",
        "ksqlHostQueryStatus",
        "queryType",
        "queryErrors",
        "tasksMetadata",
        "consumerGroupId",
        "state",
    ]
    assert (found["id"], found["windowType"], found["state"]) == (query_id, "TUMBLING", "RUNNING")
    assert (found["sources"], found["sinks"]) == (["CLICKS"], ["HOURLY"])
    assert found["ksqlHostQueryStatus"] == {"here:8088": "RUNNING"}
    assert found["consumerGroupId"] == f"_confluent-ksql-test_query_{query_id}"
    (table, *_) = answer.tables()
    assert f"ID                   : {query_id}" in table.title
    assert "Execution plan\n--------------\n" in table.footer
    assert "Sources that this query reads from\n" in table.footer


def test_explaining_a_select_runs_nothing(ask: Ask) -> None:
    found = ask("EXPLAIN SELECT PAGE FROM CLICKS WHERE USERID > 3 EMIT CHANGES;").fields()
    about = found["queryDescription"]
    assert isinstance(about, dict)
    assert about["statementText"] == "SELECT PAGE FROM CLICKS WHERE USERID > 3 EMIT CHANGES;"
    assert (about["queryType"], about["state"], about["ksqlHostQueryStatus"]) == ("PUSH", None, {})
    assert "FILTER" in str(about["executionPlan"])
    queries = ask("SHOW QUERIES;").fields()["queries"]
    assert isinstance(queries, list)
    assert len(queries) == 2


def test_only_queries_can_be_explained(engine: Engine) -> None:
    assert "only queries" in str(failure(engine, "EXPLAIN SHOW STREAMS;"))


def test_functions_with_variants_and_examples(ask: Ask) -> None:
    answer = ask("DESCRIBE FUNCTION ucase;")
    found = answer.fields()
    assert (found["name"], found["type"], found["path"]) == ("UCASE", "SCALAR", "internal")
    assert found["functions"] == [
        {
            "arguments": [
                {"name": "arg1", "type": "VARCHAR", "description": "", "isVariadic": False}
            ],
            "returnType": "VARCHAR",
            "description": "",
            "argumentTypes": ["VARCHAR"],
        }
    ]
    (table,) = answer.tables()
    assert "Name        : UCASE" in table.title
    assert "\tVariation   : UCASE(VARCHAR)\n\tReturns     : VARCHAR" in table.title
    assert "Examples" in table.title
    borrowed = ask("DESCRIBE FUNCTION levenshtein;").fields()
    assert (borrowed["type"], borrowed["author"]) == ("SCALAR", "DuckDB")
    assert isinstance(borrowed["functions"], list)
    assert borrowed["functions"][0]["argumentTypes"] == ["VARCHAR", "VARCHAR"]
    assert ask("DESCRIBE FUNCTION COUNT;").fields()["type"] == "AGGREGATE"
    assert ask("DESCRIBE FUNCTION EXPLODE;").fields()["type"] == "TABLE"


def test_asserting_topics(ask: Ask, engine: Engine) -> None:
    there = ask("ASSERT TOPIC 'clicks' WITH (PARTITIONS=2, REPLICAS=1);")
    assert there.fields() == {"topicName": "clicks", "exists": True}
    assert there.tables()[0].title == "Topic clicks exists."
    gone = ask("ASSERT NOT EXISTS TOPIC 'nowhere' WITH (PARTITIONS=9);")
    assert gone.fields() == {"topicName": "nowhere", "exists": False}
    for text, message in (
        ("ASSERT TOPIC 'nowhere' TIMEOUT 60 MILLISECONDS;", 'topic "nowhere" does not exist'),
        ("ASSERT NOT EXISTS TOPIC 'clicks' TIMEOUT 60 MILLISECONDS;", 'topic "clicks" exists'),
        (
            "ASSERT TOPIC 'clicks' WITH (PARTITIONS=7) TIMEOUT 60 MILLISECONDS;",
            'topic "clicks" has PARTITIONS=2, not 7',
        ),
        (
            "ASSERT TOPIC 'clicks' WITH (FOO='x') TIMEOUT 60 MILLISECONDS;",
            "FOO of a topic cannot be asserted",
        ),
    ):
        error = failure(engine, text)
        assert isinstance(error, AssertionFailedError)
        assert message in str(error)
