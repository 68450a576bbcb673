"""The plans of statements as EXPLAIN tells them: golden files over a few sources.

Every node of every plan holds its invariants and has an operator, and every kind of node occurs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merganser.engine.catalog import Catalog
from merganser.engine.engine import Engine, EngineConfig
from merganser.engine.execution.compile import compile_plan
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.plan.nodes import PlanNode, SinkNode, SourceNode, explain
from merganser.engine.plan.sink import plan_create_as
from merganser.parser import ast
from merganser.parser.build import parse_statement
from tests.golden.golden import GoldenCase, check_golden, golden_cases, read_golden

FOLDER = Path(__file__).parent
SOURCES = """
CREATE STREAM S (K STRING KEY, G STRING, V BIGINT, TAGS ARRAY<STRING>)
  WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
CREATE STREAM R (K STRING KEY, W BIGINT)
  WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=2);
CREATE TABLE T (K STRING PRIMARY KEY, NAME STRING)
  WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=2);
CREATE TABLE U (K STRING PRIMARY KEY, FK STRING, M BIGINT)
  WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS=2);
"""


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    log = EmbeddedLog()
    with Engine(EngineConfig(autorun=False), log=log) as engine:
        engine.execute(SOURCES)
        yield engine.catalog
    log.close()


def _plan(text: str, catalog: Catalog) -> SinkNode:
    statement = parse_statement(text)
    assert isinstance(statement, ast.CreateAsSelect)
    return plan_create_as(statement, catalog, {}, "QUERY_0").plan


@golden_cases(FOLDER)
def test_plan(case: GoldenCase, catalog: Catalog, pytestconfig: pytest.Config) -> None:
    plan = _plan(case.text, catalog)
    for node in plan.walk():
        node.check()
    assert compile_plan(plan).steps, "a plan runs as at least one step"
    check_golden(case, explain(plan), pytestconfig)


def test_every_kind_of_node_occurs(catalog: Catalog) -> None:
    """So that each is known to have an operator, a line in EXPLAIN and a check."""
    occurring = {
        type(node).__name__
        for path in FOLDER.glob("*.sql")
        for case in read_golden(path)
        for node in _plan(case.text, catalog).walk()
    }
    # A dataclass with slots is made twice, and the first one lives on as a subclass.
    kinds = {*PlanNode.__subclasses__(), *SourceNode.__subclasses__()}
    assert occurring == {kind.__name__ for kind in kinds}
