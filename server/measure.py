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


def registry_of(services: Services) -> CollectorRegistry:
    """A registry with the counters of one application."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(services))
    return registry
