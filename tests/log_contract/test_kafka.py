"""What only Kafka shows: consumer groups, fencing between clients, and a broker that goes away."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from merganser.engine.log import kafka_publisher
from merganser.engine.log.kafka import KafkaLog
from merganser.engine.log.protocol import Commit, Output, Reader, TopicPartition
from merganser.errors import LogError
from tests.kafka_server import process, servers
from tests.kafka_server.plugin import start_or_skip
from tests.log_contract.records import Record, append, poll_until, read_all, records, table

pytestmark = pytest.mark.kafka

# So that the client notices soon that nobody is there.
QUICK = {
    "socket.connection.setup.timeout.ms": "1000",
    "reconnect.backoff.max.ms": "200",
    "producer.message.timeout.ms": "2000",
    "producer.transaction.timeout.ms": "3000",
}


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"kafka-{uuid.uuid4().hex}"


@pytest.mark.parametrize("exactly_once", [True, False])
def test_consumed_positions_are_the_groups_offsets(
    kafka: str, kafka_log: KafkaLog, name: str, exactly_once: bool
) -> None:
    kafka_log.create_topic(name, 2, None, {})
    append(kafka_log, name, [b"k"] * 9, partition=1)
    publisher = kafka_log.publisher(name, exactly_once=exactly_once)
    ranges = {TopicPartition(name, 0): (0, 0), TopicPartition(name, 1): (0, 7)}
    publisher.publish(Commit(0, ranges, 0), [])
    publisher.close()
    wanted = {TopicPartition(name, 0): 0, TopicPartition(name, 1): 7}
    until = time.monotonic() + 20  # Kafka shows a transaction a moment after its commit.
    while _group_offsets(kafka, name) != wanted:
        assert time.monotonic() < until, _group_offsets(kafka, name)
    kafka_log.delete_topic(name)
    kafka_log.forget(name)
    assert kafka_log.topic(f"{name}-commits") is None


def test_commit_records_lie_in_a_topic_that_keeps_them(kafka_log: KafkaLog, name: str) -> None:
    kafka_log.create_topic(name, 4, None, {})
    publisher = kafka_log.publisher(name)
    publisher.publish(Commit(0, {TopicPartition(name, 3): (4, 5)}, 17, {"a": 1}), [])
    publisher.close()
    topic = kafka_log.topic(f"{name}-commits")
    assert topic is not None
    assert topic.partition_count == 1
    assert topic.config["cleanup.policy"] == "delete"
    assert topic.config["retention.ms"] == topic.config["retention.bytes"] == "-1"
    mark, record = read_all(kafka_log, topic.name, count=2)
    assert (mark.key, mark.value) == (b"start", None)
    assert record.value == (
        b'{"epoch":0,"notes":{"a":1},"ranges":{"%s":{"3":[4,5]}},"version":1,"wall_clock_ms":17}'
        % name.encode()
    )


def test_unfinished_epoch_of_a_dead_task_is_dropped(
    kafka: str, kafka_log: KafkaLog, name: str
) -> None:
    """A producer of the same id that never committed: its records stay invisible."""
    kafka_log.create_topic(name, 1, None, {})
    settings = {"bootstrap.servers": kafka, "transactional.id": name}
    dead = confluent_kafka.Producer(settings)
    dead.init_transactions(30)
    dead.begin_transaction()
    dead.produce(name, b"ghost", b"ghost")
    assert dead.flush(30) == 0
    reader = kafka_log.reader({TopicPartition(name, 0): 0})
    assert reader.poll(10, 300) == []
    publisher = kafka_log.publisher(name)
    publisher.publish(Commit(0, {}, 0), [Output(name, table([b"alive"]))])
    found = records(reader.poll(10, 20_000))
    assert [each.key for each in found] == [b"alive"]
    publisher.close()
    reader.close()


def test_event_time_zero_is_written_as_one(kafka_log: KafkaLog, name: str) -> None:
    """The client takes 0 for “now”, which would put the record half a century away."""
    kafka_log.create_topic(name, 1, None, {})
    kafka_log.append(Output(name, table([b"a", b"b"], None, [0, 1])))
    assert [each.timestamp for each in read_all(kafka_log, name)] == [1, 1]


def test_reader_of_a_deleted_topic_fails_for_good(kafka_log: KafkaLog, name: str) -> None:
    kafka_log.create_topic(name, 1, None, {})
    append(kafka_log, name, [b"a"])
    place = TopicPartition(name, 0)
    reader = kafka_log.reader({place: 0})
    assert len(records(poll_until(reader, {place: 1}))) == 1
    kafka_log.delete_topic(name)
    with pytest.raises(LogError) as caught:
        _poll_for_long(reader)
    assert not caught.value.retryable
    reader.close()


def test_settings_for_one_role(kafka: str, name: str) -> None:
    log = KafkaLog(
        {
            "bootstrap.servers": kafka,
            "client.id": "merganser-test",
            "producer.compression.type": "zstd",
            "consumer.fetch.min.bytes": "1",
            "producer.message.max.bytes": "1000",
        }
    )
    log.create_topic(name, 1, None, {})
    append(log, name, [b"a"])
    assert len(read_all(log, name)) == 1
    with pytest.raises(LogError) as caught:
        log.append(Output(name, table([b"k"], [b"x" * 5_000])))
    assert not caught.value.retryable
    log.close()


def test_unknown_setting_is_refused(kafka: str) -> None:
    with pytest.raises(LogError, match=r"no\.such\.setting") as caught:
        KafkaLog({"bootstrap.servers": kafka, "no.such.setting": "1"})
    assert not caught.value.retryable


# ---- a broker that goes away ----


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Path]:
    """The folder of a broker of its own, which the test may stop and start."""
    data = tmp_path / "broker"
    start_or_skip(data)
    yield data
    servers.stop_all(data)


def test_log_recovers_from_a_broker_that_went_away(
    broker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merganser.engine.log.kafka_publisher.TRANSACTION_SECONDS", 5.0)
    address = servers.start_kafka(broker)
    port = int(address.rsplit(":", 1)[1])
    log = KafkaLog({"bootstrap.servers": address, **QUICK})
    log.create_topic("t", 1, None, {})
    place = TopicPartition("t", 0)
    reader = log.reader({place: 0})
    publisher = log.publisher("q")
    publisher.publish(Commit(0, {}, 0), [Output("t", table([b"a"]))])
    assert [each.key for each in records(reader.poll(10, 20_000))] == [b"a"]

    process.kill(broker, "kafka")
    with pytest.raises(LogError) as caught:
        _poll_for_long(reader)
    assert caught.value.retryable
    with pytest.raises(LogError) as caught:
        publisher.publish(Commit(1, {}, 0), [Output("t", table([b"in doubt"]))])
    assert not caught.value.retryable
    with pytest.raises(LogError) as caught:
        append(log, "t", [b"nobody there"])
    assert caught.value.retryable
    assert not log.healthy()

    servers.start_kafka(broker, port)
    publisher.close()
    again = log.publisher("q")
    last = again.last_commit()
    assert last is not None
    assert last.epoch in {0, 1}
    again.publish(Commit(last.epoch + 1, {}, 0), [Output("t", table([b"b"]))])
    again.close()
    assert log.healthy()
    append(log, "t", [b"c"])
    ends = log.end_positions("t")
    found = _poll_over_errors(reader, ends[place])
    wanted = [b"in doubt"] * last.epoch + [b"b", b"c"]
    assert [each.key for each in found] == wanted
    reader.close()
    log.close()


def _group_offsets(bootstrap: str, group: str) -> dict[TopicPartition, int]:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    futures = admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group)], require_stable=True
    )
    found = futures[group].result().topic_partitions
    return {TopicPartition(each.topic, each.partition): each.offset for each in found}


def _poll_for_long(reader: Reader) -> None:
    """Polls until it raises."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        reader.poll(10, 500)


