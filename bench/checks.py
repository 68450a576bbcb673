"""Whether a run gave the right result: a fast wrong answer is none."""

from __future__ import annotations

import json
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from bench.jobs import Job
from bench.load import PARTITION_COUNT, orders_query, rows_of

WAIT_SECONDS_MAX = 30.0


def check_result(job: Job, bootstrap: str, sink_topic: str, count: int) -> None:
    """Reads a sink and holds it against the records that went in.

    Raises:
        AssertionError: It is not the result.
    """
    orders = f"({orders_query(0, count, job.user_count)})"
    value = "CAST(json_extract(value, '$.quantity') AS INTEGER)"
    found = _committed(bootstrap, sink_topic)
    if job.name == "stream_join":
        ids = {(row["id"], row["other"]) for row in map(_lowered, found)}
        assert len(ids) == len(found), "a pair was given twice"
        near = "abs(a.stamp - b.stamp) <= 100 AND a.key = b.key"
        pairs = f"SELECT count(*) FROM {orders} AS a JOIN {orders} AS b ON {near}"  # noqa: S608
        ((expected,),) = rows_of(pairs)
        assert len(found) == expected, f"{len(found)} pairs, {expected} expected"
        return
    if job.name == "table_join":
        rows = list({message.key(): _lowered(message) for message in found}.values())
        newest = f"SELECT sum(m) FROM (SELECT max(i) AS m FROM ({_ids(orders)}) GROUP BY key)"  # noqa: S608
        ((expected,),) = rows_of(newest)
        assert sum(row["id"] for row in rows) == expected, "not the last orders"
        assert all(row["city"] for row in rows), "orders without their user"
        return
    if job.makes_table:
        last = {message.key(): json.loads(message.value() or b"{}") for message in found}
        rows = [{name.lower(): number for name, number in row.items()} for row in last.values()]
        windows = 10 if job.name == "hopping" else 1
        ((quantity,),) = rows_of(f"SELECT sum({value}) FROM {orders}")  # noqa: S608 - our own text
        assert sum(row.get("orders", 0) for row in rows) == windows * count, (
            "records are missing or counted twice"
        )
        assert sum(row.get("quantity", 0) for row in rows) == windows * quantity, (
            "the sums are wrong"
        )
        return
    expected = count
    if job.name == "filter":
        passing = f"SELECT count(*) FROM {orders} WHERE {value} > 5"  # noqa: S608 - as above
        ((expected,),) = rows_of(passing)
    assert len(found) == expected, f"{len(found)} records in the sink, {expected} expected"


def _lowered(message: Message) -> dict[str, Any]:
    row = json.loads(message.value() or b"{}")
    return {name.lower(): value for name, value in row.items()}


def _ids(orders: str) -> str:
    identity = "CAST(json_extract(value, '$.id') AS BIGINT)"
    return f"SELECT key, {identity} AS i FROM {orders}"  # noqa: S608 - our own text


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
