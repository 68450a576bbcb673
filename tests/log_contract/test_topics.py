"""Topics: made, described, listed, deleted."""

from __future__ import annotations

import pytest

from merganser.engine.log.protocol import Log, TopicPartition
from merganser.errors import LogError
from tests.log_contract.records import append, read_all


def test_new_topic_is_described_with_its_settings(log: Log, topic: str) -> None:
    name = topic + "-b"
    log.create_topic(name, 3, 1, {"retention.ms": "123456789", "cleanup.policy": "compact"})
    found = log.topic(name)
    assert found is not None
    assert (found.name, found.partition_count, found.replicas) == (name, 3, (1, 1, 1))
    assert found.config["retention.ms"] == "123456789"
    assert found.config["cleanup.policy"] == "compact"


def test_topics_are_listed_by_name(log: Log, topic: str) -> None:
    log.create_topic(topic + "-a", 1, None, {})
    names = [each.name for each in log.topics()]
    assert names == sorted(names)
    assert {topic, topic + "-a"} <= set(names)
    (found,) = [each for each in log.topics() if each.name == topic]
    assert found == log.topic(topic)


def test_missing_topic_is_none(log: Log, topic: str) -> None:
    assert log.topic(topic + "-missing") is None
    assert log.topic(topic.upper()) is None


def test_existing_topic_is_left_as_it_is(log: Log, topic: str) -> None:
    append(log, topic, [b"a"])
    log.create_topic(topic, 7, None, {})
    found = log.topic(topic)
    assert found is not None
    assert found.partition_count == 4
    assert len(read_all(log, topic)) == 1


@pytest.mark.parametrize("name", ["", "a b", "ü", ".", "..", "x" * 250])
def test_illegal_name_is_refused(log: Log, name: str) -> None:
    with pytest.raises(LogError) as caught:
        log.create_topic(name, 1, None, {})
    assert not caught.value.retryable


def test_impossible_counts_are_refused(log: Log, topic: str) -> None:
    with pytest.raises(LogError) as caught:
        log.create_topic(topic + "-p", 0, None, {})
    assert not caught.value.retryable
    with pytest.raises(LogError) as caught:
        log.create_topic(topic + "-r", 1, 3, {})
    assert not caught.value.retryable


def test_deleted_topic_is_gone_with_its_records(log: Log, topic: str) -> None:
    append(log, topic, [b"a", b"b"])
    log.delete_topic(topic)
    assert log.topic(topic) is None
    assert topic not in {each.name for each in log.topics()}
    log.create_topic(topic, 2, None, {})
    assert log.end_positions(topic) == {
        TopicPartition(topic, 0): 0,
        TopicPartition(topic, 1): 0,
    }


def test_deleting_a_missing_topic_is_no_error(log: Log, topic: str) -> None:
    log.delete_topic(topic + "-missing")
    assert log.topic(topic) is not None


def test_asking_for_positions_of_a_missing_topic_fails(log: Log, topic: str) -> None:
    for ask in (log.start_positions, log.end_positions, lambda name: log.positions_at(name, 0)):
        with pytest.raises(LogError) as caught:
            ask(topic + "-missing")
        assert not caught.value.retryable


def test_log_is_healthy(log: Log) -> None:
    assert log.healthy()