def _poll_over_errors(reader: Reader, end: int) -> list[Record]:
    """Polls up to a position, over errors that pass."""
    found: list[Record] = []
    until = time.monotonic() + 30
    while min(reader.positions().values()) < end:
        assert time.monotonic() < until, reader.positions()
        try:
            found += records(reader.poll(10, 500))
        except LogError as error:
            if not error.retryable:
                raise
    return found


class HungClient:
    """A producer that does not come back from handing over positions until it is let go."""

    def __init__(self, producer: confluent_kafka.Producer) -> None:
        self._producer = producer
        self.go = threading.Event()
        self.ended = threading.Event()

    def send_offsets_to_transaction(self, *given: Any) -> None:
        self.go.wait()
        try:
            self._producer.send_offsets_to_transaction(*given)
        finally:
            self.ended.set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._producer, name)


def test_what_a_hung_client_holds_is_left_to_the_next_publisher(
    kafka_log: KafkaLog, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka_log.create_topic(name, 1, None, {})
    first = Commit(0, {TopicPartition(name, 0): (0, 1)}, 17)
    publisher = kafka_log.publisher(name)
    hung = HungClient(publisher._producer)
    monkeypatch.setattr(publisher, "_producer", hung)
    monkeypatch.setattr(kafka_publisher, "PUBLISH_SECONDS_MAX", 0.5)
    with pytest.raises(LogError, match="come back"):
        publisher.publish(first, [Output(name, table([b"hung"]))])
    publisher.close()
    monkeypatch.setattr(kafka_publisher, "PUBLISH_SECONDS_MAX", 75.0)
    later = kafka_log.publisher(name)
    assert later.last_commit() is None
    later.publish(first, [Output(name, table([b"once"]))])
    hung.go.set()
    assert hung.ended.wait(60)
    assert [record.key for record in read_all(kafka_log, name, count=1)] == [b"once"]
    assert later.last_commit() == first
    later.close()
