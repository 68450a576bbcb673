"""Which topics exist before the first statement of a case.

Explicit ones first (1 partition where neither case nor statement says), then those of CREATE with
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
    created = [made for text in case.statements if (made := _created_topic(text)) is not None]
    said = {name: count for name, count, given in created if given}
    for topic in case.topics:
        count = topic.partition_count
        if "partitions" not in topic.entry:
            count = said.get(topic.name, count)
        log.create_topic(topic.name, count, None, {})
    for name, count, _ in created:
        log.create_topic(name, count, None, {})
    for record in (*case.inputs, *case.outputs):
        log.create_topic(record.topic, PARTITION_COUNT, None, {})


def _created_topic(statement: str) -> tuple[str, int, bool] | None:
    """Name and partition count of the topic of a CREATE STREAM or TABLE with columns.

    The last tells whether the statement says the count.
    """
    try:
        tree = parse_statement(statement)
    except Exception:  # noqa: BLE001 - what is wrong with it shows when it is executed
        return None
    if not isinstance(tree, ast.CreateSource) or tree.columns is None:
        return None
    properties = dict(tree.properties)
    partitions = properties.get("PARTITIONS", PARTITION_COUNT)
    topic = str(properties.get("KAFKA_TOPIC", tree.name))
    try:
        return topic, int(str(partitions)), "PARTITIONS" in properties
    except ValueError:
        return None
