"""The records: made in DuckDB, given to Kafka by one fast producer. Its cost is not counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.jobs import USER_COUNT

PARTITION_COUNT = 6
CHUNK_ROWS = 200_000
FIRST_MS = 1_760_000_000_000  # A multiple of no window: the first one is cut.
RECORDS_PER_MS = 20  # Event time: four million records are 200 s, four windows.

_ORDERS = """
    SELECT
        printf('u%07d', hash(i) % {users}) AS key,
        CAST(to_json(struct_pack(
            id := i,
            page := '/shop/catalog/item/' || CAST(hash(i + 7) % 5000 AS VARCHAR),
            amount := CAST(hash(i + 3) % 40000 AS INTEGER) / 100,
            quantity := CAST(hash(i + 5) % 10 AS INTEGER) + 1,
            region := ['north', 'east', 'south', 'west'][CAST(hash(i + 11) % 4 AS INTEGER) + 1]
        )) AS VARCHAR) AS value,
        {first_ms} + i // {per_ms} AS stamp
    FROM range({start}, {end}) AS r(i)
"""
_USERS = """
    SELECT
        printf('u%07d', i) AS key,
        CAST(to_json(struct_pack(
            city := 'city ' || CAST(i % 500 AS VARCHAR), level := CAST(i % 10 AS INTEGER)
        )) AS VARCHAR) AS value,
        {first_ms} - 1000 AS stamp
    FROM range({users}) AS r(i)
"""


def load_orders(bootstrap: str, topic: str, count: int, user_count: int = USER_COUNT) -> None:
    """Makes the topic of the stream with so many records; the same ones at every call."""
    create_topic(bootstrap, topic)
    _send(bootstrap, topic, _order_chunks(count, user_count))


def load_users(bootstrap: str, topic: str) -> None:
    """Makes the topic of the table. All rows are older than the first order."""
    create_topic(bootstrap, topic, {"cleanup.policy": "compact"})
    _send(bootstrap, topic, iter([rows_of(_USERS.format(first_ms=FIRST_MS, users=USER_COUNT))]))


def create_topic(bootstrap: str, name: str, config: dict[str, str] | None = None) -> None:
    """Makes a topic of six partitions and waits until it is there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(name, PARTITION_COUNT, 1, config={"retention.ms": "-1", **(config or {})})
    admin.create_topics([topic])[name].result()


def delete_topics(bootstrap: str, names: list[str]) -> None:
    """Deletes topics, to give the disk back."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_topics(names).values():
        future.exception()


def orders_query(start: int, end: int, user_count: int = USER_COUNT) -> str:
    """SQL of the records from one number to another: key, value, stamp."""
    return _ORDERS.format(
        users=user_count, first_ms=FIRST_MS, per_ms=RECORDS_PER_MS, start=start, end=end
    )


def _order_chunks(count: int, user_count: int) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, count, CHUNK_ROWS):
        end = min(start + CHUNK_ROWS, count)
        yield rows_of(orders_query(start, end, user_count))


def rows_of(sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return duckdb.connect().execute(sql).fetchall()


def _send(bootstrap: str, topic: str, chunks: Iterator[list[tuple[Any, ...]]]) -> None:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",  # Java's, so that stream and table meet.
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 2 * CHUNK_ROWS,
        }
    )
    produce = producer.produce
    for chunk in chunks:
        producer.flush()
        for key, value, stamp in chunk:
            produce(topic, value, key, -1, None, None, stamp)
    if producer.flush(60.0):
        raise RuntimeError(f"the records of {topic} were not taken")
