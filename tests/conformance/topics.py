"""Which topics exist before the first statement of a case.

Explicit ones first (1 partition where the case does not say), then those of CREATE statements with
columns, then those that inputs and outputs name (4 partitions where nobody says).
"""

from __future__ import annotations

from merganser.engine.log.protocol import Log
from merganser.parser import ast
from merganser.parser.build import parse_statement
from tests.conformance.cases import Case

PARTITION_COUNT = 4  # Where neither the case nor the statement says.


def prepare_topics(case: Case, log: Log) -> None:
    """Creates a case's topics."""
    for topic in case.topics:
        log.create_topic(topic.name, topic.partition_count, None, {})
    for statement in case.statements:
        created = _created_topic(statement)
        if created is not None:
            log.create_topic(*created, None, {})
    for record in (*case.inputs, *case.outputs):
        log.create_topic(record.topic, PARTITION_COUNT, None, {})


def _created_topic(statement: str) -> tuple[str, int] | None:
    """Name and partition count of the topic of a CREATE STREAM or TABLE with columns."""
    try:
        tree = parse_statement(statement)
    except Exception:  # noqa: BLE001 - what is wrong with it shows when it is executed
        return None
    if not isinstance(tree, ast.CreateSource) or tree.columns is None:
        return None
    properties = dict(tree.properties)
    partitions = properties.get("PARTITIONS", PARTITION_COUNT)
    try:
        return str(properties.get("KAFKA_TOPIC", tree.name)), int(str(partitions))
    except ValueError:
        return None
