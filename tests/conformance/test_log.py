"""The log that keeps every topic in one partition."""

from __future__ import annotations

import pyarrow as pa
import pytest

from merganser.engine.log.protocol import OUTPUT_SCHEMA, Commit, Output, TopicPartition
from merganser.errors import FencedError, LogError
from tests.conformance.log import SinglePartitionLog, StoredRecord

T0 = TopicPartition("t", 0)


def output(topic: str, *values: bytes) -> Output:
    rows = [{"key": b"k", "value": value, "timestamp": 5, "headers": None} for value in values]
    return Output(topic, pa.Table.from_pylist(rows, schema=OUTPUT_SCHEMA))


def commit(epoch: int) -> Commit:
    return Commit(epoch, {T0: (epoch, epoch + 1)}, wall_clock_ms=0)


@pytest.fixture
def log() -> SinglePartitionLog:
    log = SinglePartitionLog()
    log.create_topic("t", 4, None, {})
    return log


def test_reports_partitions_but_keeps_all_in_the_first(log: SinglePartitionLog) -> None:
    log.append(output("t", b"1", b"2"))
    topic = log.topic("t")
    assert topic is not None
    assert topic.partition_count == 4
    assert log.start_positions("t") == {T0: 0}
    assert log.end_positions("t") == {T0: 2}
    records = log.batch("t", 1, 2).records.to_pylist()
    assert records == [
        {
            "key": b"k",
            "value": b"2",
            "timestamp": 5,
            "headers": None,
            "partition": 0,
            "offset": 1,
        }
    ]


def test_an_existing_topic_is_left_as_it_is(log: SinglePartitionLog) -> None:
    log.append(output("t", b"1"))
    log.create_topic("t", 1, None, {})
    topic = log.topic("t")
    assert topic is not None
    assert topic.partition_count == 4
    assert len(log.written("t")) == 1


def test_reader_polls_up_to_its_bound_and_reads_ranges_again(log: SinglePartitionLog) -> None:
    log.append(output("t", b"1", b"2", b"3"))
    reader = log.reader({T0: 0})
    assert [batch.records.num_rows for batch in reader.poll(2, 0)] == [2]
    assert reader.positions() == {T0: 2}
    assert reader.lag() == {T0: 1}
    assert [batch.records.num_rows for batch in reader.poll(9, 0)] == [1]
    assert reader.poll(9, 0) == []
    (again,) = reader.read({T0: (1, 2)})
    assert again.records.column("value").to_pylist() == [b"2"]


def test_reader_refuses_what_is_not_there(log: SinglePartitionLog) -> None:
    with pytest.raises(LogError):
        log.reader({T0: 0}).read({T0: (0, 1)})
    with pytest.raises(LogError):
        log.batch("missing", 0, 0)


def test_reader_can_leave_headers_out(log: SinglePartitionLog) -> None:
    log.write("t", [StoredRecord(b"k", None, 0, (("h", b"v"), ("n", None)))])
    (full,) = log.reader({T0: 0}).poll(1, 0)
    assert full.records.column("headers").to_pylist() == [
        [{"key": "h", "value": b"v"}, {"key": "n", "value": None}]
    ]
    (bare,) = log.reader({T0: 0}, headers=False).poll(1, 0)
    assert bare.records.column("headers").to_pylist() == [None]
    assert bare.records.schema == full.records.schema


def test_delivers_only_what_it_is_told_to(log: SinglePartitionLog) -> None:
    log.append(output("t", b"earlier"))
    log.deliver_only("t", [StoredRecord(b"k", b"given", 0)])
    log.append(output("t", b"later"))
    (batch,) = log.reader({T0: 0}).poll(9, 0)
    assert batch.records.column("value").to_pylist() == [b"given"]
    assert [record.value for record in log.written("t")] == [b"earlier", b"later"]


def test_publishing_is_atomic_ordered_and_idempotent(log: SinglePartitionLog) -> None:
    publisher = log.publisher("q")
    assert publisher.last_commit() is None
    with pytest.raises(LogError):
        publisher.publish(commit(0), [output("t", b"1"), output("missing", b"1")])
    assert log.written("t") == []
    publisher.publish(commit(0), [output("t", b"1")])
    publisher.publish(commit(0), [output("t", b"twice")])
    with pytest.raises(LogError):
        publisher.publish(commit(2), [])
    publisher.publish(commit(1), [])
    assert [record.value for record in log.written("t")] == [b"1"]
    assert publisher.last_commit() == commit(1)
    assert list(publisher.commits(0)) == [commit(1)]
    assert list(publisher.commits(-1)) == [commit(0), commit(1)]


def test_a_newer_publisher_fences_the_older(log: SinglePartitionLog) -> None:
    older = log.publisher("q")
    older.publish(commit(0), [])
    newer = log.publisher("q")
    assert newer.last_commit() == commit(0)
    with pytest.raises(FencedError):
        older.publish(commit(1), [output("t", b"1")])
    assert log.written("t") == []
    newer.publish(commit(1), [])


def test_forgets_a_task(log: SinglePartitionLog) -> None:
    log.publisher("q").publish(commit(0), [])
    log.forget("q")
    assert log.publisher("q").last_commit() is None


def test_finds_positions_by_time(log: SinglePartitionLog) -> None:
    log.write("t", [StoredRecord(None, b"v", time) for time in (10, 30, 20)])
    assert log.positions_at("t", 20) == {T0: 1}
    assert log.positions_at("t", 99) == {T0: 3}
