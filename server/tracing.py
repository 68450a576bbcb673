"""Spans of requests for OpenTelemetry, where it is installed (`pip install merganser[otel]`).

The API alone makes spans that nobody keeps. What is kept, and where it goes, is for whoever sets a
tracer provider: `merganser server --traces` sends to the collector that OTEL_EXPORTER_OTLP_ENDPOINT
names, with the environment's other OTEL_ settings. Statements stand in spans only if
`merganser.tracing.statements` is true: they may hold what is nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

import merganser
from merganser.errors import PropertyError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

STATEMENTS = "merganser.tracing.statements"
NAME = "merganser"


def tracer() -> Tracer | None:
    """What makes spans; None if OpenTelemetry is not installed."""
    try:
        from opentelemetry import trace  # noqa: PLC0415 (an extra)
    except ImportError:
        return None
    return trace.get_tracer(NAME, merganser.__version__)


def export_traces(service_id: str) -> None:
    """Sends spans to a collector from now on, as the environment's OTEL_ settings say.

    Raises:
        PropertyError: The packages for it are not installed.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 (an extra)
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise PropertyError(
            f"traces need a package that is not installed: {error.name}",
            hint="Install it: pip install merganser[otel].",
        ) from error
    resource = Resource.create({"service.name": NAME, "service.instance.id": service_id})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@contextmanager
def span(name: str, attributes: Mapping[str, str]) -> Iterator[None]:
    """A span around a block; nothing without OpenTelemetry. An error in it is noted."""
    found = tracer()
    if found is None:
        yield
        return
    with found.start_as_current_span(name, attributes=dict(attributes)):
        yield


class TraceMiddleware:
    """A span a request, as part of the caller's trace if it names one (`traceparent`)."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        from opentelemetry import propagate, trace  # noqa: PLC0415 (an extra)

        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        method = scope.get("method", "WEBSOCKET")
        with self._tracer.start_as_current_span(
            method,
            context=propagate.extract(headers),
            kind=trace.SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "url.path": scope["path"],
                "network.protocol.version": scope.get("http_version", ""),
            },
        ) as current:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    current.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        current.set_status(trace.StatusCode.ERROR)
                    route = str(getattr(scope.get("route"), "path", ""))
                    if route:
                        current.update_name(f"{method} {route}")
                        current.set_attribute("http.route", route)
                await send(message)

            await self._app(scope, receive, noted)
