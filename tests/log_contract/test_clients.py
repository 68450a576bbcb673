"""The native and the Python consumer read alike, and the native one is used where it can be."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merganser.engine.log import kafka_consumer
from merganser.engine.log.kafka import KafkaLog
from merganser.engine.log.kafka_consumer import CLIENT_SETTING, consumer_named
from merganser.engine.log.object_consumer import ObjectConsumer
from merganser.engine.log.protocol import Log, Output, TopicPartition
from merganser.errors import LogError
from tests.log_contract.records import Header, append, poll_until, table

CLIENTS = ("native", "python")

_BYTES = st.none() | st.binary(max_size=40)
_NAMES = st.text("abc\N{SNOWMAN}", min_size=1)
_HEADERS = st.none() | st.lists(st.tuples(_NAMES, _BYTES), max_size=3)
_STAMPS = st.none() | st.integers(1, 1_700_000_000_000)  # Kafka refuses those of tomorrow.
_RECORDS = st.lists(st.tuples(_BYTES, _BYTES, _STAMPS, _HEADERS), min_size=1, max_size=30)
Written = tuple[bytes | None, bytes | None, int | None, list[Header] | None]


@pytest.fixture(scope="module")
def logs(kafka: str) -> Iterator[dict[str, Log]]:
    """A log by each client."""
    made = {name: KafkaLog({"bootstrap.servers": kafka, CLIENT_SETTING: name}) for name in CLIENTS}
    yield dict(made)
    for log in made.values():
        log.close()


@pytest.fixture(scope="module")
def place(logs: dict[str, Log]) -> TopicPartition:
    """The one partition of a new topic, which keeps records of any age."""
    topic = f"clients-{uuid.uuid4().hex}"
    logs["python"].create_topic(topic, 1, None, {"retention.ms": "-1"})
    return TopicPartition(topic, 0)


@pytest.mark.kafka
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(written=_RECORDS)
def test_what_is_written_both_read_alike(
    logs: dict[str, Log], place: TopicPartition, written: list[Written]
) -> None:
    log = logs["python"]
    start = log.end_positions(place.topic)[place]
    log.append(Output(place.topic, _table(written)))
    end = log.end_positions(place.topic)[place]
    native, python = (_read(logs[name], place, start, end) for name in CLIENTS)
    assert native == python
    assert [(key, value, headers) for key, value, _, headers in native] == [
        (key, value, headers or None) for key, value, _, headers in written
    ]
    assert [
        given is None or given == stamp
        for (_, _, given, _), (_, _, stamp, _) in zip(written, native, strict=True)
    ] == [True] * len(written)


@pytest.mark.kafka
def test_a_full_queue_is_waited_for(kafka: str) -> None:
    log = KafkaLog({"bootstrap.servers": kafka, "producer.queue.buffering.max.messages": "50"})
    topic = f"full-{uuid.uuid4().hex}"
    log.create_topic(topic, 1, None, {})
    keys: list[bytes | None] = [b"%d" % number for number in range(5_000)]
    append(log, topic, keys)
    place = TopicPartition(topic, 0)
    assert [key for key, *_ in _read(log, place, 0, len(keys))] == keys
    log.close()


def test_without_numba_the_python_client_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ImportError("No module named 'numba'")
    monkeypatch.setattr(kafka_consumer, "_native_consumer", lambda: missing)
    assert consumer_named("auto") is ObjectConsumer
    with pytest.raises(LogError, match="numba") as caught:
        consumer_named("native")
    assert caught.value.hint is not None


def test_unknown_client_is_refused() -> None:
    with pytest.raises(LogError, match='"jvm"'):
        consumer_named("jvm")


def test_native_consumer_is_chosen_where_it_can_be_had() -> None:
    pytest.importorskip("numba")
    assert consumer_named("auto") is consumer_named("native")
    assert consumer_named("auto") is not ObjectConsumer


def _table(written: Sequence[Written]) -> pa.Table:
    keys, values, stamps, headers = zip(*written, strict=True)
    return table(keys, values, stamps, headers)


def _read(log: Log, place: TopicPartition, start: int, end: int) -> list[Written]:
    reader = log.reader({place: start})
    try:
        batches = poll_until(reader, {place: end})
    finally:
        reader.close()
    rows = [row for batch in batches for row in batch.records.to_pylist()]
    return [
        (
            row["key"],
            row["value"],
            row["timestamp"],
            [(each["key"], each["value"]) for each in row["headers"]] if row["headers"] else None,
        )
        for row in rows
    ]
