"""SHOW …: what is told in entities and on terminals."""

from __future__ import annotations

import re

import pytest

from merganser.engine.engine import Engine
from merganser.engine.functions.function import SCALARS
from tests.statements.conftest import Ask


def test_streams_and_tables_by_name(ask: Ask) -> None:
    assert ask("SHOW STREAMS;").to_wire() == {
        "@type": "streams",
        "statementText": "SHOW STREAMS;",
        "streams": [
            {
                "type": "STREAM",
                "name": name,
                "topic": topic,
                "keyFormat": "KAFKA",
                "valueFormat": "JSON",
                "isWindowed": False,
            }
            for name, topic in (("CLICKS", "clicks"), ("SHOUTED", "SHOUTED"))
        ],
        "warnings": [],
    }
    tables = ask("LIST TABLES;")
    (table,) = tables.tables()
    assert table.headers == ("Table Name", "Kafka Topic", "Key Format", "Value Format", "Windowed")
    assert table.rows == (
        ("HOURLY", "HOURLY", "KAFKA", "JSON", "true"),
        ("PAGES", "pages", "KAFKA", "JSON", "false"),
    )


def test_topics_without_hidden_ones(ask: Ask) -> None:
    names = ["HOURLY", "SHOUTED", "clicks", "pages"]
    shown = ask("SHOW TOPICS;")
    assert shown.fields() == {
        "topics": [
            {"name": name, "replicaInfo": [1] if name == "pages" else [1, 1]} for name in names
        ]
    }
    (table,) = shown.tables()
    assert table.rows[2] == ("clicks", "2", "1")
    every = ask("SHOW ALL TOPICS;").fields()["topics"]
    assert isinstance(every, list)
    hidden = {topic["name"] for topic in every} - set(names)
    assert "_confluent-ksql-test__command_topic" in hidden
    extended = ask("SHOW TOPICS EXTENDED;").fields()["topics"]
    assert isinstance(extended, list)
    assert list(extended[0]) == ["name", "replicaInfo", "consumerCount", "consumerGroupCount"]


def test_queries_with_state(ask: Ask) -> None:
    shown = ask("SHOW QUERIES;")
    found = shown.fields()["queries"]
    assert isinstance(found, list)
    assert [entry["sinks"] for entry in found] == [["SHOUTED"], ["HOURLY"]]
    assert list(found[0]) == [
        "queryString",
        "sinks",
        "sinkKafkaTopics",
        "id",
        "statusCount",
        "queryType",
        "state",
    ]
    assert re.fullmatch(r"CSAS_SHOUTED_\d+", found[0]["id"])
    ask(f"PAUSE {found[0]['id']};")
    paused = ask("SHOW QUERIES;")
    (table,) = paused.tables()
    assert [row[2] for row in table.rows] == ["PAUSED:1", "RUNNING:1"]
    assert all("\n" not in row[5] for row in table.rows)
    found = paused.fields()["queries"]
    assert isinstance(found, list)
    assert (found[0]["statusCount"], found[0]["state"]) == ({"PAUSED": 1}, "RUNNING")


def test_functions_by_category(ask: Ask) -> None:
    shown = ask("SHOW FUNCTIONS;")
    found = shown.fields()["functions"]
    assert isinstance(found, list)
    kinds = {entry["name"]: (entry["type"], entry["category"]) for entry in found}
    assert kinds["COUNT"] == ("AGGREGATE", "AGGREGATE")
    assert kinds["EXPLODE"] == ("TABLE", "TABLE")
    assert kinds["UCASE"] == ("SCALAR", SCALARS["UCASE"].category)
    assert kinds["LEVENSHTEIN"] == ("SCALAR", "DUCKDB")
    assert len(kinds) == len(found)
    (table,) = shown.tables()
    categories = [category for _, category in table.rows if category]
    assert categories == sorted(categories)
    assert ("", "") in table.rows
    assert ("", "") not in (table.rows[0], table.rows[-1])


def test_types(ask: Ask) -> None:
    ask("CREATE TYPE PLACE AS STRUCT<STREET VARCHAR, PRICE DECIMAL(10, 2)>;")
    shown = ask("SHOW TYPES;")
    text = {"type": "STRING", "fields": None, "memberSchema": None}
    price = {
        "type": "DECIMAL",
        "fields": None,
        "memberSchema": None,
        "parameters": {"precision": 10, "scale": 2},
    }
    assert shown.fields() == {
        "types": {
            "PLACE": {
                "type": "STRUCT",
                "fields": [
                    {"name": "STREET", "schema": text},
                    {"name": "PRICE", "schema": price},
                ],
                "memberSchema": None,
            }
        }
    }
    (table,) = shown.tables()
    assert table.rows == (("PLACE", "STRUCT<STREET VARCHAR(STRING), PRICE DECIMAL(10, 2)>"),)


def test_variables_of_the_request(engine: Engine) -> None:
    (answer,) = engine.execute("SHOW VARIABLES;", variables={"B": "2", "A": "1"})
    assert answer.fields() == {
        "variables": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    }
    (table,) = answer.tables()
    assert table.rows == (("A", "1"), ("B", "2"))


def test_properties_with_their_origin(engine: Engine) -> None:
    (answer,) = engine.execute(
        "SHOW PROPERTIES;",
        properties={"ksql.query.pull.table.scan.enabled": False, "sasl.jaas.config": "password=x"},
    )
    wire = answer.fields()
    found = wire["properties"]
    assert isinstance(found, list)
    by_name = {entry["name"]: entry for entry in found}
    assert by_name["ksql.streams.auto.offset.reset"] == {
        "name": "ksql.streams.auto.offset.reset",
        "scope": "KSQL",
        "value": "earliest",
        "editable": True,
        "level": "SERVER",
    }
    assert by_name["ksql.service.id"]["value"] == "test_"
    assert by_name["ksql.query.pull.table.scan.enabled"]["value"] == "False"
    assert by_name["ksql.query.pull.table.scan.enabled"]["level"] == "QUERY"
    assert by_name["ksql.streams.sasl.jaas.config"]["value"] == "[hidden]"
    assert wire["overwrittenProperties"] == [
        "ksql.query.pull.table.scan.enabled",
        "ksql.streams.sasl.jaas.config",
    ]
    defaults = wire["defaultProperties"]
    assert isinstance(defaults, list)
    assert "ksql.lambdas.enabled" in defaults
    assert "ksql.streams.auto.offset.reset" not in defaults
    (table,) = answer.tables()
    rows = {row[0]: row for row in table.rows}
    assert rows["ksql.streams.auto.offset.reset"][2:] == ("SERVER", "earliest")
    assert rows["ksql.query.pull.table.scan.enabled"][2] == "SESSION"
    assert rows["ksql.persistence.default.format.value"][3] == "NULL"


@pytest.mark.parametrize("text", ["SHOW STREAMS;", "SHOW TABLES;", "SHOW QUERIES;"])
def test_extended_lists_describe_each(ask: Ask, text: str) -> None:
    (members,) = ask(text).fields().values()
    (described,) = ask(text.replace(";", " EXTENDED;")).fields().values()
    assert isinstance(members, list)
    assert isinstance(described, list)
    names = [entry.get("name") or entry["id"] for entry in members]
    assert [entry.get("name") or entry["id"] for entry in described] == names
