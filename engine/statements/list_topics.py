"""SHOW TOPICS: the topics of the log, hidden ones only with ALL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from merganser.engine.answer import Answer, Table
from merganser.engine.log.protocol import Topic
from merganser.engine.properties import PROPERTIES
from merganser.engine.statements.handlers import Session, handles
from merganser.parser import ast

HIDDEN_TOPICS = "ksql.hidden.topics"


@dataclass(frozen=True, kw_only=True)
class KafkaTopics(Answer):
    """Topics by name."""

    wire_type: ClassVar[str] = "kafka_topics"
    topics: tuple[Topic, ...]

    def fields(self) -> dict[str, object]:
        return {"topics": [_info(topic) for topic in self.topics]}

    def tables(self) -> Sequence[Table]:
        headers = ("Kafka Topic", "Partitions", "Partition Replicas")
        return [Table(headers, tuple(_row(topic) for topic in self.topics))]


@dataclass(frozen=True, kw_only=True)
class KafkaTopicsExtended(KafkaTopics):
    """Topics with their consumers. Groups are not known to the log: both counts are 0."""

    wire_type: ClassVar[str] = "kafka_topics_extended"

    def fields(self) -> dict[str, object]:
        counts = {"consumerCount": 0, "consumerGroupCount": 0}
        return {"topics": [{**_info(topic), **counts} for topic in self.topics]}

    def tables(self) -> Sequence[Table]:
        headers = (
            "Kafka Topic",
            "Partitions",
            "Partition Replicas",
            "Consumers",
            "ConsumerGroups",
        )
        return [Table(headers, tuple((*_row(topic), "0", "0") for topic in self.topics))]


@handles(ast.ListTopics)
def list_topics(statement: ast.ListTopics, session: Session) -> KafkaTopics:
    """Answers the topics that the statement asks for."""
    topics = sorted(session.log.topics(), key=lambda topic: topic.name)
    if not statement.all:
        hidden = session.defaults.get(HIDDEN_TOPICS) or PROPERTIES[HIDDEN_TOPICS].default or ""
        patterns = [re.compile(part.strip()) for part in hidden.split(",") if part.strip()]
        topics = [
            topic
            for topic in topics
            if not any(pattern.fullmatch(topic.name) for pattern in patterns)
        ]
    answer = KafkaTopicsExtended if statement.extended else KafkaTopics
    return answer(statement_text=statement.text, topics=tuple(topics))


def _replicas(topic: Topic) -> tuple[int, ...]:
    return topic.replicas or (1,) * topic.partition_count


def _info(topic: Topic) -> dict[str, object]:
    return {"name": topic.name, "replicaInfo": list(_replicas(topic))}


def _row(topic: Topic) -> tuple[str, str, str]:
    replicas = _replicas(topic)
    same = len(set(replicas)) == 1
    shown = str(replicas[0]) if same else ", ".join(map(str, replicas))
    return topic.name, str(topic.partition_count), shown
