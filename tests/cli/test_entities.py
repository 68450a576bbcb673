"""Answers of the server as text. Layouts are those that ksqlDB's shell was recorded with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import pytest

from merganser.cli.render.describe import schema_text
from merganser.cli.render.entities import Entity, answers_lines, entity_lines
from merganser.cli.render.jsontext import Json, pretty
from merganser.server.client import ExactNumber


def lines(entity: Mapping[str, object], width: int = 100) -> list[str]:
    return entity_lines(cast("Entity", entity), width)


def test_status_is_the_first_line_of_its_message() -> None:
    entity = {"@type": "currentStatus", "commandStatus": {"message": "Stream created\nand more"}}
    assert lines(entity) == [
        " Message        ",
        "----------------",
        " Stream created ",
        "----------------",
    ]


def test_rules_end_at_the_edge_and_are_empty_in_a_pipe() -> None:
    entity = {"@type": "currentStatus", "commandStatus": {"message": "Stream created"}}
    assert lines(entity, width=10)[1] == "-" * 10
    assert lines(entity, width=0)[1] == ""


def test_several_answers_are_headed_by_their_statements() -> None:
    one: Entity = {"@type": "variables", "statementText": "SHOW VARIABLES;", "variables": []}
    assert answers_lines([one], 0) == ["", " Variable Name | Value ", "", ""]
    assert answers_lines([one, one], 0) == [
        *["", "SHOW VARIABLES;", " Variable Name | Value ", "", ""],
        *["", "SHOW VARIABLES;", " Variable Name | Value ", "", ""],
    ]


def test_sources_are_sorted_by_name() -> None:
    streams = [
        {"name": name, "topic": "t", "keyFormat": "KAFKA", "valueFormat": "JSON", "isWindowed": w}
        for name, w in (("B", False), ("A", True))
    ]
    shown = lines({"@type": "streams", "streams": streams})
    assert shown[0] == " Stream Name | Kafka Topic | Key Format | Value Format | Windowed "
    assert [line.split(" | ")[0].strip() for line in shown[2:4]] == ["A", "B"]
    assert [line.split(" | ")[-1].strip() for line in shown[2:4]] == ["true", "false"]


def test_functions_are_grouped_by_category() -> None:
    functions = [
        {"name": "UCASE", "category": "STRING"},
        {"name": "ABS", "category": "MATHEMATICAL"},
        {"name": "LCASE", "category": "STRING"},
    ]
    shown = lines({"@type": "function_names", "functions": functions})
    assert [line.split(" | ")[0].strip() for line in shown[2:6]] == ["ABS", "", "LCASE", "UCASE"]


@pytest.mark.parametrize(
    ("replicas", "shown"), [([1, 1, 1], ["3", "1"]), ([1, 3], ["2", "[1, 3]"]), ([], ["0", "[]"])]
)
def test_replicas_are_one_number_if_they_are_equal(replicas: list[int], shown: list[str]) -> None:
    entity = {"@type": "kafka_topics", "topics": [{"name": "t", "replicaInfo": replicas}]}
    assert [cell.strip() for cell in lines(entity)[2].split(" | ")][1:] == shown


def test_properties_tell_where_their_value_comes_from() -> None:
    names = ["a", "b", "c"]
    entity = {
        "@type": "properties",
        "properties": [{"name": name, "scope": "KSQL", "value": None} for name in names],
        "overwrittenProperties": ["a"],
        "defaultProperties": ["b"],
    }
    origins = [line.split(" | ")[2].strip() for line in lines(entity)[2:5]]
    assert origins == ["SESSION", "", "SERVER"]


def test_description_of_a_windowed_table() -> None:
    bigint = {"type": "BIGINT", "fields": None, "memberSchema": None}
    description = {
        "name": "W",
        "type": "TABLE",
        "windowType": "TUMBLING",
        "extended": False,
        "fields": [
            {"name": "ID", "schema": bigint, "type": "KEY"},
            {"name": "C", "schema": bigint},
        ],
    }
    shown = lines({"@type": "sourceDescription", "sourceDescription": description})
    assert shown[0] == "Name                 : W"
    assert shown[3] == " ID    | BIGINT           (primary key) (Window type: TUMBLING) "
    assert shown[4].rstrip() == " C     | BIGINT"


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "STRING"}, "VARCHAR(STRING)"),
        ({"type": "ARRAY", "memberSchema": {"type": "STRING"}}, "ARRAY<VARCHAR(STRING)>"),
        ({"type": "MAP", "memberSchema": {"type": "BIGINT"}}, "MAP<STRING, BIGINT>"),
        (
            {"type": "STRUCT", "fields": [{"name": "A", "schema": {"type": "INTEGER"}}]},
            "STRUCT<A INTEGER>",
        ),
        ({"type": "DECIMAL", "parameters": {"precision": 10, "scale": 2}}, "DECIMAL(10, 2)"),
        ({"type": "BYTES"}, "BYTES"),
    ],
)
def test_types_by_name(schema: dict[str, Json], text: str) -> None:
    assert schema_text(schema) == text


def test_an_unknown_answer_shows_as_the_server_says() -> None:
    table = {"title": "Two words", "headers": ["A", "B"], "rows": [["1", "x"]], "footer": "end"}
    shown = lines({"@type": "new_thing", "statementText": "NEW;", "$tables": [table], "a": 1})
    assert shown == ["Two words", " A | B ", "-------", " 1 | x ", "-------", "end"]


def test_an_unknown_answer_of_an_unknown_server_shows_its_members() -> None:
    shown = lines({"@type": "new_thing", "statementText": "NEW;", "a": [1], "warnings": []})
    assert shown == ["a                    : [1]"]


def test_warnings_follow_the_answer() -> None:
    entity = {"@type": "warning_entity", "message": "is there", "warnings": [{"message": "old"}]}
    assert lines(entity)[-1] == "WARNING: old"


def test_json_is_laid_out_as_ksqldb_lays_it_out() -> None:
    value: Json = [{"a": [], "b": {}, "c": [1, {"d": None}], "e": ExactNumber("2.50"), "f": "é"}]
    text = pretty(value)
    assert text == (
        '[ {\n  "a" : [ ],\n  "b" : { },\n  "c" : [ 1, {\n    "d" : null\n  } ],\n'
        '  "e" : 2.50,\n  "f" : "é"\n} ]'
    )
    assert json.loads(text) == [{"a": [], "b": {}, "c": [1, {"d": None}], "e": 2.5, "f": "é"}]
