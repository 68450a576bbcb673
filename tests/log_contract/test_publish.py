"""Epochs: outputs, positions and commit record durable together, once, by one publisher."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from merganser.engine.log.protocol import Commit, Log, Output, TopicPartition
from merganser.errors import FencedError, InternalError, LogError
from tests.log_contract.records import append, poll_until, read_all, records, table

BOTH = pytest.mark.parametrize("exactly_once", [True, False], ids=["exactly-once", "at-least-once"])


def commit(epoch: int, topic: str, **notes: Any) -> Commit:
    """The commit of an epoch that read one offset of partition 0."""
    ranges = {TopicPartition(topic, 0): (epoch, epoch + 1)}
    return Commit(epoch, ranges, 1_700_000_000_000 + epoch, notes)


@BOTH
def test_epoch_is_durable_with_its_commit_record(
    log: Log, topic: str, producer_id: str, exactly_once: bool
) -> None:
    publisher = log.publisher(producer_id, exactly_once=exactly_once)
    assert publisher.last_commit() is None
    first = commit(0, topic, watermark_ms=17, idle=["t", 3], nested={"b": None, "a": 1.5})
    publisher.publish(first, [Output(topic, table([b"a", b"b"]))])
    assert publisher.last_commit() == first
    assert sorted(each.key or b"" for each in read_all(log, topic, count=2)) == [b"a", b"b"]
    publisher.close()
    later = log.publisher(producer_id, exactly_once=exactly_once)
    assert later.last_commit() == first
    assert list(later.commits(-1)) == [first]
    later.close()


@BOTH
def test_commit_records_are_replayed_in_order(
    log: Log, topic: str, producer_id: str, exactly_once: bool
) -> None:
    publisher = log.publisher(producer_id, exactly_once=exactly_once)
    published = [commit(epoch, topic, even=epoch % 2 == 0) for epoch in range(60)]
    for each in published:
        publisher.publish(each, [])
    assert list(publisher.commits(-1)) == published
    publisher.close()
    later = log.publisher(producer_id, exactly_once=exactly_once)
    assert later.last_commit() == published[-1]
    for after in (-1, 0, 31, 57, 58):
        assert list(later.commits(after)) == published[after + 1 :]
    assert list(later.commits(59)) == []
    assert list(later.commits(1_000)) == []
    later.close()


def test_outputs_of_an_epoch_keep_key_order_and_partition(
    log: Log, topic: str, producer_id: str
) -> None:
    publisher = log.publisher(producer_id)
    keys = [b"k%d" % (index % 7) for index in range(30_000)]
    publisher.publish(commit(0, topic), [Output(topic, table(keys))])
    publisher.close()
    by_key: dict[bytes | None, list[int]] = {}
    partitions: dict[bytes | None, set[int]] = {}
    for each in read_all(log, topic, count=30_000):
        by_key.setdefault(each.key, []).append(int((each.value or b"")[1:]))
        partitions.setdefault(each.key, set()).add(each.partition)
    assert sum(map(len, by_key.values())) == 30_000
    assert all(values == sorted(values) for values in by_key.values())
    assert all(len(found) == 1 for found in partitions.values())


def test_epoch_carries_headers_timestamps_tombstones_and_partitions(
    log: Log, topic: str, producer_id: str
) -> None:
    other = topic + "-other"
    log.create_topic(other, 2, None, {})
    publisher = log.publisher(producer_id)
    outputs = [
        Output(topic, table([b"a", None], [None, b"v"], [7, 8], [[("h", b"1")], None])),
        Output(other, table([b"c"])),
        Output(topic, table([b"d"]), pa.array([3], pa.int32())),
    ]
    publisher.publish(commit(0, topic), outputs)
    publisher.close()
    found = {(each.topic, each.key): each for each in read_all(log, topic, other, count=4)}
    assert len(found) == 4
    assert found[topic, b"a"].value is None
    assert found[topic, b"a"].timestamp == 7
    assert found[topic, None].timestamp == 8
    assert found[other, b"c"].value == b"v0"
    assert found[topic, b"d"].partition == 3
    reader = log.reader(log.start_positions(topic))
    headers: dict[bytes | None, object] = {}
    for batch in poll_until(reader, log.end_positions(topic)):
        headers |= {row["key"]: row["headers"] or None for row in batch.records.to_pylist()}
    reader.close()
    assert headers == {b"a": [{"key": "h", "value": b"1"}], None: None, b"d": None}


def test_refused_record_takes_the_whole_epoch_with_it(
    log: Log, topic: str, producer_id: str
) -> None:
    compacted = topic + "-compacted"
    log.create_topic(compacted, 1, None, {"cleanup.policy": "compact"})
    publisher = log.publisher(producer_id)
    publisher.publish(commit(0, topic), [Output(topic, table([b"kept"]))])
    outputs = [Output(topic, table([b"lost"])), Output(compacted, table([b"lost", None]))]
    with pytest.raises(LogError) as caught:
        publisher.publish(commit(1, topic), outputs)
    assert not caught.value.retryable
    assert compacted in str(caught.value)
    publisher.close()
    again = log.publisher(producer_id)
    assert again.last_commit() == commit(0, topic)
    again.publish(commit(1, topic), [Output(topic, table([b"second try"]))])
    again.close()
    found = read_all(log, topic, compacted, count=2)
    assert sorted(each.key or b"" for each in found) == [b"kept", b"second try"]


def test_at_least_once_reports_a_refused_record(log: Log, topic: str, producer_id: str) -> None:
    compacted = topic + "-compacted"
    log.create_topic(compacted, 1, None, {"cleanup.policy": "compact"})
    publisher = log.publisher(producer_id, exactly_once=False)
    with pytest.raises(LogError) as caught:
        publisher.publish(commit(0, topic), [Output(compacted, table([None]))])
    assert not caught.value.retryable
    publisher.close()
    again = log.publisher(producer_id, exactly_once=False)
    assert again.last_commit() is None
    again.close()


def test_newer_publisher_fences_the_older(log: Log, topic: str, producer_id: str) -> None:
    old = log.publisher(producer_id)
    old.publish(commit(0, topic), [Output(topic, table([b"a"]))])
    new = log.publisher(producer_id)
    assert new.last_commit() == commit(0, topic)
    with pytest.raises(FencedError) as caught:
        old.publish(commit(1, topic), [Output(topic, table([b"ghost"]))])
    assert not caught.value.retryable
    with pytest.raises(LogError):
        old.publish(commit(1, topic), [Output(topic, table([b"ghost"]))])
    new.publish(commit(1, topic), [Output(topic, table([b"b"]))])
    old.close()
    new.publish(commit(2, topic), [Output(topic, table([b"c"]))])
    new.close()
    assert sorted(each.key or b"" for each in read_all(log, topic, count=3)) == [b"a", b"b", b"c"]


def test_publishers_of_different_ids_do_not_meet(log: Log, topic: str, producer_id: str) -> None:
    one, two = log.publisher(producer_id + "-1"), log.publisher(producer_id + "-2")
    one.publish(commit(0, topic), [Output(topic, table([b"one"]))])
    two.publish(commit(0, topic, mine=2), [Output(topic, table([b"two"]))])
    one.publish(commit(1, topic), [Output(topic, table([b"one"]))])
    assert list(one.commits(-1)) == [commit(0, topic), commit(1, topic)]
    assert list(two.commits(-1)) == [commit(0, topic, mine=2)]
    one.close()
    two.close()
    assert len(read_all(log, topic, count=3)) == 3


@BOTH
def test_publishing_the_newest_epoch_again_does_nothing(
    log: Log, topic: str, producer_id: str, exactly_once: bool
) -> None:
    publisher = log.publisher(producer_id, exactly_once=exactly_once)
    publisher.publish(commit(0, topic), [Output(topic, table([b"a"]))])
    publisher.publish(commit(0, topic), [Output(topic, table([b"a"]))])
    publisher.close()
    again = log.publisher(producer_id, exactly_once=exactly_once)
    again.publish(commit(0, topic), [Output(topic, table([b"a"]))])
    again.close()
    assert len(read_all(log, topic, count=1)) == 1


def test_epoch_out_of_order_is_a_bug(log: Log, topic: str, producer_id: str) -> None:
    publisher = log.publisher(producer_id)
    for wrong in (commit(1, topic), commit(-1, topic)):
        with pytest.raises(InternalError):
            publisher.publish(wrong, [Output(topic, table([b"lost"]))])
    for epoch in range(3):
        publisher.publish(commit(epoch, topic), [])
    for wrong in (commit(1, topic), commit(4, topic), commit(2, topic, other=True)):
        with pytest.raises(InternalError):
            publisher.publish(wrong, [Output(topic, table([b"lost"]))])
    publisher.publish(commit(3, topic), [])
    publisher.close()
    assert read_all(log, topic) == []


def test_closed_publisher_refuses(log: Log, topic: str, producer_id: str) -> None:
    publisher = log.publisher(producer_id)
    publisher.close()
    publisher.close()
    with pytest.raises(LogError):
        publisher.publish(commit(0, topic), [])


def test_readers_follow_epochs_to_the_end_of_the_log(
    log: Log, topic: str, producer_id: str
) -> None:
    """Markers of transactions take offsets too, and must not count as lag for ever."""
    publisher = log.publisher(producer_id)
    reader = log.reader(log.start_positions(topic))
    for epoch in range(5):
        publisher.publish(commit(epoch, topic), [Output(topic, table([b"a", b"x", b"11"]))])
    publisher.close()
    assert len(read_all(log, topic, count=15)) == 15
    ends = log.end_positions(topic)
    assert len(records(poll_until(reader, ends))) == 15
    assert reader.positions() == ends
    assert set(reader.lag().values()) == {0}
    reader.close()


def test_forgotten_task_starts_anew(log: Log, topic: str, producer_id: str) -> None:
    publisher = log.publisher(producer_id)
    publisher.publish(commit(0, topic), [Output(topic, table([b"a"]))])
    publisher.close()
    log.forget(producer_id)
    log.forget(producer_id)
    again = log.publisher(producer_id)
    assert again.last_commit() is None
    assert list(again.commits(-1)) == []
    again.publish(commit(0, topic), [Output(topic, table([b"b"]))])
    again.close()
    assert len(read_all(log, topic, count=2)) == 2


def test_appended_and_published_records_share_a_topic(
    log: Log, topic: str, producer_id: str
) -> None:
    publisher = log.publisher(producer_id)
    append(log, topic, [b"a"], partition=0)
    publisher.publish(commit(0, topic), [Output(topic, table([b"11"]))])
    append(log, topic, [b"c"], partition=0)
    publisher.close()
    found = read_all(log, topic, count=3)
    assert [each.key for each in found] == [b"a", b"11", b"c"]
    assert [each.partition for each in found] == [0, 0, 0]


def test_a_key_goes_to_one_partition_however_many_records_go_with_it(
    log: Log, topic: str, producer_id: str
) -> None:
    keys = [None if number % 7 == 0 else b"key %d" % (number % 50) for number in range(3_000)]
    single = [key for key in dict.fromkeys(keys) if key is not None]
    for key in single:
        append(log, topic, [key])
    publisher = log.publisher(producer_id)
    publisher.publish(commit(0, topic), [Output(topic, table(keys))])
    publisher.close()
    places: dict[bytes | None, set[int]] = {}
    for record in read_all(log, topic, count=len(single) + len(keys)):
        places.setdefault(record.key, set()).add(record.partition)
    assert len(places.pop(None)) > 1
    assert {len(partitions) for partitions in places.values()} == {1}


def test_column_of_nulls_needs_no_type(log: Log, topic: str, producer_id: str) -> None:
    publisher = log.publisher(producer_id)
    records = table([b"a", b"b"])
    for name in ("value", "headers"):
        place = records.schema.get_field_index(name)
        records = records.set_column(place, name, pa.nulls(2))
    publisher.publish(commit(0, topic), [Output(topic, records)])
    publisher.close()
    assert [(each.key, each.value) for each in sorted(read_all(log, topic, count=2))] == [
        (b"a", None),
        (b"b", None),
    ]
