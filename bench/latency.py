"""From producing a record to reading its result, at a thousand records a second.

A record's id is the moment at which it was sent. The result is read as a careful consumer reads it:
committed records only.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from confluent_kafka import Consumer, Producer, TopicPartition

from bench import load
from bench.systems import Run, System

RECORDS_PER_SECOND = 1_000
START_SECONDS_MAX = 60.0
WARM_SECONDS = 5.0
_ID = re.compile(rb'"(?:id|ID)":(\d+)')


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds."""

    p50_ms: float
    p99_ms: float
    record_count: int


def measure_latency(system: System, run: Run, seconds: float) -> Latency:
    """Runs the filter job on a paced stream of which every record passes.

    Raises:
        RuntimeError: The system gives no results.
    """
    load.create_topic(run.bootstrap, run.orders_topic)
    load.create_topic(run.bootstrap, run.sink_topic)
    process = system.start(run)
    ending = threading.Event()
    sender = threading.Thread(target=_send, args=(run, ending), daemon=True)
    consumer = Consumer(
        {
            "bootstrap.servers": run.bootstrap,
            "group.id": f"latency-{run.identity}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    try:
        consumer.assign([TopicPartition(run.sink_topic, n, 0) for n in range(load.PARTITION_COUNT)])
        sender.start()
        _first(consumer)
        until = time.monotonic() + WARM_SECONDS
        while time.monotonic() < until:
            consumer.consume(100, 0.01)
        return _percentiles(_delays(consumer, seconds))
    finally:
        ending.set()
        sender.join()
        consumer.close()
        process.usage()
        process.stop()


def _send(run: Run, ending: threading.Event) -> None:
    """One record each millisecond."""
    producer = Producer({"bootstrap.servers": run.bootstrap, "linger.ms": 0})
    due = time.perf_counter()
    number = 0
    while not ending.is_set():
        due += 1 / RECORDS_PER_SECOND
        delay = due - time.perf_counter()
        if delay > 0:
            time.sleep(delay)
        number += 1
        value = (
            f'{{"id":{time.time_ns() // 1000},"page":"/shop/catalog/item/{number % 5000}",'
            f'"amount":12.5,"quantity":9,"region":"east"}}'
        )
        producer.produce(run.orders_topic, value, f"u{number % load.USER_COUNT:07d}")
        producer.poll(0)
    producer.flush(10.0)


def _first(consumer: Consumer) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        if consumer.consume(1, 1.0):
            return
    raise RuntimeError("no result came")


def _delays(consumer: Consumer, seconds: float) -> list[float]:
    delays: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is None or message.error() is not None:
            continue
        now_us = time.time_ns() // 1000
        found = _ID.search(message.value() or b"")
        assert found is not None
        delays.append((now_us - int(found[1])) / 1000)
    return delays


def _percentiles(delays: list[float]) -> Latency:
    if not delays:
        raise RuntimeError("no result came")
    ordered = sorted(delays)

    def at(share: float) -> float:
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    return Latency(at(0.5), at(0.99), len(ordered))
