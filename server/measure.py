"""What `/metrics` tells: the engine's counters, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import merganser
from merganser.server.services import QueryStats, Services

_COUNTERS: tuple[tuple[str, str, Callable[[QueryStats], float]], ...] = (
    ("records_in", "Records read", lambda stats: stats.records_in),
    ("records_out", "Records written", lambda stats: stats.records_out),
    ("bytes_in", "Bytes of keys and values read", lambda stats: stats.bytes_in),
    ("bytes_out", "Bytes of keys and values written", lambda stats: stats.bytes_out),
    ("late_rows", "Rows dropped because their window was closed", lambda stats: stats.late_rows),
    ("record_errors", "Records that could not be used", lambda stats: stats.record_errors),
    ("epochs", "Epochs committed", lambda stats: stats.epochs),
)

_GAUGES: tuple[tuple[str, str, Callable[[QueryStats], float]], ...] = (
    ("lag_records", "Records not read yet", lambda stats: stats.lag),
    ("epoch_seconds", "Time the last epoch took", lambda stats: stats.epoch_seconds_last),
    ("state_bytes", "Size of the state's files", lambda stats: stats.state_bytes),
    (
        "last_record_timestamp_seconds",
        "When it last had records to read, in seconds since 1970; 0 for never",
        lambda stats: stats.last_record_ms / 1000,
    ),
)

_STATES = ("RUNNING", "PAUSED", "ERROR")


class EngineCollector(Collector):
    """Reads the counters of all persistent queries, each labelled with its id."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("merganser_up", "Whether the server is ready", 1)
        build = GaugeMetricFamily("merganser_build_info", "The version", labels=["version"])
        build.add_metric([merganser.__version__], 1)
        yield build
        yield GaugeMetricFamily(
            "merganser_open_answers", "Streaming answers", self._services.open_answers
        )
        yield from self._pushes()
        yield from self._health()
        stats = list(self._services.engine.stats())
        for name, text, read in _COUNTERS:
            counter = CounterMetricFamily(f"merganser_query_{name}", text, labels=["query_id"])
            for entry in stats:
                counter.add_metric([entry.query_id], read(entry))
            yield counter
        for name, text, read in _GAUGES:
            gauge = GaugeMetricFamily(f"merganser_query_{name}", text, labels=["query_id"])
            for entry in stats:
                gauge.add_metric([entry.query_id], read(entry))
            yield gauge
        state = GaugeMetricFamily(
            "merganser_query_state",
            "1 for the state that a query is in",
            labels=["query_id", "state"],
        )
        for entry in stats:
            for known in sorted({*_STATES, entry.state}):
                state.add_metric([entry.query_id, known], float(known == entry.state))
        yield state

    def _pushes(self) -> Iterator[Metric]:
        pushes = self._services.engine.push_stats()
        yield GaugeMetricFamily("merganser_push_queries", "Push queries", pushes.query_count)
        subscribers = GaugeMetricFamily(
            "merganser_push_subscribers", "Push queries that share a reader", labels=["topic"]
        )
        waiting = GaugeMetricFamily(
            "merganser_push_waiting_bytes", "Bytes in their queues", labels=["topic"]
        )
        for topic, count, byte_count in pushes.readers:
            subscribers.add_metric([topic], count)
            waiting.add_metric([topic], byte_count)
        yield subscribers
        yield waiting
        yield CounterMetricFamily(
            "merganser_push_dropped",
            "Push queries dropped because their client read too slowly",
            pushes.dropped_count,
        )

    def _health(self) -> Iterator[Metric]:
        healthy = GaugeMetricFamily(
            "merganser_healthy", "Whether a part of the server is well", labels=["part"]
        )
        for part, well in self._services.engine.health().items():
            healthy.add_metric([part], float(well))
        yield healthy


def registry_of(services: Services) -> CollectorRegistry:
    """The registry of one application, with the engine's counters in it."""
    registry = services.meters.registry
    if not services.meters.has_engine:
        services.meters.has_engine = True
        registry.register(EngineCollector(services))
    return registry
