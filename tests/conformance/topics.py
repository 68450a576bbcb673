"""Which topics exist before the first statement of a case.

Explicit ones first (1 partition where neither case nor statement says), then those of CREATE with
columns, then those that inputs and outputs name (4 partitions where nobody says).
"""

from __future__ import annotations

from dataclasses import dataclass

from merganser.engine.log.protocol import Log
from merganser.parser import ast
from merganser.parser.build import parse_statement
from tests.conformance.cases import Case

PARTITION_COUNT = 4  # Where neither the case nor the statement says.


def prepare_topics(case: Case, log: Log) -> None:
    """Creates a case's topics."""
    created = [made for text in case.statements if (made := _created_topic(text)) is not None]
    said = {made.name: made.said for made in created if made.said is not None}
    for topic in case.topics:
        count = topic.partition_count
        if "partitions" not in topic.entry:
            count = said.get(topic.name, count)
        log.create_topic(topic.name, count, None, {})
    for made in created:
        if made.has_columns:
            log.create_topic(made.name, made.said or PARTITION_COUNT, None, {})
    for record in (*case.inputs, *case.outputs):
        log.create_topic(record.topic, PARTITION_COUNT, None, {})


@dataclass(frozen=True, slots=True)
class _CreatedTopic:
    """What a CREATE STREAM or TABLE says of its topic."""

    name: str
    said: int | None
    has_columns: bool


def _created_topic(statement: str) -> _CreatedTopic | None:
    """The topic of a CREATE STREAM or TABLE; None for other statements."""
    try:
        tree = parse_statement(statement)
    except Exception:  # noqa: BLE001 - what is wrong with it shows when it is executed
        return None
    if not isinstance(tree, ast.CreateSource):
        return None
    properties = dict(tree.properties)
    given = properties.get("PARTITIONS")
    try:
        said = None if given is None else int(str(given))
    except ValueError:
        return None
    name = str(properties.get("KAFKA_TOPIC", tree.name))
    return _CreatedTopic(name, said, tree.columns is not None)
