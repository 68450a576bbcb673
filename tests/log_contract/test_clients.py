"""The native and the Python client are one: what either writes, both read alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merganser.engine.log import kafka_clients
from merganser.engine.log.kafka import KafkaLog
from merganser.engine.log.kafka_clients import CLIENT_SETTING, clients_named
from merganser.engine.log.kafka_consumer import ObjectConsumer
from merganser.engine.log.kafka_producer import ObjectProducer
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
def topics(logs: dict[str, Log]) -> dict[str, str]:
    """A topic for each client to write."""
    names = {name: f"clients-{name}-{uuid.uuid4().hex}" for name in CLIENTS}
    for topic in names.values():
        logs["python"].create_topic(topic, 1, None, {"retention.ms": "-1"})
    return names


@pytest.mark.kafka
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(written=_RECORDS)
def test_what_one_writes_both_read_alike(
    logs: dict[str, Log], topics: dict[str, str], written: list[Written]
) -> None:
    found = []
    for writer in CLIENTS:
        topic = topics[writer]
        place = TopicPartition(topic, 0)
        start = logs[writer].end_positions(topic)[place]
        logs[writer].append(Output(topic, _table(written)))
        end = logs[writer].end_positions(topic)[place]
        for reader in CLIENTS:
            with_stamps = _read(logs[reader], place, start, end)
            found.append([(key, value, headers) for key, value, _, headers in with_stamps])
            stamps = [stamp for _, _, stamp, _ in with_stamps]
            assert [
                given is None or given == stamp
                for (_, _, given, _), stamp in zip(written, stamps, strict=True)
            ] == [True] * len(written)
    wanted = [(key, value, headers or None) for key, value, _, headers in written]
    assert found == [wanted] * len(CLIENTS) ** 2


@pytest.mark.kafka
@pytest.mark.parametrize("name", CLIENTS)
def test_a_full_queue_is_waited_for(kafka: str, name: str) -> None:
    settings = {
        "bootstrap.servers": kafka,
        CLIENT_SETTING: name,
        "producer.queue.buffering.max.messages": "50",
    }
    log = KafkaLog(settings)
    topic = f"full-{uuid.uuid4().hex}"
    log.create_topic(topic, 1, None, {})
    keys: list[bytes | None] = [b"%d" % number for number in range(5_000)]
    append(log, topic, keys)
    place = TopicPartition(topic, 0)
    assert [key for key, *_ in _read(log, place, 0, len(keys))] == keys
    log.close()


def test_without_numba_the_python_client_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ImportError("No module named 'numba'")
    monkeypatch.setattr(kafka_clients, "_native_clients", lambda: missing)
    assert clients_named("auto").consumer is ObjectConsumer
    with pytest.raises(LogError, match="numba") as caught:
        clients_named("native")
    assert caught.value.hint is not None


def test_unknown_client_is_refused() -> None:
    with pytest.raises(LogError, match='"jvm"'):
        clients_named("jvm")


def test_native_consumer_is_chosen_where_it_can_be_had() -> None:
    pytest.importorskip("numba")
    chosen = clients_named("auto")
    assert chosen.consumer is clients_named("native").consumer
    assert chosen.producer is ObjectProducer


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
