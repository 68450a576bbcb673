"""The engine on a real Kafka: exactly once, while brokers go away and rivals come."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka
import orjson
import pytest

from merganser.engine.engine import Engine
from merganser.engine.log.kafka import KafkaLog
from tests.kafka_server import process, servers
from tests.kafka_server.plugin import start_or_skip
from tests.runtime.driving import Input, append, has_read_all, opened, wait_until

SECONDS_MAX = 240.0  # A busy machine; an idle one takes a twentieth.
START_MS = 1_700_000_000_000
_numbers = itertools.count(1)


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A prefix for this test's topics and service."""
    return f"e{next(_numbers)}_{tmp_path.name.lower()}_"


@pytest.fixture
def log(kafka: str) -> Iterator[KafkaLog]:
    log = KafkaLog({"bootstrap.servers": kafka})
    yield log
    log.close()


KILLS_MAX = 3
MARKERS_DROPPED = "these partitions are likely deleted already and hence can be skipped"
"""What a broker says when it gives up writing the end of a transaction. No topic is deleted here:
a broker that was killed between the promise to commit and the markers has come back without leaders
for a moment. Readers then see only part of what it had acknowledged, whoever wrote it."""


@contextmanager
def _own_broker(folder: Path) -> Iterator[str]:
    """A broker that a test may stop and start: its address."""
    try:
        yield start_or_skip(folder)
    finally:
        servers.stop_all(folder)


def _statements(name: str) -> str:
    return f"""
    CREATE STREAM CLICKS (ID STRING KEY, PAGE STRING, N BIGINT)
      WITH (KAFKA_TOPIC='{name}clicks', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE TABLE USERS (ID STRING PRIMARY KEY, CITY STRING)
      WITH (KAFKA_TOPIC='{name}users', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE STREAM BIG WITH (KAFKA_TOPIC='{name}big') AS SELECT ID, N FROM CLICKS WHERE N % 2 = 0;
    CREATE TABLE COUNTS WITH (KAFKA_TOPIC='{name}counts') AS
      SELECT PAGE, COUNT(*) AS HITS FROM CLICKS GROUP BY PAGE;
    CREATE STREAM JOINED WITH (KAFKA_TOPIC='{name}joined') AS
      SELECT C.ID, N, CITY FROM CLICKS C JOIN USERS U ON C.ID = U.ID;
    """


def _clicks(name: str, start: int, count: int) -> list[Input]:
    return [
        Input(
            f"{name}clicks",
            number % 2,
            b"u%d" % (number % 2),
            orjson.dumps({"PAGE": f"p{number % 5}", "N": number}),
            START_MS + number,
        )
        for number in range(start, start + count)
    ]


def _users(name: str) -> list[Input]:
    return [
        Input(f"{name}users", number, b"u%d" % number, orjson.dumps({"CITY": f"c{number}"}), 1)
        for number in range(2)
    ]


def _settle(log: KafkaLog, engine: Engine) -> None:
    """Until all queries have read and published what is there."""
    wait_until(lambda: all(has_read_all(log, task) for task in engine.tasks()), SECONDS_MAX)


