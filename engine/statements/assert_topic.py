"""ASSERT TOPIC: waits until a topic is there (or gone), or fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.statements.assertions import wait_until_true
from merganser.engine.statements.handlers import Session, handles
from merganser.parser import ast

TIMEOUT_PROPERTY = "ksql.assert.topic.default.timeout.ms"
TIMEOUT_MS = 1000
_KNOWN = frozenset({"PARTITIONS", "REPLICAS"})


@dataclass(frozen=True, kw_only=True)
class TopicAssertion(Answer):
    """An assertion that holds."""

    wire_type: ClassVar[str] = "assert_topic"
    topic: str
    exists: bool

    def fields(self) -> dict[str, object]:
        return {"topicName": self.topic, "exists": self.exists}

    def tables(self) -> Sequence[Table]:
        verb = "exists" if self.exists else "does not exist"
        return [Table((), (), title=f"Topic {self.topic} {verb}.")]


@handles(ast.AssertTopic)
def assert_topic(statement: ast.AssertTopic, session: Session) -> TopicAssertion:
    """Answers as soon as the assertion holds.

    Raises:
        AssertionFailedError: It did not within the timeout; tells what was found.
    """
    if statement.timeout is not None:
        wait_ms = statement.timeout.ms
    else:
        wait_ms = int(session.defaults.get(TIMEOUT_PROPERTY, TIMEOUT_MS))
    wait_until_true(lambda: _finding(statement, session), wait_ms, statement.span)
    return TopicAssertion(
        statement_text=statement.text, topic=statement.topic, exists=statement.exists
    )


def _finding(statement: ast.AssertTopic, session: Session) -> str | None:
    """What speaks against the assertion; properties do not matter under NOT EXISTS."""
    topic = session.log.topic(statement.topic)
    if not statement.exists:
        return f'topic "{statement.topic}" exists' if topic is not None else None
    if topic is None:
        return f'topic "{statement.topic}" does not exist'
    replicas = topic.replicas[0] if topic.replicas else 1
    found = {"PARTITIONS": topic.partition_count, "REPLICAS": replicas}
    for name, wanted in statement.properties:
        if name not in _KNOWN:
            return f"{name} of a topic cannot be asserted, only PARTITIONS and REPLICAS"
        if not isinstance(wanted, int | str) or str(found[name]) != str(wanted):
            return f'topic "{statement.topic}" has {name}={found[name]}, not {wanted}'
    return None
