"""The API description is true: requests made from it are answered as it says, and never crash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from merganser.server.app import create_app
from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine

EXAMPLES = 25
PROPERTIES = {"ksql.server.command.response.timeout.ms": "20"}
ENDS_THE_SERVER = "/ksql/terminate"
CHECKS: list[CheckFunction] = [status_code_conformance, response_schema_conformance]

KNOWN_FAILURES = re.compile(r'(?s)property ".*" does not exist|there are no commands of type')
"""What ksqlDB takes for failures of its own, and so does this server."""

OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, methods in create_app(FakeEngine()).openapi()["paths"].items()
    for method in methods
    if path != ENDS_THE_SERVER
)


@pytest.fixture(scope="module")
def real_server() -> Iterator[RunningServer]:
    with start_in_background(ServerConfig(port=0, properties=PROPERTIES)) as server:
        yield server


@pytest.fixture(scope="module")
def schema(real_server: RunningServer) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{real_server.url}/openapi.json")


@pytest.mark.parametrize("label", OPERATIONS)
def test_an_operation_answers_as_it_is_described(
    schema: schemathesis.BaseSchema, label: str
) -> None:
    method, path = label.split(" ")
    operation = schema[path][method]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def tried(case: schemathesis.Case[Any]) -> None:
        response = case.call(timeout=10)
        if response.status_code >= 500 and response.status_code != 503:
            assert KNOWN_FAILURES.search(response.json()["message"])
        # As ksqlDB does, errors found before a statement was read name no type.
        typed = "content-type" in response.headers
        case.validate_response(response, checks=CHECKS if typed else CHECKS[:1])

    tried()