def _consume(bootstrap: str, topic: str) -> list[tuple[bytes | None, dict[str, object]]]:
    """All committed records of a topic, read by a consumer that knows nothing of Merganser."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"check-{topic}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in partitions])
        found: list[tuple[bytes | None, dict[str, object]]] = []
        ended: set[int | None] = set()
        while len(ended) < len(partitions):
            message = consumer.poll(30)
            assert message is not None, "the broker does not answer"
            error, value = message.error(), message.value()
            if error is not None:
                assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF
                ended.add(message.partition())
            else:
                assert value is not None
                found.append((message.key(), orjson.loads(value)))
    finally:
        consumer.close()
    return found


def _check(bootstrap: str, name: str, count: int) -> None:
    """The outputs of `_statements` over `count` clicks: nothing lost, nothing doubled."""
    numbers = [row["N"] for _, row in _consume(bootstrap, f"{name}big")]
    assert Counter(numbers) == Counter(range(0, count, 2))
    joined = [(key, row["N"], row["CITY"]) for key, row in _consume(bootstrap, f"{name}joined")]
    assert Counter(joined) == Counter((b"u%d" % (n % 2), n, f"c{n % 2}") for n in range(count))
    last: dict[bytes | None, object] = {}
    for key, row in _consume(bootstrap, f"{name}counts"):
        last[key] = row["HITS"]
    assert last == {b"p%d" % page: len(range(page, count, 5)) for page in range(min(count, 5))}


def _until(engine: Engine, *, state: str) -> None:
    """Waits until all queries are in a state."""
    wait_until(lambda: {task.stats.state for task in engine.tasks()} == {state}, SECONDS_MAX)


@pytest.mark.timeout(600)
def test_queries_write_each_row_once(kafka: str, log: KafkaLog, name: str, tmp_path: Path) -> None:
    """CSAS, CTAS and a join, restarted between two loads, once without their state."""
    for number, (start, count) in enumerate([(0, 300), (300, 200), (500, 100)]):
        data_dir = tmp_path / ("state" if number < 2 else "empty")
        with opened(log, data_dir, autorun=True, service_id=name) as engine:
            if number == 0:
                engine.execute(_statements(name))
                append(log, _users(name))
                _settle(log, engine)
            append(log, _clicks(name, start, count))
            _settle(log, engine)
    _check(kafka, name, 600)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_broker_goes_away_and_comes_back(name: str, tmp_path: Path) -> None:
    for number in range(KILLS_MAX):
        folder = tmp_path / f"broker-{number}"
        with _own_broker(folder) as bootstrap:
            _lose_and_find_the_broker(folder, bootstrap, name, tmp_path / f"state-{number}")
            try:
                _check(bootstrap, name, 300)
            except AssertionError:
                if MARKERS_DROPPED not in (folder / "kafka.log").read_text(errors="replace"):
                    raise
            else:
                return
    pytest.fail(f"Kafka itself lost the end of a transaction {KILLS_MAX} times")


def _lose_and_find_the_broker(folder: Path, bootstrap: str, name: str, state: Path) -> None:
    """300 clicks, of which a hundred come just before the broker is killed."""
    port = int(bootstrap.rpartition(":")[2])
    log = KafkaLog({"bootstrap.servers": bootstrap})
    with opened(log, state, autorun=True, service_id=name) as engine:
        engine.execute(_statements(name))
        append(log, _users(name))
        _settle(log, engine)
        append(log, _clicks(name, 0, 100))
        _settle(log, engine)
        assert engine.health()["kafka"]

        append(log, _clicks(name, 100, 100))
        process.kill(folder, "kafka")  # In the middle of their epochs.
        wait_until(lambda: not engine.health()["kafka"], SECONDS_MAX)
        _until(engine, state="WAITING")
        wait_until(lambda: all(task.errors for task in engine.tasks()), SECONDS_MAX)
        assert {kind for task in engine.tasks() for _, _, kind in task.errors} == {"SYSTEM"}

        servers.start_kafka(folder, port)
        wait_until(lambda: engine.health()["kafka"], SECONDS_MAX)
        _until(engine, state="RUNNING")
        append(log, _clicks(name, 200, 100))
        _settle(log, engine)
    log.close()


@pytest.mark.timeout(600)
def test_rival_of_the_same_service_takes_over(
    kafka: str, log: KafkaLog, name: str, tmp_path: Path
) -> None:
    """The newer engine fences the older one, which stops at its next epoch and says why."""
    with opened(log, tmp_path / "old", autorun=True, service_id=name) as old:
        old.execute(_statements(name))
        append(log, _users(name))
        append(log, _clicks(name, 0, 100))
        _settle(log, old)
        with opened(log, tmp_path / "new", autorun=True, service_id=name) as new:
            wait_until(lambda: all(task.is_open for task in new.tasks()), SECONDS_MAX)
            append(log, _clicks(name, 100, 100))
            _settle(log, new)
            _until(old, state="ERROR")
            for task in old.tasks():
                ((_, message, kind),) = task.errors
                assert "fenced" in message.lower()
                assert kind == "SYSTEM"
            assert [task.stats.state for task in new.tasks()] == ["RUNNING"] * 3
    _check(kafka, name, 200)


@pytest.mark.timeout(300)
def test_bad_records_are_skipped_and_told_of(
    kafka: str, log: KafkaLog, name: str, tmp_path: Path
) -> None:
    properties = {"ksql.logging.processing.topic.auto.create": "true"}
    with opened(
        log, tmp_path / "state", autorun=True, service_id=name, properties=properties
    ) as engine:
        engine.execute(_statements(name))
        append(log, _users(name))
        good = _clicks(name, 0, 4)
        bad = good[1]._replace(value=b'{"PAGE": "p1", "N": ')
        worse = good[1]._replace(value=b'{"PAGE": "p1", "N": "many"}')
        append(log, [good[0], good[1], bad, good[2], worse, good[3]])
        _settle(log, engine)
        stats = {task.query_id.split("_")[1]: task.stats for task in engine.tasks()}
        assert stats["BIG"].record_errors == 2
        assert stats["BIG"].state == "RUNNING"
        topic = f"{name}ksql_processing_log"
        wait_until(lambda: sum(log.end_positions(topic).values()) > 0, SECONDS_MAX)
    _check(kafka, name, 4)
    entries = [entry for _, entry in _consume(kafka, topic) if "CSAS_BIG" in str(entry["logger"])]
    assert len(entries) == 2
    for entry, offset in zip(entries, (1, 2), strict=True):
        message = entry["message"]
        assert isinstance(message, dict)
        assert message["type"] == 0
        told = message["deserializationError"]
        assert told["target"] == "value"
        assert told["topic"] == f"{name}clicks"
        assert told["partition"] == 1
        assert told["offset"] == offset
        assert told["errorMessage"]
        assert told.get("recordB64") is None, "contents stay out unless asked for"
