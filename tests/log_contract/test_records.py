"""Records: written outside of epochs, and read."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merganser.engine.log.murmur2 import partitions_of
from merganser.engine.log.protocol import Log, Output, TopicPartition
from merganser.errors import LogError
from tests.log_contract.records import (
    START_MS,
    Record,
    append,
    poll_until,
    read_all,
    records,
    table,
)


def test_records_come_back_as_written(log: Log, topic: str) -> None:
    keys = [b"11", b"x", b"", b"k"]
    values = [b"one", None, b"", b"\x00\xff"]
    log.append(Output(topic, table(keys, values, [1, 2, 3, 4])))
    found = sorted((each.key, each.value, each.timestamp) for each in read_all(log, topic))
    assert found == [(b"", b"", 3), (b"11", b"one", 1), (b"k", b"\x00\xff", 4), (b"x", None, 2)]


def test_keys_choose_partitions_as_in_java(log: Log, topic: str) -> None:
    append(log, topic, [b"11", b"x"])
    assert {each.key: each.partition for each in read_all(log, topic)} == {b"11": 0, b"x": 2}


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=30))
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_both_logs_partition_alike(log: Log, topic: str, keys: list[bytes]) -> None:
    start = log.end_positions(topic)
    append(log, topic, keys)
    reader = log.reader(start)
    found = records(poll_until(reader, log.end_positions(topic)))
    reader.close()
    chosen = partitions_of(pa.array(keys, pa.binary()), 4).tolist()
    wanted = sorted(zip(keys, chosen, strict=True))
    assert sorted((each.key or b"", each.partition) for each in found) == wanted


def test_records_without_key_spread_over_partitions(log: Log, topic: str) -> None:
    append(log, topic, [None] * 200)
    found = read_all(log, topic)
    assert len(found) == 200
    assert {each.partition for each in found} == {0, 1, 2, 3}


def test_given_partitions_win_over_keys(log: Log, topic: str) -> None:
    partitions = pa.array([3, 0, 3], pa.int32())
    log.append(Output(topic, table([b"11", b"11", None]), partitions))
    assert [(each.partition, each.offset, each.value) for each in read_all(log, topic)] == [
        (0, 0, b"v1"),
        (3, 0, b"v0"),
        (3, 1, b"v2"),
    ]


def test_partition_that_is_not_there_is_refused(log: Log, topic: str) -> None:
    with pytest.raises(LogError) as caught:
        append(log, topic, [b"a"], partition=4)
    assert not caught.value.retryable
    assert read_all(log, topic) == []


def test_order_in_a_partition_is_the_order_written(log: Log, topic: str) -> None:
    append(log, topic, [b"k%d" % (index % 3) for index in range(5_000)], partition=1)
    append(log, topic, [b"later"], partition=1)
    found = read_all(log, topic)
    assert [each.offset for each in found] == list(range(5_001))
    assert [each.value for each in found[:-1]] == [b"v%d" % index for index in range(5_000)]
    assert found[-1].key == b"later"


def test_record_without_timestamp_gets_the_time_of_writing(log: Log, topic: str) -> None:
    before_ms = time.time_ns() // 1_000_000
    log.append(Output(topic, table([b"a", b"b"], None, [None, START_MS])))
    after_ms = time.time_ns() // 1_000_000
    found = {each.key: each.timestamp for each in read_all(log, topic)}
    assert before_ms <= found[b"a"] <= after_ms
    assert found[b"b"] == START_MS


def test_headers_come_back_if_wanted(log: Log, topic: str) -> None:
    headers = [[("h", b"1"), ("h", None), ("é", b"")], None, []]
    log.append(Output(topic, table([b"a", b"b", b"c"], headers=headers)))
    reader = log.reader(log.start_positions(topic), headers=True)
    found: dict[bytes | None, object] = {}
    for batch in poll_until(reader, log.end_positions(topic)):
        for row in batch.records.to_pylist():
            found[row["key"]] = row["headers"] or None
    reader.close()
    assert found == {
        b"a": [
            {"key": "h", "value": b"1"},
            {"key": "h", "value": None},
            {"key": "é", "value": b""},
        ],
        b"b": None,
        b"c": None,
    }
    plain = log.reader(log.start_positions(topic), headers=False)
    batches = poll_until(plain, log.end_positions(topic))
    plain.close()
    assert sum(batch.records.num_rows for batch in batches) == 3
    assert all(batch.records["headers"].null_count == batch.records.num_rows for batch in batches)


def test_poll_keeps_to_rows_max_and_resumes(log: Log, topic: str) -> None:
    append(log, topic, [b"k%d" % index for index in range(1_000)])
    reader = log.reader(log.start_positions(topic))
    found: list[Record] = []
    until = time.monotonic() + 20
    while len(found) < 1_000 and time.monotonic() < until:
        batches = reader.poll(7, 1_000)
        assert sum(batch.records.num_rows for batch in batches) <= 7
        found += records(batches)
    reader.close()
    assert len(found) == 1_000
    assert len({(each.partition, each.offset) for each in found}) == 1_000


def test_every_partition_gets_its_turn(log: Log, topic: str) -> None:
    for partition in range(4):
        append(log, topic, [b"k"] * 50, partition)
    ends = log.end_positions(topic)
    assert ends == {TopicPartition(topic, partition): 50 for partition in range(4)}
    reader = log.reader(log.start_positions(topic))
    found = records(poll_until(reader, ends, rows_max=3))
    reader.close()
    assert len(found) == 200


def test_poll_reads_several_topics(log: Log, topic: str) -> None:
    other = topic + "-other"
    log.create_topic(other, 2, None, {})
    append(log, topic, [b"a"] * 10)
    append(log, other, [b"b"] * 20)
    found = read_all(log, topic, other)
    assert [each.topic for each in found] == [topic] * 10 + [other] * 20
    assert {(each.topic, each.key) for each in found} == {(topic, b"a"), (other, b"b")}


def test_only_assigned_partitions_from_their_positions_are_read(log: Log, topic: str) -> None:
    for partition in range(4):
        append(log, topic, [b"k"] * 10, partition)
    reader = log.reader({TopicPartition(topic, 1): 4, TopicPartition(topic, 3): 10})
    found = records(poll_until(reader, {TopicPartition(topic, 1): 10}))
    assert [(each.partition, each.offset) for each in found] == [(1, at) for at in range(4, 10)]
    assert reader.positions() == {TopicPartition(topic, 1): 10, TopicPartition(topic, 3): 10}
    reader.close()


def test_poll_of_nothing_ends_after_its_wait(log: Log, topic: str) -> None:
    reader = log.reader(log.start_positions(topic))
    assert reader.poll(10, 0) == []
    before = time.monotonic()
    assert reader.poll(10, 200) == []
    assert 0.15 < time.monotonic() - before < 2
    reader.close()


def test_waiting_poll_wakes_for_a_record(log: Log, topic: str) -> None:
    reader = log.reader(log.end_positions(topic))
    reader.poll(10, 100)
    writer = threading.Timer(0.2, append, (log, topic, [b"a"]))
    writer.start()
    before = time.monotonic()
    found = records(reader.poll(10, 20_000))
    waited = time.monotonic() - before
    writer.join()
    reader.close()
    assert [each.key for each in found] == [b"a"]
    assert waited < 10


def test_lag_counts_what_is_ahead(log: Log, topic: str) -> None:
    append(log, topic, [b"k"] * 10, partition=2)
    reader = log.reader({TopicPartition(topic, 1): 0, TopicPartition(topic, 2): 4})
    assert reader.lag() == {TopicPartition(topic, 1): 0, TopicPartition(topic, 2): 6}
    poll_until(reader, {TopicPartition(topic, 2): 10})
    assert reader.lag() == {TopicPartition(topic, 1): 0, TopicPartition(topic, 2): 0}
    reader.close()


def test_positions_by_timestamp(log: Log, topic: str) -> None:
    for partition, timestamps in enumerate([[10, 30, 20], [5], [40]]):
        partitions = pa.array([partition] * len(timestamps), pa.int32())
        keys = [b"k"] * len(timestamps)
        log.append(Output(topic, table(keys, None, timestamps), partitions))
    assert list(log.positions_at(topic, 15).items()) == [
        (TopicPartition(topic, 0), 1),
        (TopicPartition(topic, 1), 1),
        (TopicPartition(topic, 2), 0),
        (TopicPartition(topic, 3), 0),
    ]
    assert log.positions_at(topic, 10)[TopicPartition(topic, 0)] == 0
    assert log.positions_at(topic, 41)[TopicPartition(topic, 2)] == 1


def test_reading_outside_of_a_partition_fails_for_good(log: Log, topic: str) -> None:
    append(log, topic, [b"k"] * 3, partition=0)
    reader = log.reader({TopicPartition(topic, 0): 50})
    with pytest.raises(LogError) as caught:
        reader.poll(10, 20_000)
    assert not caught.value.retryable
    with pytest.raises(LogError):
        reader.poll(10, 200)
    reader.close()


def test_reader_of_a_missing_topic_or_partition_fails(log: Log, topic: str) -> None:
    for place in (TopicPartition(topic + "-missing", 0), TopicPartition(topic, 4)):
        with pytest.raises(LogError) as caught:
            log.reader({place: 0})
        assert not caught.value.retryable


def test_writing_to_a_missing_topic_fails(log: Log, topic: str) -> None:
    with pytest.raises(LogError) as caught:
        append(log, topic + "-missing", [b"a"])
    assert not caught.value.retryable


def test_compacted_topic_takes_no_record_without_key(log: Log, topic: str) -> None:
    compacted = topic + "-compacted"
    log.create_topic(compacted, 1, None, {"cleanup.policy": "compact"})
    with pytest.raises(LogError) as caught:
        append(log, compacted, [None])
    assert not caught.value.retryable
    append(log, compacted, [b"a"])
    assert [each.key for each in read_all(log, compacted)] == [b"a"]


def test_threads_append_together(log: Log, topic: str) -> None:
    failures = []

    def write(key: bytes) -> None:
        try:
            for _ in range(20):
                append(log, topic, [key] * 5)
        except LogError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(b"t%d" % index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = read_all(log, topic)
    assert sorted(each.key or b"" for each in found) == sorted(
        b"t%d" % index for index in range(4) for _ in range(100)
    )
