"""How answers of a server are compared: listed fields, and rows as a multiset."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.conformance.cases import Json
from tests.conformance.rest_responses import response_difference

HEADER: Json = {"header": {"queryId": "query_12", "schema": "`A` INTEGER", "more": 1}}
ROWS: list[Json] = [{"row": {"columns": [1, Decimal("1.50")]}}, {"row": {"columns": [{"x": "y"}]}}]
ANSWER: list[Json] = [HEADER, *ROWS, {"finalMessage": "Limit Reached"}]


def row(*columns: Json, **more: Json) -> Json:
    return {"row": {"columns": list(columns), **more}}


def differs(expected: list[Json], actual: list[Json]) -> bool:
    return response_difference({"query": expected}, {"query": actual}, "response 0") is not None


@pytest.mark.parametrize(
    "header",
    [
        {"header": {"schema": "`A` INTEGER"}},
        {"header": {"queryId|starts_with": "query_"}},
    ],
)
def test_listed_fields_and_rows_in_any_order_pass(header: Json) -> None:
    assert not differs([header, ROWS[1], ROWS[0], {"finalMessage": "Limit Reached"}], ANSWER)


@pytest.mark.parametrize(
    "expected",
    [
        ANSWER[:-1],
        [*ANSWER, {}],
        [{"header": {"schema": "`A` BIGINT"}}, *ANSWER[1:]],
        [{"header": {"queryId|starts_with": "transient"}}, *ANSWER[1:]],
        [{"header": {"missing": 1}}, *ANSWER[1:]],
        [HEADER, ROWS[0], ROWS[0], ANSWER[3]],
        [HEADER, row(1, Decimal("1.5")), ROWS[1], ANSWER[3]],
        [HEADER, row(Decimal("1.0"), Decimal("1.50")), ROWS[1], ANSWER[3]],
        [HEADER, row("1", Decimal("1.50")), ROWS[1], ANSWER[3]],
        [HEADER, row(1, Decimal("1.50"), tombstone=True), ROWS[1], ANSWER[3]],
        [*ANSWER[:3], {"finalMessage": "Query Completed"}],
        [ANSWER[3], *ANSWER[:3]],
    ],
)
def test_what_differs_is_seen(expected: list[Json]) -> None:
    assert differs(expected, ANSWER)


def test_admin_responses_compare_listed_fields_only() -> None:
    actual: dict[str, Json] = {"admin": {"@type": "currentStatus", "commandId": "x"}}
    assert response_difference({"admin": {"@type": "currentStatus"}}, actual, "r") is None
    assert response_difference({"admin": {"@type": "queries"}}, actual, "r") is not None
    assert response_difference({"query": []}, actual, "r") is not None
