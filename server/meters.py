"""Counters of what the server itself does: requests, and queries that it has started."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OTHER = "other"  # All paths that are no route: they are the clients' words, without bound.


class Meters:
    """The counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.has_engine = False  # Whether the engine's are in the registry.
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "merganser_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "merganser_http_response_start_seconds",
            "From a request to the first byte of its answer",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.open_requests = Gauge(
            "merganser_http_open_requests", "Requests under way", registry=self.registry
        )
        self.queries = Counter(
            "merganser_queries_started",
            "SELECTs and PRINTs started for clients: push, pull, stream_pull, print",
            ["kind"],
            registry=self.registry,
        )
        self.query_seconds = Histogram(
            "merganser_query_start_seconds",
            "Planning a query and, for pull queries, running it",
            ["kind"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.refusals = Counter(
            "merganser_refused",
            "Statements and queries that were refused, by error code",
            ["code"],
            registry=self.registry,
        )
        self.statements = Counter(
            "merganser_statements", "Requests of statements that were run", registry=self.registry
        )


class MeterMiddleware:
    """Counts requests by route and status."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._meters.request_seconds.labels(_route(scope)).observe(
                    time.perf_counter() - began
                )
            await send(message)

        self._meters.open_requests.inc()
        try:
            await self._app(scope, receive, counted)
        finally:
            self._meters.open_requests.dec()
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            self._meters.requests.labels(method, _route(scope), str(status)).inc()


_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", OTHER))
