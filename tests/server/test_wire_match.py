"""The comparer of recordings: a difference that it let through would make every match worthless."""

from __future__ import annotations

import pytest

from tests.server.raw_http import RawAnswer
from tests.server.wire_match import (
    answer_difference,
    json_difference,
    lines_difference,
    text_matches,
)


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a.b", "a.b", True),
        ("a.b", "axb", False),
        ("line 1:8: <text>", "line 1:8: found\nsomething", True),
        ("line 1:8: <text>", "line 1:9: found", False),
        ("transient_S_<n>", "transient_S_12", True),
        ("transient_S_<n>", "transient_T_12", False),
        ("query_<timestamp>", "query_1690000000000", True),
        ("query_<timestamp>", "query_x", False),
        ("<host>:8088", "127.0.0.1:54321", True),
        ("<service-id>query_X", "server_query_X", True),
        ("<text>", "", True),
    ],
)
def test_placeholders_stand_for_what_they_say(expected: str, actual: str, same: bool) -> None:
    assert text_matches(expected, actual) is same


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": "1"}, {"a": 1}),
        ({"a": None}, {"a": ""}),
        ({"a": "<offset>"}, {"a": "x"}),
        ([1, 2], [2, 1]),
        ([1, 2], [1]),
        ({"streams": [{"name": "A"}]}, {"streams": []}),
        ({"streams": []}, {"streams": [{"name": "A"}]}),
        ({"streams": [{"name": "A", "x": 1}]}, {"streams": [{"name": "A", "x": 2}]}),
        ({"topics": [{"name": "A"}]}, {"topics": [{"name": "B"}]}),
        ({"types": {"A": 1}}, {"types": {"B": 1}}),
        ([], {}),
        ({}, []),
    ],
)
def test_json_that_differs(expected: object, actual: object) -> None:
    assert json_difference(expected, actual) is not None


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": "<offset>"}, {"a": -1}),
        ({"a": "<text>"}, {"a": "b"}),
        ({"streams": [{"name": "A"}, {"name": "B"}]}, {"streams": [{"name": "B"}, {"name": "A"}]}),
        ({"types": {"A": 1, "B": 2}}, {"types": {"B": 2, "A": 1}}),
        ({"topics": [{"name": "A"}]}, {"topics": [{"name": "B"}, {"name": "A"}]}),
        ({"commandStatuses": {"stream/`S`/create": "SUCCESS"}},) * 2,
    ],
)
def test_json_that_is_the_same(expected: object, actual: object) -> None:
    assert json_difference(expected, actual) is None


HEAD = '{"queryId":"transient_S_<n>"}\n'
FOUND = '{"queryId":"transient_S_4"}\n'


@pytest.mark.parametrize(
    ("actual", "same"),
    [
        ([FOUND, "[1]\n", "[2]\n"], True),
        ([FOUND, "[2]\n", "[1]\n"], True),
        ([FOUND, "[1]\n", "[1]\n"], False),
        ([FOUND, "[1]\n[2]\n"], False),
        ([FOUND, "[1]\n", "[2]\n", "[3]\n"], False),
        ([FOUND, "[1]\n"], False),
    ],
)
def test_chunks_are_compared_by_number_and_lines(actual: list[str], same: bool) -> None:
    assert (lines_difference([HEAD, "[1]\n", "[2]\n"], actual) is None) is same


def test_rows_of_one_chunk_may_come_in_another_order() -> None:
    expected = ['[{"header":{}},\n{"row":{"columns":[1]}},\n{"row":{"columns":[2]}}]']
    actual = ['[{"header":{}},\n{"row":{"columns":[2]}},\n{"row":{"columns":[1]}}]']
    assert lines_difference(expected, actual) is None
    assert lines_difference(expected, [actual[0].replace("[1]", "[3]")]) is not None


RECORDED = {
    "status": 200,
    "headers": {"content-type": "application/json", "content-length": "<n>"},
    "body": {"a": 1},
}


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        (RawAnswer(200, "OK", {"content-type": "application/json", "content-length": "7"}), True),
        (RawAnswer(400, "OK", {"content-type": "application/json", "content-length": "7"}), False),
        (RawAnswer(200, "No", {"content-type": "application/json", "content-length": "7"}), False),
        (RawAnswer(200, "OK", {"content-type": "text/plain", "content-length": "7"}), False),
        (RawAnswer(200, "OK", {"content-length": "7"}), False),
        (
            RawAnswer(
                200,
                "OK",
                {"content-type": "application/json", "content-length": "7", "server": "uvicorn"},
            ),
            False,
        ),
    ],
)
def test_status_and_headers_count(answer: RawAnswer, same: bool) -> None:
    answer.chunks.append(b'{"a":1}')
    assert (answer_difference(RECORDED, answer) is None) is same
