"""Whether a run gave the right result: a fast wrong answer is none."""

from __future__ import annotations

import json

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from bench.jobs import Job
from bench.load import PARTITION_COUNT, orders_query, rows_of

WAIT_SECONDS_MAX = 30.0


def check_result(job: Job, bootstrap: str, sink_topic: str, count: int) -> None:
    """Reads a sink and holds it against the records that went in.

    Raises:
        AssertionError: It is not the result.
    """
    orders = f"({orders_query(0, count)})"
    value = "CAST(json_extract(value, '$.quantity') AS INTEGER)"
    found = _committed(bootstrap, sink_topic)
    if job.name == "tumbling":
        last = {message.key(): json.loads(message.value() or b"{}") for message in found}
        rows = [{name.lower(): number for name, number in row.items()} for row in last.values()]
        ((quantity,),) = rows_of(f"SELECT sum({value}) FROM {orders}")  # noqa: S608 - our own text
        assert sum(row["orders"] for row in rows) == count, "records are missing or counted twice"
        assert sum(row["quantity"] for row in rows) == quantity, "the sums are wrong"
        return
    expected = count
    if job.name == "filter":
        passing = f"SELECT count(*) FROM {orders} WHERE {value} > 5"  # noqa: S608 - as above
        ((expected,),) = rows_of(passing)
    assert len(found) == expected, f"{len(found)} records in the sink, {expected} expected"


def _committed(bootstrap: str, topic: str) -> list[Message]:
    """All committed records of a topic, each partition's in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-check",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,
        }
    )
    consumer.assign([TopicPartition(topic, index, 0) for index in range(PARTITION_COUNT)])
    found: list[Message] = []
    ended: set[int | None] = set()
    try:
        while len(ended) < PARTITION_COUNT:
            messages = consumer.consume(2_000, WAIT_SECONDS_MAX if not ended else 1.0)
            if not messages and not ended:
                raise AssertionError(f"the sink {topic} cannot be read")
            for message in messages:
                error = message.error()
                if error is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
    finally:
        consumer.close()
    return found
